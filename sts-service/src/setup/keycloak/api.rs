//! Keycloak's administration interface: what of it we use.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Mutex;

use super::administrator::Administrator;
use super::realm::Realm;
use super::representation::Secret;
use super::trouble::{Trouble, said};
use crate::idp_client::{Answered, CallError, IdpClient, Line};
use crate::tls::Trust;

/// For one answer. A Keycloak that has just started takes its time.
const TIMEOUT: Duration = Duration::from_secs(30);
/// A hundred clients with all that is in them.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Half of what a sign-in lasts where nobody has changed it.
const SIGN_IN_AGAIN: Duration = Duration::from_secs(30);

/// The interface, as one administrator.
pub(super) struct Api {
    client: IdpClient,
    pub(super) realm: Realm,
    administrator: Administrator,
    token: Mutex<Option<(SecretString, Instant)>>,
}

#[derive(Deserialize)]
struct SignedIn {
    access_token: Secret,
}

impl Api {
    /// Nobody is asked yet.
    pub(super) fn new(
        realm: Realm,
        administrator: Administrator,
        trust: &Trust,
    ) -> Result<Self, Trouble> {
        let tls = trust.current().ok_or_else(|| Trouble::Usage("no authorities".to_owned()))?;
        let client = IdpClient::new("obolus-sts-setup", tls, TIMEOUT)
            .map_err(|error| Trouble::Client(error.to_string()))?;
        Ok(Self { client, realm, administrator, token: Mutex::new(None) })
    }

    /// The realm is there, and is who we think it is.
    pub(super) async fn check_realm(&self) -> Result<(), Trouble> {
        let url = self.realm.discovery_url();
        let answer = self.answer(&url, self.client.get(&url)).await?;
        let says = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
        match (answer.status, says.get("issuer").and_then(Value::as_str)) {
            (StatusCode::NOT_FOUND, _) => Err(self.no_realm(&url)),
            (StatusCode::OK, Some(says)) if says == self.realm.issuer => Ok(()),
            (StatusCode::OK, Some(says)) => Err(Trouble::OtherIssuer {
                asked: self.realm.issuer.clone(),
                says: says.chars().filter(|c| !c.is_control()).take(300).collect(),
            }),
            (status, _) => Err(no_answer(&url, format!("{status}, and no discovery document"))),
        }
    }

    /// Reads something.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Trouble> {
        let url = self.realm.admin_url(path);
        let answer = self.send(Method::GET, &url, None).await?;
        if !answer.status.is_success() {
            return Err(self.refused(&format!("read {path}"), role_to_read(path), &answer));
        }
        serde_json::from_slice(&answer.body)
            .map_err(|error| no_answer(&url, format!("it is not what Keycloak answers: {error}")))
    }

    /// Changes something. `what` says what is tried, for whoever may not.
    pub(super) async fn change(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        what: &str,
        role: &'static str,
    ) -> Result<(), Trouble> {
        let answer = self.send(method, &self.realm.admin_url(path), body).await?;
        match answer.status.is_success() {
            true => Ok(()),
            false => Err(self.refused(what, role, &answer)),
        }
    }

    /// A right is lacking.
    pub(super) fn forbidden(&self, what: &str, role: &'static str) -> Trouble {
        Trouble::Forbidden {
            who: self.administrator.who(),
            what: what.to_owned(),
            role,
            realm: self.realm.name.clone(),
        }
    }

    async fn send(
        &self,
        method: Method,
        url: &str,
        body: Option<&Value>,
    ) -> Result<Answered, Trouble> {
        let token = self.token().await?;
        let mut request = self.client.request(method, url).bearer_auth(token.expose_secret());
        if let Some(body) = body {
            request = request.json(body);
        }
        self.answer(url, request).await
    }

    async fn token(&self) -> Result<SecretString, Trouble> {
        let mut held = self.token.lock().await;
        if let Some((token, since)) = held.as_ref()
            && since.elapsed() < SIGN_IN_AGAIN
        {
            return Ok(token.clone());
        }
        let url = self.realm.token_url(&self.administrator.realm);
        let request = self.client.post(Line::Usual, &url).form(&self.administrator.form());
        let answer = self.answer(&url, request).await?;
        if answer.status == StatusCode::NOT_FOUND {
            return Err(Trouble::SignIn {
                who: self.administrator.who(),
                reason: format!(
                    "{url} is not there: write with --admin-realm which realm knows them, and with --admin-url where \
                     administrators go, if elsewhere"
                ),
            });
        }
        let token: SignedIn = serde_json::from_slice(&answer.body)
            .ok()
            .filter(|_| answer.status.is_success())
            .ok_or_else(|| self.not_signed_in(&answer))?;
        *held = Some((token.access_token.0.clone(), Instant::now()));
        Ok(token.access_token.0)
    }

    fn not_signed_in(&self, answer: &Answered) -> Trouble {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let error = body.get("error").and_then(Value::as_str).unwrap_or_default();
        let why = self.administrator.why_refused(error);
        Trouble::SignIn {
            who: self.administrator.who(),
            reason: format!("{} {}{why}", answer.status.as_u16(), said(&answer.body)),
        }
    }

    async fn answer(
        &self,
        url: &str,
        request: reqwest::RequestBuilder,
    ) -> Result<Answered, Trouble> {
        self.client.call(request, MAX_BYTES).await.map_err(|error| no_connection(url, &error))
    }

    fn refused(&self, what: &str, role: &'static str, answer: &Answered) -> Trouble {
        match answer.status {
            StatusCode::FORBIDDEN => self.forbidden(what, role),
            // That is what it says of the realm, and of nothing else that we ask for by its name.
            StatusCode::NOT_FOUND if said(&answer.body).starts_with("Realm not found") => {
                self.no_realm(&self.realm.admin_url(""))
            }
            status => Trouble::Refused { what: what.to_owned(), status, said: said(&answer.body) },
        }
    }

    fn no_realm(&self, url: &str) -> Trouble {
        Trouble::NoRealm { realm: self.realm.name.clone(), url: url.to_owned() }
    }
}

fn role_to_read(path: &str) -> &'static str {
    if path.starts_with("/components") { "view-realm" } else { "manage-clients" }
}

fn no_answer(url: &str, reason: String) -> Trouble {
    Trouble::NoAnswer { url: url.to_owned(), reason, hint: "" }
}

fn no_connection(url: &str, error: &CallError) -> Trouble {
    let reason = error.to_string();
    let hint = match reason.contains("invalid peer certificate") {
        true => ". Name the certificate of the authority that signed Keycloak's with --ca-file",
        false => "",
    };
    Trouble::NoAnswer { url: url.to_owned(), reason, hint }
}
