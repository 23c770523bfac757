//! Every check of a token that needs no key: algorithm, type, issuer, audience, time, subject.
//!
//! They come before the signature because they are cheap and because only a token that passes them may ask
//! for a key to be fetched.

use std::sync::Arc;

use super::application::is_graph;
use super::{Algorithm, Claims, IssuerRules, Principal, Profile, Provider, UnverifiedToken};
use super::{entra, oidc};
use crate::{Reason, UnixSeconds};

/// A token that says all the right things. Nothing proves yet that its issuer said them.
#[derive(Debug)]
pub struct CheckedToken {
    pub(super) token: UnverifiedToken,
    pub(super) algorithm: Algorithm,
    pub(super) key_id: String,
    pub(super) principal: Principal,
}

impl UnverifiedToken {
    /// Holds the token against what the resource accepts: `issuers`, any one of `audiences`, at time `now`.
    ///
    /// # Errors
    /// The first check that fails, in the order of this function; for Entra ID's tokens, that order is explained at
    /// the top of `entra.rs`.
    pub fn check(
        self,
        issuers: &[Arc<IssuerRules>],
        audiences: &[String],
        now: UnixSeconds,
    ) -> Result<CheckedToken, Reason> {
        let rules = self.rules_among(issuers)?;
        let algorithm = Algorithm::from_name(&self.header.alg)
            .filter(|algorithm| rules.algorithms.contains(algorithm))
            .ok_or(Reason::AlgorithmNotAllowed)?;
        if self.header.crit {
            return Err(Reason::CriticalHeader);
        }
        if self.claims.cnf {
            return Err(Reason::SenderConstrained);
        }
        self.check_kind(&rules.provider, audiences)?;
        if !self.claims.aud.iter().any(|audience| audiences.contains(audience)) {
            return Err(Reason::AudienceMismatch);
        }
        check_time(&self.claims, rules.clock_skew_seconds, now)?;
        // Without a kid any key of the issuer would have to be tried, at an attacker's wish.
        let key_id = self.header.kid.clone().ok_or(Reason::KeyUnknown)?;
        let expires_at = self.claims.exp.ok_or(Reason::TokenMalformed)?;
        let principal = Principal::of(&self, rules, audiences, expires_at)?;
        Ok(CheckedToken { algorithm, key_id, principal, token: self })
    }

    /// Whether this is an access token, by the rules of the provider whose it claims to be. `audiences` are those of
    /// whoever is to take it.
    pub(crate) fn check_kind(
        &self,
        provider: &Provider,
        audiences: &[String],
    ) -> Result<(), Reason> {
        match provider {
            Provider::Keycloak(_) => oidc::check_kind(self, Profile::Keycloak, audiences),
            Provider::Oidc(_) => oidc::check_kind(self, Profile::Oidc, audiences),
            Provider::Entra(_) if audiences.iter().any(|audience| is_graph(audience)) => {
                entra::check_access(self)
            }
            Provider::Entra(_) => entra::check_kind(self),
        }
    }
}

fn check_time(claims: &Claims, skew: u64, now: UnixSeconds) -> Result<(), Reason> {
    if claims.exp.ok_or(Reason::TokenMalformed)? <= now {
        return Err(Reason::TokenExpired);
    }
    check_start(claims, skew, now)
}

/// Whether the token's life has begun, by a clock that may be ahead of ours by `skew`.
pub(crate) fn check_start(claims: &Claims, skew: u64, now: UnixSeconds) -> Result<(), Reason> {
    let latest_start = now.saturating_add(skew);
    let starts_later = |start: Option<UnixSeconds>| start.is_some_and(|start| start > latest_start);
    if starts_later(claims.nbf) || starts_later(claims.iat) {
        return Err(Reason::TokenNotYetValid);
    }
    Ok(())
}

impl CheckedToken {
    /// The configured name of the issuer whose keys are needed.
    #[must_use]
    pub fn issuer_name(&self) -> &str {
        self.principal.issuer_name()
    }

    /// The `kid` of the key that is needed.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// How to name this token in a log.
    #[must_use]
    pub fn digest(&self) -> super::TokenDigest {
        self.token.digest()
    }
}
