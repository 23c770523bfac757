//! Required scopes (RFC 6750 §3.1).

use crate::token::Principal;

/// Which of `required` the principal's token does not carry.
#[must_use]
pub fn missing_scopes<'a>(principal: &Principal, required: &'a [String]) -> Vec<&'a str> {
    required.iter().map(String::as_str).filter(|scope| !principal.has_scope(scope)).collect()
}
