//! `Mcp-Param-…`: arguments of a tool, mirrored in headers (MCP 2026-07-28, Streamable HTTP).
//!
//! Which argument such a header mirrors, the tool's schema says (`x-mcp-header`), and that is not at hand here. Most
//! are called what they mirror, `Mcp-Param-Namespace` and `namespace`: such a header has to say what the tool's own
//! argument of that name says, or, where that is within another argument, what one of the least deep says. One that bears no argument's name goes on unread, which the specification demands of
//! whoever does not recognize it: nothing of ours decides by it, and the server holds it against its schema. Nothing
//! in front of the server may be routed by it, either, unless that server is known to.

use std::collections::BTreeMap;

use serde_json::{Number, Value};

use super::Message;
use super::headers::decoded;

/// A header that has not met an argument of its name, by that name.
type Open<'a> = BTreeMap<&'a str, &'a str>;

/// Whether no header contradicts the arguments that bear its name. Names of headers are in lower case.
pub(super) fn arguments_fit(headers: &[(String, String)], message: &Message) -> bool {
    let Some(arguments) = message.arguments() else { return true };
    let mut open: Open<'_> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    // The tool's own arguments first: whoever routes by a header means those, whatever stands within them.
    let mut own = arguments.iter().filter_map(|(name, argument)| {
        let (name, value) = open.get_key_value(&*name.to_ascii_lowercase())?;
        Some((*name, says(value, argument)))
    });
    let Ok(met) = own.try_fold(Vec::new(), |mut met, (name, truth)| {
        met.push(name);
        if truth { Ok(met) } else { Err(()) }
    }) else {
        return false;
    };
    open.retain(|name, _| !met.contains(name));
    let mut level: Vec<_> = arguments.values().filter_map(Value::as_object).collect();
    while !level.is_empty() && !open.is_empty() {
        let members = || level.iter().flat_map(|object| object.iter());
        let fits = |(name, value): (&&str, &&str)| {
            // Of several on one level the schema may mean any.
            let mut bearers = members()
                .filter(|(member, argument)| {
                    is_mirrored(argument) && member.eq_ignore_ascii_case(name)
                })
                .map(|(_, argument)| says(value, argument))
                .peekable();
            bearers.peek().is_some().then(|| bearers.any(|truth| truth))
        };
        let met: Vec<_> = open.iter().map(|header| (*header.0, fits(header))).collect();
        if met.iter().any(|(_, fits)| *fits == Some(false)) {
            return false;
        }
        open.retain(|name, _| !met.contains(&(*name, Some(true))));
        level = members().filter_map(|(_, member)| member.as_object()).collect();
    }
    true
}

/// Schemas annotate what is reached by properties alone: no list, and nothing within one.
fn is_mirrored(argument: &Value) -> bool {
    !argument.is_array() && !argument.is_object()
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
