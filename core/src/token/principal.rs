//! Who a verified token speaks for.

use std::collections::BTreeSet;

use super::{Claims, TokenDigest};
use crate::{Reason, UnixSeconds};

/// The stable name of a person at one issuer: `iss` + `sub` (OpenID Connect Core §5.7). Names, e-mail addresses
/// and user names change hands; these do not.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// `iss`.
    pub issuer: String,
    /// `sub`.
    pub subject: String,
}

/// A person, or a client of its own, whose token was verified in full.
///
/// INVARIANT: the only way to one is [`CheckedToken::verify`](super::CheckedToken::verify).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    identity: Identity,
    issuer_name: String,
    client: Option<String>,
    audiences: Vec<String>,
    scopes: BTreeSet<String>,
    expires_at: UnixSeconds,
    token_id: Option<String>,
    token_digest: TokenDigest,
}

/// Longer identifiers than this are nobody's; OpenID Connect Core §2 allows 255 characters for `sub`.
const MAX_IDENTIFIER_BYTES: usize = 512;

impl Principal {
    pub(super) fn from_claims(
        issuer_name: &str,
        claims: &Claims,
        token_digest: TokenDigest,
    ) -> Result<Self, Reason> {
        let identity = Identity {
            issuer: claims.iss.clone().ok_or(Reason::IssuerUnknown)?,
            subject: claims
                .sub
                .clone()
                .filter(|sub| is_identifier(sub))
                .ok_or(Reason::SubjectMissing)?,
        };
        // `azp` (OpenID Connect Core §2) and `client_id` (RFC 9068 §2.2) mean the same; two that differ mean
        // that we do not know the client.
        let client = match (&claims.azp, &claims.client_id) {
            (Some(azp), Some(client_id)) if azp != client_id => return Err(Reason::TokenMalformed),
            (azp, client_id) => azp.as_ref().or(client_id.as_ref()).cloned(),
        };
        // Nor is a client whose name cannot be written the same as none at all.
        if client.as_deref().is_some_and(|client| !is_identifier(client)) {
            return Err(Reason::TokenMalformed);
        }
        Ok(Self {
            identity,
            issuer_name: issuer_name.to_owned(),
            client,
            audiences: claims.aud.clone(),
            scopes: claims.scope.iter().cloned().collect(),
            expires_at: claims.exp.ok_or(Reason::TokenMalformed)?,
            token_id: claims.jti.clone().filter(|id| is_identifier(id)),
            token_digest,
        })
    }

    /// `iss` + `sub`.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The issuer's name in the configuration.
    #[must_use]
    pub fn issuer_name(&self) -> &str {
        &self.issuer_name
    }

    /// The OAuth client that the token was issued to, if it says so.
    #[must_use]
    pub fn client(&self) -> Option<&str> {
        self.client.as_deref()
    }

    /// `aud`.
    #[must_use]
    pub fn audiences(&self) -> &[String] {
        &self.audiences
    }

    /// The scopes that the token carries.
    #[must_use]
    pub fn scopes(&self) -> &BTreeSet<String> {
        &self.scopes
    }

    /// `exp`.
    #[must_use]
    pub fn expires_at(&self) -> UnixSeconds {
        self.expires_at
    }

    /// `jti`, by which the issuer's records and ours can be joined.
    #[must_use]
    pub fn token_id(&self) -> Option<&str> {
        self.token_id.as_deref()
    }

    /// How to name the token in a log.
    #[must_use]
    pub fn token_digest(&self) -> &TokenDigest {
        &self.token_digest
    }
}

/// What may stand in a log and names somebody: not empty, not endless, no control characters.
pub(crate) fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_IDENTIFIER_BYTES && !text.chars().any(char::is_control)
}
