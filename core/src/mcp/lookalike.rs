//! Keys that another reader would take for ours. Some JSON readers match keys without regard to case, so that
//! `"Method"` would be nothing to us and the method to them.

use serde_json::{Map, Value};

/// Whether the object has a key that is none of these and could be taken for one.
pub(crate) fn has_lookalike(object: &Map<String, Value>, keys: &[&str]) -> bool {
    object.keys().any(|key| is_lookalike(key, keys))
}

/// Whether some readers take `key` for one of `known`, and others do not.
pub(crate) fn is_lookalike(key: &str, known: &[&str]) -> bool {
    known.iter().any(|known| key != *known && looks_like(key, known))
}

/// Go's `encoding/json` folds case by Unicode: `ſ` is an `s` there, and the Kelvin sign a `k`. To a reader that keeps
/// its texts as C does, a key ends at the first NUL: of requests see [`crate::json::parse_request`].
fn looks_like(key: &str, known: &str) -> bool {
    // Most keys differ in the first letter, and an ASCII letter is no other letter's double.
    let first = |text: &str| text.bytes().next().unwrap_or_default().to_ascii_lowercase();
    if known.is_ascii() && first(key).is_ascii() && first(key) != first(known) {
        return false;
    }
    let key = key.split('\0').next().unwrap_or_default();
    if key.is_ascii() {
        return key.eq_ignore_ascii_case(known);
    }
    key.chars()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .eq(known.to_lowercase().chars())
}
