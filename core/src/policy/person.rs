//! Whose tokens may be exchanged.

use crate::Reason;
use crate::token::Principal;

/// An exchange asks for a token that speaks for the same person, so there has to be one. Asked before every
/// exchange, by the filter and by the STS.
///
/// # Errors
/// [`Reason::AppOnly`].
pub fn require_person(principal: &Principal) -> Result<(), Reason> {
    if principal.is_app_only() { Err(Reason::AppOnly) } else { Ok(()) }
}
