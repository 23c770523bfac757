//! Every check of a token that needs no key: algorithm, type, issuer, audience, time, subject.
//!
//! They come before the signature because they are cheap and because only a token that passes them may ask
//! for a key to be fetched.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Algorithm, Claims, Principal, UnverifiedToken};
use crate::{Reason, UnixSeconds};

/// How an issuer words its access tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Keycloak: the claim `typ` says `Bearer`.
    Keycloak,
    /// Any OpenID provider: RFC 9068's `at+jwt`, or a plain JWT without an ID token's claims.
    #[default]
    Oidc,
}

/// What is believed of one issuer's tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerRules {
    /// The name by which configuration and the STS's `/keys/{name}` know it.
    pub name: String,
    /// `iss`, byte for byte.
    pub issuer: String,
    /// How its tokens are worded.
    pub profile: Profile,
    /// The algorithms that its tokens may use.
    pub algorithms: Vec<Algorithm>,
    /// By how much its clock may be ahead of ours, in seconds: for `nbf` and `iat`. `exp` has no leeway, as
    /// in the Kubernetes API server.
    pub clock_skew_seconds: u64,
}

/// A token that says all the right things. Nothing proves yet that its issuer said them.
#[derive(Debug)]
pub struct CheckedToken {
    pub(super) token: UnverifiedToken,
    pub(super) rules: Arc<IssuerRules>,
    pub(super) algorithm: Algorithm,
    pub(super) key_id: String,
    pub(super) principal: Principal,
}

impl UnverifiedToken {
    /// Holds the token against what the resource accepts: `issuers`, any one of `audiences`, at time `now`.
    ///
    /// # Errors
    /// The first check that fails, in the order of this function.
    pub fn check(
        self,
        issuers: &[Arc<IssuerRules>],
        audiences: &[String],
        now: UnixSeconds,
    ) -> Result<CheckedToken, Reason> {
        let rules = issuers
            .iter()
            .find(|rules| Some(rules.issuer.as_str()) == self.claimed_issuer())
            .ok_or(Reason::IssuerUnknown)?;
        let algorithm = Algorithm::from_name(&self.header.alg)
            .filter(|algorithm| rules.algorithms.contains(algorithm))
            .ok_or(Reason::AlgorithmNotAllowed)?;
        if self.header.crit {
            return Err(Reason::CriticalHeader);
        }
        if self.claims.cnf {
            return Err(Reason::SenderConstrained);
        }
        if !is_access_token(self.header.typ.as_deref(), &self.claims, rules.profile) {
            return Err(Reason::TokenTypeRefused);
        }
        if !self.claims.aud.iter().any(|audience| audiences.contains(audience)) {
            return Err(Reason::AudienceMismatch);
        }
        check_time(&self.claims, rules.clock_skew_seconds, now)?;
        // Without a kid any key of the issuer would have to be tried, at an attacker's wish.
        let key_id = self.header.kid.clone().ok_or(Reason::KeyUnknown)?;
        let principal = Principal::from_claims(&rules.name, &self.claims, self.digest())?;
        Ok(CheckedToken { rules: Arc::clone(rules), algorithm, key_id, principal, token: self })
    }
}

fn check_time(claims: &Claims, skew: u64, now: UnixSeconds) -> Result<(), Reason> {
    if claims.exp.ok_or(Reason::TokenMalformed)? <= now {
        return Err(Reason::TokenExpired);
    }
    let latest_start = now.saturating_add(skew);
    let starts_later = |start: Option<UnixSeconds>| start.is_some_and(|start| start > latest_start);
    if starts_later(claims.nbf) || starts_later(claims.iat) {
        return Err(Reason::TokenNotYetValid);
    }
    Ok(())
}

/// RFC 9068 §4 wants `at+jwt`; most providers say `JWT` or nothing, and then ID tokens and logout tokens must
/// be told by the claims that only they have.
fn is_access_token(header_type: Option<&str>, claims: &Claims, profile: Profile) -> bool {
    let header_type = header_type.map(str::to_ascii_lowercase);
    let plain = match header_type.as_deref() {
        Some("at+jwt" | "application/at+jwt") => false,
        None | Some("jwt") => true,
        Some(_) => return false,
    };
    match (profile, claims.typ.as_deref()) {
        (_, Some("Bearer")) => {}
        (Profile::Keycloak, _) | (_, Some("ID" | "Refresh" | "Offline" | "Logout" | "DPoP")) => {
            return false;
        }
        (Profile::Oidc, _) => {}
    }
    let other_tokens_claims =
        claims.nonce || claims.at_hash || claims.c_hash || claims.s_hash || claims.events;
    // Keycloak says what a token is, and puts a nonce into access tokens, too.
    profile == Profile::Keycloak || !plain || !other_tokens_claims
}

impl CheckedToken {
    /// The configured name of the issuer whose keys are needed.
    #[must_use]
    pub fn issuer_name(&self) -> &str {
        &self.rules.name
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
