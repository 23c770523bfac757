//! The claims of Entra ID's access tokens, v1 and v2, with the types that they must have.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny};
use serde_json::Value;

use crate::token::Memberships;
use crate::token::reading::is_identifier;
use crate::token::tenants::Version;
use crate::{Reason, json};

/// What is read of an access token, besides what every token has. A claim of another type makes the token
/// malformed, and so does `null`: a list of groups that we cannot read is not the same as none. Of how somebody signed in,
/// which few policies read, another type is what the token does not tell.
#[derive(Debug, Deserialize)]
pub(super) struct EntraClaims {
    pub(super) iss: Option<String>,
    pub(super) tid: Option<String>,
    pub(super) oid: Option<String>,
    pub(super) ver: Option<String>,
    /// The client, in v2 tokens.
    pub(super) azp: Option<String>,
    /// The client, in v1 tokens.
    pub(super) appid: Option<String>,
    pub(super) scp: Option<String>,
    pub(super) idtyp: Option<String>,
    pub(super) jti: Option<String>,
    /// Entra ID's own name of the token, which its sign-in log has.
    pub(super) uti: Option<String>,
    #[serde(default, deserialize_with = "said")]
    groups: Option<Vec<String>>,
    #[serde(default, deserialize_with = "said")]
    roles: Option<Vec<String>>,
    /// Whether there are groups that are not said, in the implicit flow.
    #[serde(default, deserialize_with = "said")]
    hasgroups: Option<bool>,
    /// The claims that are said elsewhere (OpenID Connect Core §5.6.2). Where, we do not read: it is a
    /// retired service's URL, and it is the token that would choose whom we call.
    #[serde(default, rename = "_claim_names", deserialize_with = "said")]
    claim_names: Option<BTreeMap<String, IgnoredAny>>,
    /// The authentication contexts of Conditional Access that were met.
    #[serde(default, deserialize_with = "json::anything")]
    acrs: Option<Value>,
    /// `0` or `1`, in v1 tokens.
    #[serde(default, deserialize_with = "json::anything")]
    acr: Option<Value>,
    #[serde(default, deserialize_with = "json::anything")]
    amr: Option<Value>,
}

impl EntraClaims {
    pub(super) fn client(&self) -> Option<&str> {
        self.azp.as_deref().or(self.appid.as_deref())
    }

    pub(super) fn groups(&self) -> Result<Memberships, Reason> {
        let left_out = self.hasgroups == Some(true) || self.is_elsewhere("groups");
        memberships(self.groups.as_deref(), left_out)
    }

    pub(super) fn roles(&self) -> Result<Memberships, Reason> {
        memberships(self.roles.as_deref(), self.is_elsewhere("roles"))
    }

    pub(super) fn auth_contexts(&self, version: Version) -> Memberships {
        let acr = match version {
            Version::V1 => Memberships::one(self.acr.as_ref()),
            Version::V2 => Memberships::Absent,
        };
        Memberships::listed(self.acrs.as_ref()).and(acr)
    }

    pub(super) fn auth_methods(&self) -> Memberships {
        Memberships::listed(self.amr.as_ref())
    }

    fn is_elsewhere(&self, claim: &str) -> bool {
        self.claim_names.as_ref().is_some_and(|names| names.contains_key(claim))
    }
}

/// A list of which more is said elsewhere is not whole, whatever it holds.
fn memberships(said: Option<&[String]>, left_out: bool) -> Result<Memberships, Reason> {
    let said = match said {
        Some(names) if !names.iter().all(|name| is_identifier(name)) => {
            return Err(Reason::TokenMalformed);
        }
        said => said.map(|names| names.iter().cloned().collect()),
    };
    Ok(match said {
        _ if left_out => Memberships::Unresolved,
        Some(names) => Memberships::Present(names),
        None => Memberships::Absent,
    })
}

/// A claim that is there: `Option` would take `null` for absence.
fn said<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
