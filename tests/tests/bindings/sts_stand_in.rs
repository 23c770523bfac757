//! Something in the STS's place: one that has its certificate and lies, and some that have not.
//!
//! The filter holds every answer against what it asked for, although the STS has done so before.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, ensure};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use obolus_tests::fixtures::envoy::Envoy;
use obolus_tests::fixtures::gateway::{Gateway, GatewayOptions, Place};
use obolus_tests::fixtures::idp::{Idp, claims_of, now};
use obolus_tests::fixtures::recorder::{Recorded, Recorder};
use obolus_tests::fixtures::sts::AUTHORITY;
use obolus_tests::fixtures::workbench::{issuers, local, tool_call};
use obolus_tests::https;
use obolus_tests::pki::{Authority, Subject};
use serde_json::{Value, json};

use crate::answer::{Answer, arrived, people};

/// What the stand-in answers to an exchange.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// A token with these changes; `expires_in` changes the answer.
    Token(Value),
    /// This status and body.
    Text(u16, String),
}

pub(crate) struct StandIn {
    authority: Authority,
    idp: Arc<Idp>,
    pub(crate) sts: Recorder,
    reply: Arc<Mutex<Reply>>,
    /// What it answers to whoever asks for groups. As long as it is locked, they wait.
    pub(crate) groups: Arc<tokio::sync::Mutex<(u16, String)>>,
    pub(crate) upstream: Recorder,
    result: Arc<Mutex<Value>>,
    pub(crate) gateway: Gateway,
    http: reqwest::Client,
    calls: AtomicU32,
    _folder: tempfile::TempDir,
}

fn named(name: &str) -> Subject {
    Subject::named(name).server().dns(name)
}

impl StandIn {
    pub(crate) async fn start() -> Result<Self> {
        Self::start_with(|_| {}).await
    }

    /// With another configuration of the filter.
    pub(crate) async fn start_with(
        change: impl FnOnce(&mut Value) + Send + 'static,
    ) -> Result<Self> {
        let authority = Authority::new("the STS's authority")?;
        let idp = Arc::new(Idp::start(&authority).await?);
        let reply = Arc::new(Mutex::new(Reply::Token(json!({}))));
        let (keys, lie) = (Arc::clone(&idp), Arc::clone(&reply));
        let groups = Arc::new(tokio::sync::Mutex::new((503, String::new())));
        let told = Arc::clone(&groups);
        let certificate = authority.issue(named(AUTHORITY))?;
        let sts = Recorder::answering_tls(&certificate, move |request| {
            let (keys, lie, told) = (Arc::clone(&keys), Arc::clone(&lie), Arc::clone(&told));
            async move {
                if request.uri.path() == "/groups" {
                    let (status, body) = told.lock().await.clone();
                    return text(status, body);
                }
                answer(&keys, &lie.lock().unwrap_or_else(PoisonError::into_inner), &request)
            }
        })
        .await?;
        let result = Arc::new(Mutex::new(json!({"jsonrpc": "2.0", "id": 1, "result": {}})));
        let behind = Arc::clone(&result);
        let upstream = Recorder::answering(move |_| {
            let result = behind.lock().unwrap_or_else(PoisonError::into_inner).clone();
            async move { axum::Json(result).into_response() }
        })
        .await?;
        let folder = tempfile::tempdir()?;
        let ca_file = folder.path().join("ca.pem");
        authority.write(&ca_file)?;
        let mut options =
            GatewayOptions::new(issuers(&idp), local(&upstream), "a-credential-of-its-own");
        options.configure = Box::new(|configuration| {
            configuration["keysRefreshSeconds"] = json!(1);
            change(configuration);
        });
        let place = Place::reserve()?;
        let (config, envoy) = Gateway::prepare(&place, local(&sts), ca_file, options)?;
        let gateway = Gateway { envoy: Envoy::start(&config, &envoy).await?, place };
        let http = https::plain_client()?;
        Ok(Self {
            authority,
            idp,
            sts,
            reply,
            groups,
            upstream,
            result,
            gateway,
            http,
            calls: AtomicU32::new(0),
            _folder: folder,
        })
    }

