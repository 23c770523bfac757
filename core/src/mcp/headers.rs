//! Headers that mirror the body: held against it, never believed (MCP 2026-07-28, Streamable HTTP).
//!
//! Servers check them only for requests that declare 2026-07-28. We check them whenever they are there, so that
//! whatever reads headers behind us (routes, rate limits, logs) sees the truth in every revision.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Kind, Message};
use crate::Reason;

/// The first revision in which the mirrored headers are required.
const FIRST_MIRRORED: &str = "2026-07-28";

/// The mirrored headers of a request, each of which came at most once.
#[derive(Debug, Clone, Copy, Default)]
pub struct MirroredHeaders<'a> {
    /// `MCP-Protocol-Version`.
    pub protocol_version: Option<&'a str>,
    /// `Mcp-Method`.
    pub method: Option<&'a str>,
    /// `Mcp-Name`, possibly in the `=?base64?…?=` form.
    pub name: Option<&'a str>,
}

/// Holds the mirrored headers against the body.
///
/// # Errors
/// [`Reason::HeaderMismatch`].
pub fn check_mirrored(headers: MirroredHeaders<'_>, message: &Message) -> Result<(), Reason> {
    let stated = message.protocol_version();
    // A body that states the new revision under a header that does not is refused below.
    let modern = headers.protocol_version.is_some_and(is_modern);
    let required = modern && matches!(message.kind(), Kind::Request(_));
    let version_fits = match (headers.protocol_version, stated) {
        (Some(header), Some(body)) => header == body,
        (None, Some(body)) => !is_modern(body),
        (_, None) => true,
    };
    let method_fits = match headers.method {
        Some(method) => method == message.method(),
        None => !required,
    };
    let name_fits = match (headers.name, message.name()) {
        (Some(header), Some(name)) => decoded(header).is_some_and(|header| header == name),
        (Some(_), None) => false,
        (None, name) => !(required && name.is_some()),
    };
    if version_fits && method_fits && name_fits { Ok(()) } else { Err(Reason::HeaderMismatch) }
}

/// Revisions are dates, so that they compare as text. Anything else is left to the server to refuse.
fn is_modern(version: &str) -> bool {
    version.len() == FIRST_MIRRORED.len() && version >= FIRST_MIRRORED
}

/// Values outside visible ASCII travel as `=?base64?<base64 of UTF-8>?=`; the marker is case-sensitive.
fn decoded(value: &str) -> Option<String> {
    match value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        Some(encoded) => String::from_utf8(STANDARD.decode(encoded).ok()?).ok(),
        None => Some(value.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(version: Option<&str>) -> Message {
        let meta = version.map_or(String::new(), |version| {
            format!(r#","_meta":{{"io.modelcontextprotocol/protocolVersion":"{version}"}}"#)
        });
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"pods_délete"{meta}}}}}"#
        );
        Message::parse(body.as_bytes()).unwrap()
    }

    fn headers<'a>(
        protocol_version: Option<&'a str>,
        method: Option<&'a str>,
        name: Option<&'a str>,
    ) -> MirroredHeaders<'a> {
        MirroredHeaders { protocol_version, method, name }
    }

    #[test]
    fn headers_that_agree_pass_in_every_revision() {
        let encoded = "=?base64?cG9kc19kw6lsZXRl?=";
        let modern = Some("2026-07-28");
        for (message, headers) in [
            (call(None), headers(None, None, None)),
            (call(None), headers(Some("2025-06-18"), None, None)),
            (call(None), headers(Some("2025-11-25"), Some("tools/call"), Some(encoded))),
            (call(modern), headers(modern, Some("tools/call"), Some(encoded))),
        ] {
            assert_eq!(check_mirrored(headers, &message), Ok(()), "{headers:?}");
        }
    }

    #[test]
    fn headers_that_lie_or_are_missing_are_refused() {
        let encoded = "=?base64?cG9kc19kw6lsZXRl?=";
        let modern = Some("2026-07-28");
        for (message, headers) in [
            // The server would not look at these, and a route or a log would believe them.
            (call(None), headers(None, Some("tools/list"), None)),
            (call(None), headers(Some("2025-11-25"), None, Some("harmless"))),
            (call(modern), headers(modern, Some("tools/call"), Some("harmless"))),
            (call(modern), headers(modern, Some("Tools/Call"), Some(encoded))),
            (call(modern), headers(modern, None, Some(encoded))),
            (call(modern), headers(modern, Some("tools/call"), None)),
            (call(modern), headers(None, Some("tools/call"), Some(encoded))),
            (call(modern), headers(Some("2025-11-25"), Some("tools/call"), Some(encoded))),
            (call(None), headers(modern, None, None)),
            (call(None), headers(None, None, Some("=?BASE64?cG9kc19kw6lsZXRl?="))),
            (call(None), headers(None, None, Some("=?base64?%%?="))),
        ] {
            assert_eq!(
                check_mirrored(headers, &message),
                Err(Reason::HeaderMismatch),
                "{headers:?}"
            );
        }
    }
}
