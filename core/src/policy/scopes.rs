//! Required scopes (RFC 6750 §3.1).

use crate::config::Resource;
use crate::token::Principal;

/// Which of the resource's required scopes the principal's token does not carry.
#[must_use]
pub fn missing_scopes<'a>(principal: &Principal, resource: &'a Resource) -> Vec<&'a str> {
    let required = resource.required_scopes.iter().map(String::as_str);
    required.filter(|scope| !principal.has_scope(scope, &resource.audiences)).collect()
}
