//! Who a verified token speaks for.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::reading::Reading;
use super::{Identity, IssuerRules, Memberships, TenantId, TokenDigest, UnverifiedToken};
use crate::{Reason, UnixSeconds};

/// A person, or a client of its own, whose token was verified in full.
///
/// INVARIANT: the only way to one is [`CheckedToken::verify`](super::CheckedToken::verify).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    rules: Arc<IssuerRules>,
    said: Reading,
    audiences: Vec<String>,
    accepted_audiences: Vec<String>,
    issued_at: Option<UnixSeconds>,
    expires_at: UnixSeconds,
    token_digest: TokenDigest,
}

impl Principal {
    pub(super) fn of(
        token: &UnverifiedToken,
        rules: &Arc<IssuerRules>,
        accepted_audiences: &[String],
        expires_at: UnixSeconds,
    ) -> Result<Self, Reason> {
        Ok(Self {
            rules: Arc::clone(rules),
            said: token.read_by(&rules.provider)?,
            audiences: token.claims.aud.clone(),
            accepted_audiences: accepted_audiences.to_vec(),
            issued_at: token.claims.iat,
            expires_at,
            token_digest: token.digest(),
        })
    }

    /// By whose rules the token was judged, and whatever it is exchanged for has to be.
    #[must_use]
    pub fn rules(&self) -> &IssuerRules {
        &self.rules
    }

    /// `iss` + `sub`; for Entra ID, tenant + `oid`.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.said.identity
    }

    /// The issuer's name in the configuration.
    #[must_use]
    pub fn issuer_name(&self) -> &str {
        &self.rules.name
    }

    /// The OAuth client that the token was issued to, if it says so.
    #[must_use]
    pub fn client(&self) -> Option<&str> {
        self.said.client.as_deref()
    }

    /// `aud`.
    #[must_use]
    pub fn audiences(&self) -> &[String] {
        &self.audiences
    }

    /// The audiences that tokens are accepted with where this one was: whatever has one of them opens the same door.
    #[must_use]
    pub fn accepted_audiences(&self) -> &[String] {
        &self.accepted_audiences
    }

    /// The scopes that the token carries.
    #[must_use]
    pub fn scopes(&self) -> &BTreeSet<String> {
        &self.said.scopes
    }

    /// Whether the token carries a scope as a resource's configuration names it. Entra ID is asked for a scope by its
    /// full name (`api://…/name`), and says what follows the API's: one of `audiences`, the resource's. A scope of
    /// another API is carried by no token.
    #[must_use]
    pub fn has_scope(&self, required: &str, audiences: &[String]) -> bool {
        self.said.has_scope(required, &self.rules.provider, audiences)
    }

    pub(crate) fn said(&self) -> &Reading {
        &self.said
    }

    /// The tenant, for Entra ID.
    #[must_use]
    pub fn tenant(&self) -> Option<&TenantId> {
        self.said.tenant.as_ref()
    }

    /// The groups of the person, by the names that the issuer gives them; for Entra ID, their object ids.
    #[must_use]
    pub fn groups(&self) -> &Memberships {
        &self.said.groups
    }

    /// The roles of the person, or the application: at the API that the token is for (Entra ID, RFC 9068 §2.2.3.1), or
    /// Keycloak's, a client's as `<client>/<role>`.
    #[must_use]
    pub fn roles(&self) -> &Memberships {
        &self.said.roles
    }

    /// What was met when the person signed in: `acr`; for Entra ID `acrs`, and `acr` of v1 tokens.
    #[must_use]
    pub fn auth_contexts(&self) -> &Memberships {
        &self.said.auth_contexts
    }

    /// How the person signed in: `amr` (RFC 8176).
    #[must_use]
    pub fn auth_methods(&self) -> &Memberships {
        &self.said.auth_methods
    }

    /// Whether the token speaks for an application of its own, and for no person.
    #[must_use]
    pub fn is_app_only(&self) -> bool {
        self.said.is_app_only
    }

    /// `iat`, if the token says so.
    #[must_use]
    pub fn issued_at(&self) -> Option<UnixSeconds> {
        self.issued_at
    }

    /// `exp`.
    #[must_use]
    pub fn expires_at(&self) -> UnixSeconds {
        self.expires_at
    }

    /// `jti`, or Entra ID's `uti`, by which the issuer's records and ours can be joined.
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.said.token_id.as_deref()
    }

    /// How to name the token in a log.
    #[must_use]
    pub fn token_digest(&self) -> &TokenDigest {
        &self.token_digest
    }
}
