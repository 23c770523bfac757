//! Does what was planned.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::Serialize;
use serde_json::{Value, json};

use super::api::Api;
use super::found::Found;
use super::representation::{Client, Scope};
use super::secret_file;
use super::step::Action;
use super::trouble::Trouble;

const CLIENTS: &str = "manage-clients";
const REALM: &str = "manage-realm";

/// Whoever changes the realm, with what Keycloak calls its things.
pub(super) struct Hand<'a> {
    api: &'a Api,
    scopes: BTreeMap<String, String>,
    clients: BTreeMap<String, String>,
}

impl<'a> Hand<'a> {
    pub(super) fn new(api: &'a Api, found: &Found) -> Self {
        Self { api, scopes: ids_of_scopes(&found.scopes), clients: ids_of_clients(&found.clients) }
    }

    /// Does one thing.
    pub(super) async fn act(&mut self, action: &Action, what: &str) -> Result<(), Trouble> {
        let what = format!("change {what}");
        match action {
            Action::CreateScope(scope) => {
                self.send(Method::POST, "/client-scopes", Some(scope), &what, CLIENTS).await?;
                self.scopes = ids_of_scopes(&self.api.get::<Vec<Scope>>("/client-scopes").await?);
                Ok(())
            }
            Action::UpdateScope(scope) => {
                let path = format!("/client-scopes/{}", self.scope(&scope.name)?);
                self.send(Method::PUT, &path, Some(scope), &what, CLIENTS).await
            }
            Action::CreateMapper { scope, mapper } => {
                let path = self.mappers(scope)?;
                self.send(Method::POST, &path, Some(mapper), &what, CLIENTS).await
            }
            Action::UpdateMapper { scope, mapper } => {
                let path = format!("{}/{}", self.mappers(scope)?, known(mapper.id.as_ref())?);
                self.send(Method::PUT, &path, Some(mapper), &what, CLIENTS).await
            }
            Action::RemoveMapper { scope, mapper } => {
                let path = format!("{}/{}", self.mappers(scope)?, known(mapper.id.as_ref())?);
                self.send(Method::DELETE, &path, NOTHING, &what, CLIENTS).await
            }
            Action::CreateClient(client) => {
                self.send(Method::POST, "/clients", Some(client), &what, CLIENTS).await?;
                let encoded: String =
                    form_urlencoded::byte_serialize(client.client_id.as_bytes()).collect();
                let made: Vec<Client> =
                    self.api.get(&format!("/clients?clientId={encoded}")).await?;
                self.clients.extend(ids_of_clients(&made));
                Ok(())
            }
            Action::UpdateClient(client) => {
                let path = format!("/clients/{}", self.client(&client.client_id)?);
                self.send(Method::PUT, &path, Some(client), &what, CLIENTS).await
            }
            Action::AddScope { client, scope, kind } => {
                let path = self.scope_of(client, scope, kind.as_str())?;
                self.send(Method::PUT, &path, NOTHING, &what, CLIENTS).await
            }
            Action::RemoveScope { client, scope, kind } => {
                let path = self.scope_of(client, scope, kind.as_str())?;
                self.send(Method::DELETE, &path, NOTHING, &what, CLIENTS).await
            }
            Action::AddRealmScope { scope, kind } => {
                let path = self.scope_of_realm(scope, kind.as_str())?;
                self.send(Method::PUT, &path, NOTHING, &what, CLIENTS).await
            }
            Action::RemoveRealmScope { scope, kind } => {
                let path = self.scope_of_realm(scope, kind.as_str())?;
                self.send(Method::DELETE, &path, NOTHING, &what, CLIENTS).await
            }
            Action::CreateComponent(component) => {
                self.send(Method::POST, "/components", Some(component), &what, REALM).await
            }
            Action::UpdateComponent(component) => {
                let path = format!("/components/{}", known(component.id.as_ref())?);
                self.send(Method::PUT, &path, Some(component), &what, REALM).await
            }
            Action::SetClientProfiles(profiles) => {
                let (path, all) = ("/client-policies/profiles", json!({"profiles": profiles}));
                self.send(Method::PUT, path, Some(&all), &what, REALM).await
            }
            Action::SetClientPolicies(policies) => {
                let (path, all) = ("/client-policies/policies", json!({"policies": policies}));
                self.send(Method::PUT, path, Some(&all), &what, REALM).await
            }
            Action::WriteSecret { path, secret } => {
                secret_file::write(path, secret).map_err(Trouble::Usage)
            }
        }
    }

    async fn send<T: Serialize>(
        &self,
        method: Method,
        path: &str,
        body: Option<&T>,
        what: &str,
        role: &'static str,
    ) -> Result<(), Trouble> {
        let body = body.map(serde_json::to_value).transpose();
        let body = body.map_err(|error| Trouble::Usage(error.to_string()))?;
        self.api.change(method, path, body.as_ref(), what, role).await
    }

    fn scope(&self, name: &str) -> Result<&str, Trouble> {
        known(self.scopes.get(name))
    }

    fn client(&self, id: &str) -> Result<&str, Trouble> {
        known(self.clients.get(id))
    }

    fn mappers(&self, scope: &str) -> Result<String, Trouble> {
        Ok(format!("/client-scopes/{}/protocol-mappers/models", self.scope(scope)?))
    }

    fn scope_of(&self, client: &str, scope: &str, kind: &str) -> Result<String, Trouble> {
        Ok(format!("/clients/{}/{kind}-client-scopes/{}", self.client(client)?, self.scope(scope)?))
    }

    fn scope_of_realm(&self, scope: &str, kind: &str) -> Result<String, Trouble> {
        Ok(format!("/default-{kind}-client-scopes/{}", self.scope(scope)?))
    }
}

const NOTHING: Option<&Value> = None;

fn known(id: Option<&String>) -> Result<&str, Trouble> {
    id.map(String::as_str).ok_or_else(|| {
        Trouble::Usage("somebody else is changing the realm: run it again".to_owned())
    })
}

fn ids_of_scopes(scopes: &[Scope]) -> BTreeMap<String, String> {
    scopes.iter().filter_map(|scope| Some((scope.name.clone(), scope.id.clone()?))).collect()
}

fn ids_of_clients(clients: &[Client]) -> BTreeMap<String, String> {
    clients
        .iter()
        .filter_map(|client| Some((client.client_id.clone(), client.id.clone()?)))
        .collect()
}
