//! Tokens for tests: as clients get them, and the claims to make wrong ones from.

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use serde_json::Value;

use super::client_authentication::Client;
use super::emulator::Emulator;
use super::issue::Ticket;
use super::session::Session;
use super::{clock, issue};
use crate::https;

impl Emulator {
    /// The access token of this user, got as a client gets it: authorization code with PKCE, approved at once.
    ///
    /// User and client are names of the directory. `scope` is fully qualified; `{name}` in it is the id of that
    /// application, as in `api://{mcp-server}/access_as_user`.
    pub async fn user_token(&self, user: &str, client: &str, scope: &str) -> Result<String> {
        let answer = self.sign_in(user, client, scope, None).await?;
        Ok(answer["access_token"].as_str().context("no access_token")?.to_owned())
    }

    /// The same with a `claims` parameter, as somebody signs in whom a claims challenge sent.
    pub async fn user_token_with_claims(
        &self,
        user: &str,
        client: &str,
        scope: &str,
        claims: &str,
    ) -> Result<String> {
        let answer = self.sign_in(user, client, scope, Some(claims)).await?;
        Ok(answer["access_token"].as_str().context("no access_token")?.to_owned())
    }

    /// The whole answer to an authorization code.
    pub async fn sign_in(
        &self,
        user: &str,
        client: &str,
        scope: &str,
        claims: Option<&str>,
    ) -> Result<Value> {
        let directory = self.directory();
        let app = directory.app(client).with_context(|| format!("no application {client}"))?;
        let person = directory.user(user).with_context(|| format!("no user {user}"))?;
        let scope = self.filled_in(scope);
        let redirect_uri = app.redirect_uris.first().context("the client has no redirect URI")?;
        let verifier = URL_SAFE_NO_PAD.encode(clock::random::<32>());
        let challenge =
            URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
        let principal_name = directory.principal_name(person);
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs([
            ("client_id", app.id.as_str()),
            ("response_type", "code"),
            ("redirect_uri", redirect_uri),
            ("scope", &scope),
            ("state", "state"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("login_hint", &principal_name),
        ]);
        if let Some(claims) = claims {
            query.append_pair("claims", claims);
        }
        let http = https::client(self.ca())?;
        let at = format!("{}?{}", self.authorization_endpoint(&person.tenant), query.finish());
        let answer = http.get(at).send().await?;
        let location = answer.headers().get("location").and_then(|value| value.to_str().ok());
        let location = location.map(str::to_owned);
        let Some(location) = location else {
            anyhow::bail!("no redirect: {} {}", answer.status(), answer.text().await?);
        };
        let (_, query) = location.split_once('?').context("a redirect without parameters")?;
        let parameter = |name: &str| {
            let mut all = form_urlencoded::parse(query.as_bytes());
            all.find_map(|(found, value)| (found == name).then(|| value.into_owned()))
        };
        let code = parameter("code").with_context(|| {
            format!("no code: {}", parameter("error_description").unwrap_or_default())
        })?;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("client_id", &app.id),
            ("code", &code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", &verifier),
            ("scope", &scope),
        ];
        if let Some(secret) = app.current_secret() {
            form.push(("client_secret", secret));
        }
        let answer = http.post(self.token_endpoint(&person.tenant)).form(&form).send().await?;
        let (status, body) = (answer.status(), answer.json::<Value>().await?);
        ensure!(status.is_success(), "{status} {body}");
        Ok(body)
    }

    /// `{name}` becomes the id of that application.
    pub fn filled_in(&self, scope: &str) -> String {
        let directory = self.directory();
        directory.apps.iter().fold(scope.to_owned(), |scope, app| {
            scope.replace(&format!("{{{}}}", app.name), &app.id)
        })
    }

    /// The claims that the user's access token for this resource, asked for by this client, would have: to be changed
    /// and given to [`Emulator::mint`]. All scopes of the resource are in it.
    pub fn claims(&self, user: &str, client: &str, resource: &str) -> Result<Value> {
        let directory = self.directory();
        let app =
            |name: &str| directory.app(name).with_context(|| format!("no application {name}"));
        let user = directory.user(user).with_context(|| format!("no user {user}"))?;
        let resource = app(resource)?;
        let session = Session { at: clock::now(), ..Session::default() };
        let client = app(client)?;
        let ticket = Ticket {
            tenant: directory.tenant(&user.tenant).context("no tenant")?,
            client: Client { app: client, acr: if client.public { "0" } else { "1" } },
            resource,
            called: resource.app_id_uris.first().unwrap_or(&resource.id),
            user: Some(user),
            scopes: resource.scopes.clone(),
            session: &session,
            claims: None,
        };
        Ok(ticket.issue(&self.world, &directory).claims)
    }

    /// The claims of an application's own token for this resource.
    pub fn app_claims(&self, tenant: &str, client: &str, resource: &str) -> Result<Value> {
        let directory = self.directory();
        let app =
            |name: &str| directory.app(name).with_context(|| format!("no application {name}"));
        let resource = app(resource)?;
        let ticket = Ticket {
            tenant: directory.tenant(tenant).context("no tenant")?,
            client: Client { app: app(client)?, acr: "1" },
            resource,
            called: resource.app_id_uris.first().unwrap_or(&resource.id),
            user: None,
            scopes: Vec::new(),
            session: &Session::default(),
            claims: None,
        };
        Ok(ticket.issue(&self.world, &directory).claims)
    }

    /// An ID token of this user for this client.
    pub fn id_token(&self, user: &str, client: &str) -> Result<String> {
        let directory = self.directory();
        let user = directory.user(user).with_context(|| format!("no user {user}"))?;
        let app = directory.app(client).with_context(|| format!("no application {client}"))?;
        let ticket = Ticket {
            tenant: directory.tenant(&user.tenant).context("no tenant")?,
            client: Client { app, acr: "1" },
            resource: app,
            called: &app.id,
            user: Some(user),
            scopes: Vec::new(),
            session: &Session::default(),
            claims: None,
        };
        issue::id_token(&self.world, &directory, &ticket, None)
    }

    /// A Graph token of this user with these scopes, which only the Graph stub can check.
    pub fn graph_token(&self, user: &str, client: &str, scopes: &str) -> Result<String> {
        let directory = self.directory();
        let graph = directory.app(super::directory::GRAPH).context("no Graph in the directory")?;
        let mut claims = self.claims(user, client, &graph.name)?;
        claims["scp"] = Value::from(scopes);
        issue::sign(&self.world, graph, &claims)
    }
}
