//! The scopes that a resource requires.

use super::Section;

pub(super) fn required(section: &Section<'_>) -> Vec<String> {
    if !section.has("requiredScopes") {
        section.problem(
            "requiredScopes",
            "is missing: write the scopes that every call needs, or [] if the audience alone is enough",
        );
    }
    let scopes = section.strings("requiredScopes");
    for scope in &scopes {
        if !is_scope(scope) {
            section.problem("requiredScopes", format!("`{scope}` is not a scope (RFC 6749 §3.3)"));
        }
        if scope == "offline_access" {
            section.problem(
                "requiredScopes",
                "`offline_access` is the client's own affair: leave it out",
            );
        }
    }
    scopes
}

/// Whether this can be a scope (RFC 6749 §3.3). What stands in the challenge needs no escapes then.
pub(super) fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}