    pub(crate) fn answers(&self, reply: Reply) {
        *self.reply.lock().unwrap_or_else(PoisonError::into_inner) = reply;
    }

    /// What the MCP server answers from now on.
    pub(crate) fn upstream_answers(&self, body: Value) {
        *self.result.lock().unwrap_or_else(PoisonError::into_inner) = body;
    }

    /// A call with a new token of this person.
    async fn call(&self, subject: &str) -> Result<Answer> {
        Answer::to(self.request(&self.token(subject)?)).await
    }

    /// A new token of this person.
    pub(crate) fn token(&self, subject: &str) -> Result<String> {
        let mut claims = self.idp.claims(subject, &self.gateway.resource());
        claims["jti"] = json!(format!("call-{}", self.calls.fetch_add(1, Ordering::Relaxed)));
        self.idp.mint(&claims)
    }

    /// A token with these claims.
    pub(crate) fn mint(&self, claims: &Value) -> Result<String> {
        self.idp.mint(claims)
    }

    /// Where tokens come from.
    pub(crate) fn issuer(&self) -> String {
        self.idp.issuer()
    }

    /// A call of `pods_list` with this token.
    pub(crate) fn request(&self, token: &str) -> reqwest::RequestBuilder {
        self.post(token, tool_call("pods_list"))
    }

    /// A message with this token.
    pub(crate) fn post(&self, token: &str, body: String) -> reqwest::RequestBuilder {
        let request = self.http.post(self.gateway.resource()).bearer_auth(token);
        request.header("content-type", "application/json").body(body)
    }

    /// The exchanges that it was asked for since the last look.
    pub(crate) fn asked(&self) -> Vec<Recorded> {
        self.asked_at("/exchange")
    }

    /// The requests to this path since the last look.
    pub(crate) fn asked_at(&self, path: &str) -> Vec<Recorded> {
        let mut all = self.sts.take();
        all.retain(|request| request.uri.path() == path);
        all
    }

    /// The next connection is shown this certificate.
    async fn becomes(&self, authority: &Authority, subject: Subject) -> Result<()> {
        self.sts.hang_up().await?;
        self.sts.present(&authority.issue(subject)?).await?;
        self.sts.take();
        self.sts.listen_again()
    }
}

fn answer(idp: &Idp, reply: &Reply, request: &Recorded) -> Response {
    if request.uri.path().starts_with("/keys/idp") {
        return axum::Json(idp.key_set()).into_response();
    }
    match reply {
        Reply::Token(changes) => exchange(idp, changes, request).into_response(),
        Reply::Text(status, body) => text(*status, body.clone()),
    }
}

fn text(status: u16, body: String) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or_default();
    (status, [("content-type", "application/json")], body).into_response()
}

fn exchange(
    idp: &Idp,
    changes: &Value,
    request: &Recorded,
) -> Result<axum::Json<Value>, StatusCode> {
    let body = request.text();
    let token = form_urlencoded::parse(body.as_bytes())
        .find_map(|(name, value)| (name == "subject_token").then(|| value.into_owned()))
        .ok_or(StatusCode::BAD_REQUEST)?;
    let mut claims = claims_of(&token).ok_or(StatusCode::BAD_REQUEST)?;
    claims["aud"] = json!("kubernetes");
    for (name, value) in changes.as_object().into_iter().flatten() {
        claims[name] = value.clone();
    }
    let unchanged = changes["unchanged"] == true;
    let exchanged = idp.mint(&claims).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(axum::Json(json!({
        "access_token": if unchanged { token } else { exchanged },
        "token_type": "Bearer",
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "expires_in": changes["expires_in"].as_u64().unwrap_or(300),
    })))
}

