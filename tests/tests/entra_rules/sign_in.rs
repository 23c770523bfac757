//! A person signs in: the authorization code flow, one step at a time.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use ring::digest::{SHA256, digest};
use serde_json::Value;

use crate::answer::Answer;
use crate::form::Form;
use crate::world::World;

pub(crate) const LOOPBACK: &str = "http://localhost:4711/callback";
pub(crate) const VERIFIER: &str = "a-verifier-of-forty-three-characters-or-more";

/// `S256` of the verifier.
pub(crate) fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, VERIFIER.as_bytes()))
}

impl World {
    /// The query of a complete authorization request of `mcp-client`.
    pub(crate) fn authorization(&self, user: &str, scope: &str) -> Form {
        Form::new([
            ("client_id", self.id("mcp-client")),
            ("response_type", "code"),
            ("redirect_uri", LOOPBACK),
            ("scope", scope),
            ("login_hint", user),
            ("state", "some state"),
            ("code_challenge", &challenge()),
            ("code_challenge_method", "S256"),
        ])
    }

    /// What the authorization endpoint answers.
    pub(crate) async fn authorize(&self, query: &Form) -> Answer {
        self.authorize_at(self.tenant_of(query.get("login_hint")), query).await
    }

    pub(crate) async fn authorize_at(&self, tenant: &str, query: &Form) -> Answer {
        let path = format!("/{tenant}/oauth2/v2.0/authorize?{}", query.body());
        self.send(Method::GET, &path, &self.empty()).await
    }

    /// The code, or what came in its place.
    #[track_caller]
    pub(crate) fn code(answer: &Answer) -> String {
        let location = answer.header("location");
        let query = location.split_once('?').map_or("", |(_, query)| query);
        let code = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "code");
        code.unwrap_or_else(|| panic!("no code in {location:?}: {}", answer.text)).1.into_owned()
    }

    /// The form that redeems a code of `mcp-client`.
    pub(crate) fn redemption(&self, code: &str) -> Form {
        Form::new([
            ("client_id", self.id("mcp-client")),
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", LOOPBACK),
            ("code_verifier", VERIFIER),
        ])
    }

    /// All of it, for `mcp-client`.
    pub(crate) async fn signed_in(&self, query: &Form) -> Value {
        let code = Self::code(&self.authorize(query).await);
        let tenant = self.tenant_of(query.get("login_hint"));
        let answer = self.post_at(tenant, &self.redemption(&code)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    pub(crate) async fn token_for(&self, user: &str, scope: &str) -> String {
        let answer = self.signed_in(&self.authorization(user, scope)).await;
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// A token for the middle tier.
    pub(crate) async fn token(&self, user: &str) -> String {
        self.token_for(user, &self.scope("mcp-server", "access_as_user")).await
    }

    /// The same after a claims challenge.
    pub(crate) async fn token_with_claims(&self, user: &str, claims: &Value) -> String {
        let query = self.authorization(user, &self.scope("mcp-server", "access_as_user"));
        let answer = self.signed_in(&query.and("claims", claims.to_string())).await;
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// A sign-in at the confidential client `web-client`, with an id token.
    pub(crate) async fn web_sign_in(&self, user: &str) -> Value {
        let redirect_uri = "https://web.contoso.example/callback";
        let scope = format!("openid {}", self.scope("mcp-server", "access_as_user"));
        let query = self
            .authorization(user, &scope)
            .with("client_id", self.id("web-client"))
            .with("redirect_uri", redirect_uri);
        let code = Self::code(&self.authorize(&query).await);
        let form = self
            .redemption(&code)
            .with("client_id", self.id("web-client"))
            .with("redirect_uri", redirect_uri)
            .and("client_secret", "the.secret~of-the_web");
        let answer = self.post(&form).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }
}
