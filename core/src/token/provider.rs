//! Which identity provider a token must come from, and what is believed of its tokens.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Algorithm, EntraTenants, UnverifiedToken, entra};
use crate::Reason;

/// How a provider words its access tokens: the word in a configuration. See [`Provider`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Keycloak: the claim `typ` says `Bearer`.
    Keycloak,
    /// Any OpenID provider: RFC 9068's `at+jwt`, or a plain JWT without an ID token's claims.
    #[default]
    Oidc,
    /// Microsoft Entra ID, v1 and v2 tokens of the tenants that are listed.
    Entra,
}

impl Profile {
    /// The algorithms that its tokens may use where the configuration does not say.
    #[must_use]
    pub fn default_algorithms(self) -> Vec<Algorithm> {
        match self {
            Self::Keycloak | Self::Oidc => {
                vec![Algorithm::RS256, Algorithm::PS256, Algorithm::ES256]
            }
            // Entra signs with nothing else.
            Self::Entra => vec![Algorithm::RS256],
        }
    }

    /// Whether its tokens could ever be signed so: Entra ID's keys are RSA keys.
    #[must_use]
    pub fn may_use(self, algorithm: Algorithm) -> bool {
        match self {
            Self::Keycloak | Self::Oidc => true,
            Self::Entra => algorithm.name().starts_with(['R', 'P']),
        }
    }
}

/// An identity provider: what its tokens say in `iss`, and by which rules their claims are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provider {
    /// Keycloak, by its `iss`, byte for byte.
    Keycloak(String),
    /// An OpenID provider, by its `iss`, byte for byte.
    Oidc(String),
    /// Entra ID, whose `iss` follows from the tenant and the token's version.
    Entra(EntraTenants),
}

impl Provider {
    /// How its tokens are worded.
    #[must_use]
    pub fn profile(&self) -> Profile {
        match self {
            Self::Keycloak(_) => Profile::Keycloak,
            Self::Oidc(_) => Profile::Oidc,
            Self::Entra(_) => Profile::Entra,
        }
    }

    /// Whether its tokens may have this `iss`.
    #[must_use]
    pub fn accepts(&self, issuer: &str) -> bool {
        match self {
            Self::Keycloak(own) | Self::Oidc(own) => own == issuer,
            Self::Entra(tenants) => tenants.of_issuer(issuer).is_some(),
        }
    }

    /// The issuers that clients may get tokens from (RFC 9728 §2, `authorization_servers`): one, or one for
    /// each tenant of Entra ID.
    #[must_use]
    pub fn authorization_servers(&self) -> Vec<String> {
        match self {
            Self::Keycloak(own) | Self::Oidc(own) => vec![own.clone()],
            Self::Entra(tenants) => {
                tenants.list().iter().map(|tenant| tenants.issuer_v2(tenant)).collect()
            }
        }
    }

    /// The one `iss` of a provider that has one; `None` for Entra ID.
    #[must_use]
    pub fn single_issuer(&self) -> Option<&str> {
        match self {
            Self::Keycloak(own) | Self::Oidc(own) => Some(own),
            Self::Entra(_) => None,
        }
    }

    /// The tenants, if this is Entra ID.
    #[must_use]
    pub fn entra(&self) -> Option<&EntraTenants> {
        match self {
            Self::Keycloak(_) | Self::Oidc(_) => None,
            Self::Entra(tenants) => Some(tenants),
        }
    }

    /// Whether some token could be both this provider's and the other's: then nobody could say by whose rules it
    /// is to be read.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Entra(own), Self::Entra(others)) => {
                own.list().iter().any(|tenant| others.list().contains(tenant))
            }
            (_, Self::Keycloak(issuer) | Self::Oidc(issuer)) => self.accepts(issuer),
            (Self::Keycloak(issuer) | Self::Oidc(issuer), _) => other.accepts(issuer),
        }
    }
}

/// What is believed of one provider's tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerRules {
    /// The name by which configuration and the STS's `/keys` know it.
    pub name: String,
    /// Whose tokens, and how they are worded.
    pub provider: Provider,
    /// The algorithms that its tokens may use.
    pub algorithms: Vec<Algorithm>,
    /// By how much its clock may be ahead of ours, in seconds: for `nbf` and `iat`. `exp` has no leeway, as
    /// in the Kubernetes API server.
    pub clock_skew_seconds: u64,
}

impl UnverifiedToken {
    /// The rules that this token has to be held against: those of the issuer that it names. Good for choosing
    /// them, and for nothing else.
    ///
    /// # Errors
    /// [`Reason::IssuerUnknown`]; and where Entra ID is among the rules, what it is that comes from there and has
    /// no place here: [`Reason::B2cToken`], [`Reason::TenantRefused`].
    pub fn rules_among<'r>(
        &self,
        all: impl IntoIterator<Item = &'r Arc<IssuerRules>>,
    ) -> Result<&'r Arc<IssuerRules>, Reason> {
        let issuer = self.claimed_issuer().ok_or(Reason::IssuerUnknown)?;
        let mut refusal = Reason::IssuerUnknown;
        for rules in all {
            match &rules.provider {
                Provider::Keycloak(own) | Provider::Oidc(own) if own == issuer => return Ok(rules),
                Provider::Keycloak(_) | Provider::Oidc(_) => {}
                Provider::Entra(tenants) => match entra::check_origin(self, issuer, tenants) {
                    Ok(()) => return Ok(rules),
                    // Of several that refuse it, one may know it better.
                    Err(Reason::IssuerUnknown) => {}
                    Err(reason) => refusal = reason,
                },
            }
        }
        Err(refusal)
    }
}
