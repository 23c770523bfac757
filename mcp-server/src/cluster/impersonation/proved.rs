//! A person's token, verified as the gateway verifies it, with the claims that its signature covers.

use std::sync::Arc;

use obolus_core::Reason;
use obolus_core::policy::require_person;
use obolus_core::token::{IssuerRules, Memberships, Principal};
use serde_json::{Map, Value};

use super::keys::Keys;
use crate::clock::{self, UnixSeconds};
use crate::user_token::UserToken;

/// What a person's issuer has said of them.
///
/// INVARIANT: only [`prove`] makes one, so that no claim is read that nobody signed.
#[derive(Debug)]
pub(super) struct Proved {
    principal: Principal,
    claims: Map<String, Value>,
}

/// Proves that a token is a person's, of this issuer and for one of these audiences, and good now.
///
/// # Errors
/// The first check that fails.
pub(super) async fn prove(
    token: &UserToken,
    rules: &Arc<IssuerRules>,
    audiences: &[String],
    keys: &Arc<Keys>,
) -> Result<Proved, Reason> {
    let unverified = token.unverified()?;
    let checked = unverified.check(std::slice::from_ref(rules), audiences, clock::now())?;
    let principal = keys.verify(checked).await?;
    require_person(&principal)?;
    let claims = token.claims().ok_or(Reason::TokenMalformed)?;
    Ok(Proved { principal, claims })
}

impl Proved {
    /// `exp`.
    pub(super) fn expires_at(&self) -> UnixSeconds {
        self.principal.expires_at()
    }

    /// A claim that is one text.
    pub(super) fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim)?.as_str()
    }

    /// A claim that says yes.
    pub(super) fn says(&self, claim: &str) -> bool {
        self.claims.get(claim) == Some(&Value::Bool(true))
    }

    /// A claim that lists names: all of them, or an error if it may not be all of them.
    pub(super) fn list(&self, claim: &str) -> Result<Vec<String>, NotWhole> {
        if claim == "groups" {
            // What providers say in place of a list that is too long, core knows.
            return match self.principal.groups() {
                Memberships::Absent => Ok(Vec::new()),
                Memberships::Present(names) => Ok(names.iter().cloned().collect()),
                Memberships::Unresolved => Err(NotWhole),
            };
        }
        // OpenID Connect Core §5.6.2: the claim is said elsewhere.
        if let Some(elsewhere) = self.claims.get("_claim_names")
            && elsewhere.as_object().is_none_or(|names| names.contains_key(claim))
        {
            return Err(NotWhole);
        }
        let Some(list) = self.claims.get(claim) else { return Ok(Vec::new()) };
        let names = list.as_array().ok_or(NotWhole)?.iter();
        names.map(|name| name.as_str().map(str::to_owned).ok_or(NotWhole)).collect()
    }
}

/// A list that cannot be read as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotWhole;

#[cfg(test)]
impl Proved {
    /// For tests of what is made of claims that were proved.
    pub(super) async fn of(token: &UserToken, rules: IssuerRules, keys: &Arc<Keys>) -> Self {
        prove(token, &Arc::new(rules), &["kubernetes".to_owned()], keys).await.unwrap()
    }
}
