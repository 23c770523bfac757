//! Claims that nobody verified, read as those of a verified token are.

use std::sync::Arc;

use super::reading::Reading;
use super::{IssuerRules, UnverifiedToken};
use crate::Reason;

/// Of whom a token speaks that nobody verified: good for saying what policies would decide about such a token, and for
/// nothing else.
///
/// INVARIANT: no [`Principal`](super::Principal) comes of it, so no permit and no exchange does, either.
#[derive(Debug, Clone)]
pub struct Claimed {
    rules: Arc<IssuerRules>,
    said: Reading,
}

impl UnverifiedToken {
    /// What the token claims, by the rules of the issuer that it names.
    ///
    /// # Errors
    /// What keeps it from naming anybody, as [`check`](Self::check) has it.
    pub fn claimed(&self, issuers: &[Arc<IssuerRules>]) -> Result<Claimed, Reason> {
        let rules = self.rules_among(issuers)?;
        Ok(Claimed { rules: Arc::clone(rules), said: self.read_by(&rules.provider)? })
    }
}

impl Claimed {
    /// The issuer's name in the configuration.
    #[must_use]
    pub fn issuer_name(&self) -> &str {
        &self.rules.name
    }

    /// The stable name of the person at the issuer.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.said.identity.subject
    }

    /// Whether it claims a scope as a resource's configuration names it; see
    /// [`Principal::has_scope`](super::Principal::has_scope).
    #[must_use]
    pub fn has_scope(&self, required: &str, audiences: &[String]) -> bool {
        self.said.has_scope(required, &self.rules.provider, audiences)
    }

    pub(crate) fn said(&self) -> &Reading {
        &self.said
    }
}