#[tokio::test]
async fn what_an_sts_answers_is_held_against_what_was_asked() -> Result<()> {
    let stand_in = StandIn::start().await?;
    let text = |status: u16, body: Value| Reply::Text(status, body.to_string());
    let refusal = |reason: &str| json!({"error": "x", "error_description": "x", "reason": reason});
    // What is behind the gateway must not get what opens it.
    let both = json!(["kubernetes", stand_in.gateway.resource()]);
    for (reply, status, reason) in [
        (Reply::Token(json!({"sub": "bob"})), 502, "exchanged_identity_mismatch"),
        (Reply::Token(json!({"iss": "https://elsewhere"})), 502, "exchanged_identity_mismatch"),
        (Reply::Token(json!({"aud": "elsewhere"})), 502, "exchanged_audience_mismatch"),
        (Reply::Token(json!({"unchanged": true})), 502, "exchanged_audience_mismatch"),
        (Reply::Token(json!({"aud": both})), 502, "exchanged_audience_mismatch"),
        (Reply::Token(json!({"cnf": {"x5t#S256": "x"}})), 502, "exchanged_type_refused"),
        (Reply::Token(json!({"nonce": "an ID token's"})), 502, "exchanged_type_refused"),
        (Reply::Token(json!({"nbf": now() + 600})), 502, "exchanged_not_yet_valid"),
        (Reply::Token(json!({"exp": now() - 1})), 502, "exchanged_expired"),
        (
            text(200, json!({"access_token": "opaque", "token_type": "Bearer", "expires_in": 9})),
            502,
            "exchanged_malformed",
        ),
        (text(200, json!({})), 502, "exchanged_malformed"),
        (text(200, refusal("exchange_denied")), 502, "exchanged_malformed"),
        (Reply::Text(200, "<html>".to_owned()), 502, "exchanged_malformed"),
        (Reply::Text(200, String::new()), 502, "exchanged_malformed"),
        (Reply::Text(200, " ".repeat(300 << 10)), 503, "sts_unavailable"),
        (Reply::Text(204, String::new()), 503, "sts_unavailable"),
        (Reply::Text(302, String::new()), 503, "sts_unavailable"),
        (text(404, json!({})), 503, "sts_unavailable"),
        // A reason goes with its own status, and this one is not the client's business.
        (text(200 + 1, refusal("exchange_denied")), 503, "sts_unavailable"),
        (text(403, refusal("exchange_denied")), 403, "exchange_denied"),
        (text(401, refusal("caller_unauthenticated")), 500, "exchange_misconfigured"),
    ] {
        stand_in.answers(reply.clone());
        let answer = stand_in.call("alice").await?;
        ensure!(answer.verdict() == (status, reason), "{reply:?}: {answer:?}");
        assert_eq!(arrived(&stand_in.upstream), 0, "{reply:?}");
        stand_in.answers(Reply::Token(json!({})));
        assert_eq!(stand_in.call("carol").await?.status, 200, "after {reply:?}");
        assert_eq!(people(&stand_in.upstream, "kubernetes")?, ["carol"]);
    }
    Ok(())
}

/// A token sent to the wrong machine is a token lost, whatever it answers.
#[tokio::test]
async fn who_cannot_prove_to_be_the_sts_is_sent_nothing() -> Result<()> {
    let stand_in = StandIn::start().await?;
    assert_eq!(stand_in.call("alice").await?.status, 200);
    let stranger = Authority::new("another authority")?;
    let own = &stand_in.authority;
    for (who, authority, subject) in [
        ("another authority's", &stranger, named(AUTHORITY)),
        ("another name's", own, named("mcp.obolus.internal")),
        (
            "the name's in the subject only",
            own,
            Subject::named(AUTHORITY).server().dns("localhost"),
        ),
        ("one that ran out", own, named(AUTHORITY).expired()),
    ] {
        stand_in.becomes(authority, subject).await?;
        for _ in 0..2 {
            let answer = stand_in.call("alice").await?;
            assert!(answer.is_503("sts_unavailable"), "{who}: {answer:?}");
        }
        let seen = stand_in.sts.take();
        ensure!(seen.is_empty(), "{who} saw {seen:?}");
    }
    arrived(&stand_in.upstream);
    stand_in.becomes(own, named(AUTHORITY)).await?;
    assert_eq!(stand_in.call("alice").await?.status, 200);
    assert_eq!(arrived(&stand_in.upstream), 1);
    let seen = stand_in.sts.take();
    let exchange = seen.iter().find(|request| request.uri.path() == "/exchange");
    assert!(exchange.context("no exchange")?.text().contains("subject_token="));
    Ok(())
}
