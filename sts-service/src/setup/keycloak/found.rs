//! What the realm has.

use serde::Deserialize;
use serde_json::{Value, json};

use super::api::Api;
use super::representation::{Client, Component, Scope};
use super::step::Kind;
use super::trouble::Trouble;

/// The type of the components that decide who may register clients.
pub(super) const REGISTRATION_POLICY: &str =
    "org.keycloak.services.clientregistration.policy.ClientRegistrationPolicy";

/// Clients are asked for in lots of so many.
const LOT: usize = 100;
/// Registered clients alone are 200 at most, where nobody has changed it.
const MAX_CLIENTS: usize = 10_000;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The realm's id, which is the parent of its components.
    pub(super) realm_id: Option<String>,
    pub(super) scopes: Vec<Scope>,
    /// Names of scopes that new clients have.
    pub(super) default_scopes: Vec<String>,
    /// Names of scopes that new clients may ask for.
    pub(super) optional_scopes: Vec<String>,
    pub(super) clients: Vec<Client>,
    /// The policies for registrations, if we may see them.
    pub(super) policies: Option<Vec<Component>>,
    /// The policies for what clients may be, if we may see them.
    pub(super) client_policies: Option<ClientPolicies>,
}

/// The realm's own, as they came: others of it are sent back with ours.
#[derive(Debug, Default)]
pub(super) struct ClientPolicies {
    pub(super) profiles: Vec<Value>,
    pub(super) policies: Vec<Value>,
}

/// What Keycloak answers for either.
#[derive(Deserialize)]
struct Lists {
    #[serde(default)]
    profiles: Vec<Value>,
    #[serde(default)]
    policies: Vec<Value>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

impl Found {
    /// Asks Keycloak for all of it, and changes nothing.
    pub(super) async fn read(api: &Api) -> Result<Self, Trouble> {
        // Before anything else: who may not change clients should hear so before anything was changed. Every realm has
        // this client, and says with it whether whoever asks may change it.
        let known: Vec<Client> = api.get("/clients?clientId=admin-cli").await?;
        let may_manage = known.first().and_then(|client| client.rest.get("access"));
        if may_manage.and_then(|access| access.get("manage")) == Some(&json!(false)) {
            return Err(api.forbidden("change clients and client scopes", "manage-clients"));
        }
        let realm: Value = api.get("").await?;
        let policies = api.get(&format!("/components?type={REGISTRATION_POLICY}")).await;
        Ok(Self {
            realm_id: realm.get("id").and_then(Value::as_str).map(str::to_owned),
            scopes: api.get("/client-scopes").await?,
            default_scopes: names(api, "/default-default-client-scopes").await?,
            optional_scopes: names(api, "/default-optional-client-scopes").await?,
            clients: clients(api).await?,
            policies: if_shown(policies)?,
            client_policies: if_shown(client_policies(api).await)?,
        })
    }

    /// The scope of this name.
    pub(super) fn scope(&self, name: &str) -> Option<&Scope> {
        self.scopes.iter().find(|scope| scope.name == name)
    }

    /// The client of this id.
    pub(super) fn client(&self, id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.client_id == id)
    }

    /// The scopes that the realm gives to new clients in this way.
    pub(super) fn realm_scopes(&self, kind: Kind) -> &[String] {
        match kind {
            Kind::Default => &self.default_scopes,
            Kind::Optional => &self.optional_scopes,
        }
    }
}

/// Without the right to see it, it is not known.
fn if_shown<T>(asked: Result<T, Trouble>) -> Result<Option<T>, Trouble> {
    match asked {
        Ok(shown) => Ok(Some(shown)),
        Err(Trouble::Forbidden { .. }) => Ok(None),
        Err(trouble) => Err(trouble),
    }
}

async fn client_policies(api: &Api) -> Result<ClientPolicies, Trouble> {
    let profiles: Lists = api.get("/client-policies/profiles").await?;
    let policies: Lists = api.get("/client-policies/policies").await?;
    Ok(ClientPolicies { profiles: profiles.profiles, policies: policies.policies })
}

async fn names(api: &Api, path: &str) -> Result<Vec<String>, Trouble> {
    let scopes: Vec<Named> = api.get(path).await?;
    Ok(scopes.into_iter().map(|scope| scope.name).collect())
}

async fn clients(api: &Api) -> Result<Vec<Client>, Trouble> {
    let mut clients: Vec<Client> = Vec::new();
    while clients.len() < MAX_CLIENTS {
        let first = clients.len();
        let lot: Vec<Client> = api.get(&format!("/clients?first={first}&max={LOT}")).await?;
        let is_last = lot.len() < LOT;
        clients.extend(lot);
        if is_last {
            break;
        }
    }
    Ok(clients)
}
