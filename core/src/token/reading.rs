//! What a token's claims say, in one vocabulary for all identity providers.

use std::collections::BTreeSet;

use serde_json::Value;

use super::application::scope_name;
use super::{Claims, Profile, Provider, TenantId, entra, oidc};
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

/// Groups, roles, or whatever else a token may list. Only a list that is whole may be reasoned about: a rule that forbids must take both other
/// cases for a hit, and a rule that allows for none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Memberships {
    /// The token says nothing of them.
    Absent,
    /// These, and no others.
    Present(BTreeSet<String>),
    /// There are some, and the token does not say which (Entra ID's overage), or not so that we can read it.
    Unresolved,
}

impl Memberships {
    /// Of a claim that lists names.
    pub(super) fn listed(claim: Option<&Value>) -> Self {
        let Some(claim) = claim else { return Self::Absent };
        let names = claim.as_array().and_then(|names| names.iter().map(name).collect());
        names.map_or(Self::Unresolved, Self::Present)
    }

    /// Of a claim that is one name.
    pub(super) fn one(claim: Option<&Value>) -> Self {
        let Some(claim) = claim else { return Self::Absent };
        name(claim).map_or(Self::Unresolved, |name| Self::Present([name].into()))
    }

    /// What two claims tell together: all of it only if both do.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Absent, told) | (told, Self::Absent) => told,
            (Self::Present(mut names), Self::Present(more)) => {
                names.extend(more);
                Self::Present(names)
            }
            (Self::Unresolved, _) | (_, Self::Unresolved) => Self::Unresolved,
        }
    }

    /// The same names, changed.
    pub(super) fn map(self, change: impl Fn(String) -> String) -> Self {
        match self {
            Self::Present(names) => Self::Present(names.into_iter().map(change).collect()),
            other => other,
        }
    }
}

fn name(value: &Value) -> Option<String> {
    value.as_str().filter(|name| is_identifier(name)).map(str::to_owned)
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
    pub(crate) auth_contexts: Memberships,
    pub(crate) auth_methods: Memberships,
    pub(crate) is_app_only: bool,
    pub(crate) token_id: Option<String>,
}

impl Reading {
    /// Whether it has a scope as a resource's configuration names it.
    pub(super) fn has_scope(
        &self,
        required: &str,
        provider: &Provider,
        audiences: &[String],
    ) -> bool {
        let claimed = match provider {
            Provider::Keycloak(_) | Provider::Oidc(_) => Some(required),
            Provider::Entra(_) => scope_name(required, audiences),
        };
        claimed.is_some_and(|claimed| self.scopes.contains(claimed))
    }
}

impl Provider {
    /// Reads a token of this provider: the claims that every token has, and the part that they stand in.
    ///
    /// # Errors
    /// What keeps the token from naming anybody: [`Reason::IssuerUnknown`], [`Reason::TenantRefused`],
    /// [`Reason::SubjectMissing`], [`Reason::TokenMalformed`].
    pub(crate) fn read(&self, claims: &Claims, claims_part: &str) -> Result<Reading, Reason> {
        match self {
            Self::Keycloak(_) => oidc::read(claims, claims_part, Profile::Keycloak),
            Self::Oidc(_) => oidc::read(claims, claims_part, Profile::Oidc),
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
