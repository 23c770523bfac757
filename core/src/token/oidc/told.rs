//! What a token may tell of a person besides who it is, where Keycloak and other OpenID providers put it.
//!
//! None of it decides whether the token is taken. What has another type than it should is not told: a rule that forbids
//! takes that for a hit, and one that allows for none.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use crate::json;
use crate::token::{Memberships, Profile};

#[derive(Deserialize)]
pub(super) struct Told {
    #[serde(default, deserialize_with = "json::anything")]
    groups: Option<Value>,
    /// RFC 9068 §2.2.3.1.
    #[serde(default, deserialize_with = "json::anything")]
    roles: Option<Value>,
    /// Keycloak's, of the realm: `{"roles": […]}`.
    #[serde(default, deserialize_with = "json::anything")]
    realm_access: Option<Value>,
    /// Keycloak's, of clients: `{"<client>": {"roles": […]}}`.
    #[serde(default, deserialize_with = "json::anything")]
    resource_access: Option<Value>,
    #[serde(default, deserialize_with = "json::anything")]
    acr: Option<Value>,
    #[serde(default, deserialize_with = "json::anything")]
    amr: Option<Value>,
    /// The claims that are said elsewhere (OpenID Connect Core §5.6.2).
    #[serde(default, rename = "_claim_names", deserialize_with = "json::anything")]
    claim_names: Option<Value>,
}

impl Told {
    pub(super) fn decode(claims_part: &str) -> Option<Self> {
        json::object(&URL_SAFE_NO_PAD.decode(claims_part).ok()?)
    }

    pub(super) fn groups(&self) -> Memberships {
        self.elsewhere("groups").and(Memberships::listed(self.groups.as_ref()))
    }

    pub(super) fn roles(&self, profile: Profile) -> Memberships {
        if profile == Profile::Keycloak {
            let clients = self.resource_access.as_ref().map(of_clients);
            let realms = self.realm_access.as_ref().map(of_realm);
            return realms.into_iter().chain(clients).fold(Memberships::Absent, Memberships::and);
        }
        self.elsewhere("roles").and(Memberships::listed(self.roles.as_ref()))
    }

    pub(super) fn auth_contexts(&self) -> Memberships {
        Memberships::one(self.acr.as_ref())
    }

    pub(super) fn auth_methods(&self) -> Memberships {
        Memberships::listed(self.amr.as_ref())
    }

    /// A list of which more is said elsewhere is not whole, whatever it holds.
    fn elsewhere(&self, claim: &str) -> Memberships {
        match &self.claim_names {
            None => Memberships::Absent,
            Some(Value::Object(names)) if !names.contains_key(claim) => Memberships::Absent,
            Some(_) => Memberships::Unresolved,
        }
    }
}

fn of_realm(access: &Value) -> Memberships {
    let access = access.as_object();
    access.map_or(Memberships::Unresolved, |access| Memberships::listed(access.get("roles")))
}

fn of_clients(access: &Value) -> Memberships {
    let Some(clients) = access.as_object() else { return Memberships::Unresolved };
    let each = clients.iter().map(|(client, access)| {
        // What follows the last slash is the role, so that no client's role can be called as another's is.
        of_realm(access).map(|role| format!("{client}/{}", role.replace('/', "%2F")))
    });
    each.fold(Memberships::Absent, Memberships::and)
}
