//! Whose keys verify a token, and what it means that they do not.

use std::fmt;

use super::{CheckedToken, IssuerRules, TenantId};
use crate::Reason;

/// Who publishes the keys of a token: an issuer, or one of its tenants if it is Entra ID. A tenant's keys are fetched
/// and kept by themselves: one tenant that is away or has many keys is nobody else's trouble, and no tenant's keys
/// can be taken for another's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeySource {
    issuer: String,
    tenant: Option<TenantId>,
}

/// What was found out about the keys of a source since a request came that needs one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    /// The source was asked, and these are its keys.
    Confirmed,
    /// There are keys, but the source was not asked or has not answered since.
    Unconfirmed,
    /// There are no keys.
    Failed,
}

impl KeySource {
    /// The issuer's name in the configuration.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The tenant, if the issuer is Entra ID.
    #[must_use]
    pub fn tenant(&self) -> Option<&TenantId> {
        self.tenant.as_ref()
    }

    /// Where the STS serves these keys.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/keys/{self}")
    }

    /// Why a token is refused whose key is not among the keys that there are after this look-up.
    ///
    /// That a key does not exist only its source can say. Entra ID's tenants are asked the more seldom the more
    /// tokens come whose keys do not exist, so a person whose tenant has a new key may meet one that nobody asked: to
    /// sign in again would not help, to try again will. Other issuers are asked for every such token (within a
    /// second), and one that does not answer is taken to have the keys that it had.
    #[must_use]
    pub fn without_key(&self, lookup: Lookup) -> Reason {
        match (lookup, &self.tenant) {
            (Lookup::Confirmed, _) | (Lookup::Unconfirmed, None) => Reason::KeyUnknown,
            (Lookup::Unconfirmed, Some(_)) | (Lookup::Failed, _) => Reason::KeysUnavailable,
        }
    }
}

/// `issuer`, or `issuer/tenant`.
impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.issuer)?;
        self.tenant.iter().try_for_each(|tenant| write!(f, "/{tenant}"))
    }
}

impl IssuerRules {
    /// All sources of keys for this issuer's tokens.
    #[must_use]
    pub fn key_sources(&self) -> Vec<KeySource> {
        let source = |tenant| KeySource { issuer: self.name.clone(), tenant };
        match self.provider.entra() {
            None => vec![source(None)],
            Some(tenants) => tenants.list().iter().cloned().map(Some).map(source).collect(),
        }
    }
}

impl CheckedToken {
    /// Whose keys are needed.
    #[must_use]
    pub fn key_source(&self) -> KeySource {
        KeySource {
            issuer: self.principal.issuer_name().to_owned(),
            tenant: self.principal.tenant().cloned(),
        }
    }
}
