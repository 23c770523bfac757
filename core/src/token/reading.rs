//! What a token's claims say, in one vocabulary for all identity providers.

use std::collections::BTreeSet;

use super::{Claims, Provider, TenantId, entra, oidc};
use crate::Reason;

/// The stable name of a person at one issuer: `iss` + `sub` (OpenID Connect Core §5.7), for Entra ID the tenant's
/// v2 issuer + `oid`. Names, e-mail addresses and user names change hands; these do not.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// `iss`; for Entra ID the v2 issuer of the tenant, also where a v1 token names another.
    pub issuer: String,
    /// `sub`; for Entra ID `oid`, since `sub` is another one for each application.
    pub subject: String,
}

/// Groups or roles. Only a list that is whole may be reasoned about: a rule that forbids must take both other
/// cases for a hit, and a rule that allows for none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Memberships {
    /// The token says nothing of them.
    Absent,
    /// These, and no others.
    Present(BTreeSet<String>),
    /// There are some, and the token does not say which (Entra ID's overage).
    Unresolved,
}

/// What one token says of whom it speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) identity: Identity,
    pub(crate) tenant: Option<TenantId>,
    pub(crate) client: Option<String>,
    pub(crate) scopes: BTreeSet<String>,
    pub(crate) groups: Memberships,
    pub(crate) roles: Memberships,
    pub(crate) is_app_only: bool,
    pub(crate) token_id: Option<String>,
}

impl Provider {
    /// Reads a token of this provider: the claims that every token has, and the part that they stand in.
    ///
    /// # Errors
    /// What keeps the token from naming anybody: [`Reason::IssuerUnknown`], [`Reason::TenantRefused`],
    /// [`Reason::SubjectMissing`], [`Reason::TokenMalformed`].
    pub(crate) fn read(&self, claims: &Claims, claims_part: &str) -> Result<Reading, Reason> {
        match self {
            Self::Keycloak(_) | Self::Oidc(_) => oidc::read(claims),
            Self::Entra(tenants) => entra::read(claims_part, tenants),
        }
    }
}

/// Longer identifiers than this are nobody's; OpenID Connect Core §2 allows 255 characters for `sub`.
const MAX_IDENTIFIER_BYTES: usize = 512;

/// What may stand in a log and names somebody: not empty, not endless, no control characters.
pub(crate) fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_IDENTIFIER_BYTES && !text.chars().any(char::is_control)
}
