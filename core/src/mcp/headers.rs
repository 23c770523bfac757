//! Headers that mirror the body: held against it, never believed (MCP 2026-07-28, Streamable HTTP).
//!
//! Servers check them only for requests that declare 2026-07-28. We check them whenever they are there, so that
//! whatever reads headers around us (routes, rate limits, logs) sees the truth in every revision; behind us those
//! revisions that do not define them do not see them at all, see [`crate::policy::Forwarding`].

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::mirrored_arguments::arguments_fit;
use super::{Form, Message, Revision};
use crate::Reason;

/// The mirrored headers of a request, each of which came at most once.
#[derive(Debug, Clone, Copy, Default)]
pub struct MirroredHeaders<'a> {
    /// `MCP-Protocol-Version`.
    pub protocol_version: Option<&'a str>,
    /// `Mcp-Method`.
    pub method: Option<&'a str>,
    /// `Mcp-Name`, possibly in the `=?base64?…?=` form.
    pub name: Option<&'a str>,
    /// Each `Mcp-Param-…`: what follows the prefix, in lower case, and the value, which may be in the same form.
    pub arguments: &'a [(String, String)],
}

/// Holds the mirrored headers against the body of a message of this revision.
///
/// # Errors
/// [`Reason::HeaderMismatch`].
pub(super) fn check_mirrored(
    headers: MirroredHeaders<'_>,
    message: &Message,
    revision: Revision,
) -> Result<(), Reason> {
    let required = revision.is_modern() && message.form() == Form::Request;
    let method_fits = match headers.method {
        Some(method) => method == message.method(),
        None => !required,
    };
    let name_fits = match (headers.name, message.name()) {
        (Some(header), Some(name)) => decoded(header).is_some_and(|header| header == name),
        (Some(_), None) => false,
        (None, name) => !(required && name.is_some()),
    };
    let all_fit = method_fits && name_fits && arguments_fit(headers.arguments, message);
    if all_fit { Ok(()) } else { Err(Reason::HeaderMismatch) }
}

/// Values outside visible ASCII travel as `=?base64?<base64 of UTF-8>?=`; the marker is case-sensitive. One that
/// has other characters all the same is nobody's.
pub(super) fn decoded(value: &str) -> Option<String> {
    match value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        Some(encoded) => String::from_utf8(STANDARD.decode(encoded).ok()?).ok(),
        None => {
            let plain = |byte| matches!(byte, b'\t' | b' '..=b'~');
            value.bytes().all(plain).then(|| value.to_owned())
        }
    }
}
