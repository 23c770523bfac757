//! A façade, the Entra ID behind it, and a client with PKCE.

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use obolus_core::login::redirect_uri::to_register;
use obolus_tests::fixtures::entra::{CLIENT, Entra, EntraOptions, SERVER};
use obolus_tests::fixtures::facade::{Facade, FacadeOptions, strict_directory};
use obolus_tests::https;
use obolus_tests::pki::Authority;
use reqwest::Response;
use ring::digest;
use serde_json::Value;

pub(crate) const RESOURCE: &str = "https://mcp.example.com/mcp";
pub(crate) const REDIRECT: &str = "http://localhost:3118/callback";
pub(crate) const STATE: &str = "state of the client";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// Whom the emulator signs in without a page.
pub(crate) const ALICE: &str = "alice@contoso.example";

pub(crate) struct World {
    pub(crate) entra: Entra,
    pub(crate) facade: Facade,
    pub(crate) http: reqwest::Client,
}

/// Names and values of a query or a form.
pub(crate) type Pairs = Vec<(String, String)>;

pub(crate) fn pairs(list: &[(&str, &str)]) -> Pairs {
    list.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// With one value in place of another, or one more.
pub(crate) fn with(mut pairs: Pairs, name: &str, value: &str) -> Pairs {
    match pairs.iter_mut().find(|(own, _)| own == name) {
        Some(pair) => pair.1 = value.to_owned(),
        None => pairs.push((name.to_owned(), value.to_owned())),
    }
    pairs
}

pub(crate) fn without(mut pairs: Pairs, name: &str) -> Pairs {
    pairs.retain(|(own, _)| own != name);
    pairs
}

pub(crate) fn encoded(pairs: &Pairs) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// The value of a parameter in a URL.
pub(crate) fn parameter(url: &str, name: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    let mut all = form_urlencoded::parse(query.as_bytes());
    all.find_map(|(found, value)| (found == name).then(|| value.into_owned()))
}

/// Where an answer sends a browser.
pub(crate) fn location(response: &Response) -> Option<String> {
    response.headers().get("location").map(|value| value.to_str().unwrap().to_owned())
}

pub(crate) fn challenge() -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, VERIFIER.as_bytes()))
}

impl World {
    pub(crate) async fn start() -> Result<Self> {
        Self::start_with(|_| {}).await
    }

    /// With changes to whatever the façade is started with.
    pub(crate) async fn start_with(change: impl FnOnce(&mut FacadeOptions)) -> Result<Self> {
        let world = Self::waiting_with(change).await?;
        world.facade.ready().await?;
        Ok(world)
    }

    /// The same before the façade has read anything.
    pub(crate) async fn waiting_with(change: impl FnOnce(&mut FacadeOptions)) -> Result<Self> {
        Self::after(change, async |_| Ok(())).await
    }

    /// The same, with something done to Entra ID before the façade starts.
    pub(crate) async fn after(
        change: impl FnOnce(&mut FacadeOptions),
        before: impl AsyncFnOnce(&Entra) -> Result<()>,
    ) -> Result<Self> {
        let authority = Authority::new("obolus facade")?;
        let directory = strict_directory(&to_register());
        let entra =
            Entra::start(&authority, EntraOptions { directory, ..EntraOptions::default() }).await?;
        before(&entra).await?;
        let mut options = FacadeOptions::before(&entra, RESOURCE);
        change(&mut options);
        let facade = Facade::start(&authority, &options).await?;
        let http = https::client(&authority.pem())?;
        Ok(Self { entra, facade, http })
    }

    /// What a client asks for in a browser.
    pub(crate) fn authorization(&self) -> Pairs {
        pairs(&[
            ("client_id", &self.entra.id_of(CLIENT)),
            ("response_type", "code"),
            ("redirect_uri", REDIRECT),
            ("state", STATE),
            ("code_challenge", &challenge()),
            ("code_challenge_method", "S256"),
            ("resource", RESOURCE),
            ("scope", &self.entra.scope()),
            ("login_hint", ALICE),
        ])
    }

    pub(crate) async fn authorize(&self, query: &str) -> Response {
        let url = format!("{}?{query}", self.facade.endpoint("authorize"));
        self.http.get(url).send().await.unwrap()
    }

    /// Through the façade and Entra ID: where the client is sent in the end.
    pub(crate) async fn sign_in(&self, query: &Pairs) -> String {
        let sent_on = self.authorize(&encoded(query)).await;
        assert_eq!(sent_on.status(), 302);
        let at_entra = location(&sent_on).unwrap();
        assert!(at_entra.starts_with(&self.entra.emulator.authority_host()), "{at_entra}");
        let answer = self.http.get(at_entra).send().await.unwrap();
        location(&answer).unwrap()
    }

    /// The same where Entra ID shows its page.
    pub(crate) async fn sign_in_by_page(&self, query: &Pairs) -> String {
        let at_entra = location(&self.authorize(&encoded(query)).await).unwrap();
        let filled_in = [("username", ALICE), ("password", "alice-password")];
        let answer = self.http.post(at_entra).form(&filled_in).send().await.unwrap();
        location(&answer).unwrap()
    }

    /// A code, as a client gets it.
    pub(crate) async fn code(&self) -> String {
        let url = self.sign_in(&self.authorization()).await;
        parameter(&url, "code").unwrap_or_else(|| panic!("no code: {url}"))
    }

    /// What a client brings for tokens.
    pub(crate) fn exchange(&self, code: &str) -> Pairs {
        pairs(&[
            ("grant_type", "authorization_code"),
            ("client_id", &self.entra.id_of(CLIENT)),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
            ("resource", RESOURCE),
        ])
    }

    pub(crate) fn refresh(&self, token: &str) -> Pairs {
        pairs(&[
            ("grant_type", "refresh_token"),
            ("client_id", &self.entra.id_of(CLIENT)),
            ("refresh_token", token),
            ("resource", RESOURCE),
        ])
    }

    pub(crate) async fn token(&self, form: &Pairs) -> Response {
        self.http.post(self.facade.endpoint("token")).form(form).send().await.unwrap()
    }

    /// The answer to a form that is taken.
    pub(crate) async fn tokens(&self, form: &Pairs) -> Value {
        let answer = self.token(form).await;
        let (status, body) = (answer.status(), answer.json::<Value>().await.unwrap());
        assert_eq!(status, 200, "{body}");
        body
    }

    pub(crate) fn api(&self) -> String {
        self.entra.id_of(SERVER)
    }
}
