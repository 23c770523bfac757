//! `Mcp-Param-…`: arguments of a tool, mirrored in headers (MCP 2026-07-28, Streamable HTTP).
//!
//! Which argument such a header mirrors, the tool's schema says (`x-mcp-header`), and that is not at hand here. Most
//! are called what they mirror, `Mcp-Param-Namespace` and `namespace`: such a header has to say what one of the
//! arguments of that name says. One that bears no argument's name goes on unread, which the specification demands of
//! whoever does not recognize it: nothing of ours decides by it, and the server holds it against its schema. Nothing
//! in front of the server may be routed by it, either, unless that server is known to.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};

use super::Message;
use super::headers::decoded;

/// What is known of a header by now.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// No argument bears its name.
    Nothing,
    /// Some do, and say something else.
    Lie,
    /// One does, and says the same.
    Truth,
}

type Headers<'a> = BTreeMap<&'a str, (&'a str, Seen)>;

/// Whether no header contradicts the arguments that bear its name. Names of headers are in lower case.
pub(super) fn arguments_fit(headers: &[(String, String)], message: &Message) -> bool {
    let (Some(arguments), false) = (message.arguments(), headers.is_empty()) else { return true };
    let mut headers: Headers<'_> =
        headers.iter().map(|(name, value)| (&**name, (&**value, Seen::Nothing))).collect();
    look_through(arguments, &mut headers);
    headers.values().all(|(_, seen)| *seen != Seen::Lie)
}

/// Schemas annotate what is reached by properties alone: nothing within a list is mirrored.
fn look_through(object: &Map<String, Value>, headers: &mut Headers<'_>) {
    for (name, argument) in object {
        if let Value::Object(object) = argument {
            look_through(object, headers);
        } else if !argument.is_array()
            && let Some((value, seen)) = headers.get_mut(&*name.to_ascii_lowercase())
            && *seen != Seen::Truth
        {
            *seen = if says(value, argument) { Seen::Truth } else { Seen::Lie };
        }
    }
}

/// Whether a header's value is the argument's. `null` is mirrored by no header at all.
fn says(header: &str, argument: &Value) -> bool {
    let Some(header) = decoded(header) else { return false };
    match argument {
        Value::String(text) => header == *text,
        Value::Bool(truth) => header == truth.to_string(),
        // As numbers: 42.0 is 42.
        Value::Number(number) => serde_json::from_str::<Number>(&header)
            .is_ok_and(|header| header == *number || is_same_float(&header, number)),
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// Where one of the two is a float, that is what they are compared as.
fn is_same_float(one: &Number, other: &Number) -> bool {
    (one.is_f64() || other.is_f64())
        && one
            .as_f64()
            .zip(other.as_f64())
            .is_some_and(|(one, other)| one.total_cmp(&other).is_eq())
}
