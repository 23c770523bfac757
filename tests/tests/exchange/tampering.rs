//! Between the STS and Keycloak's token endpoint: requests pass as they are, but for those of a token that a row has marked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use obolus_tests::fixtures::idp::claims_of;
use obolus_tests::fixtures::keycloak::Keycloak;
use obolus_tests::fixtures::recorder::{Recorded, Recorder};
use obolus_tests::pki::Authority;
use serde_json::Value;

/// A request of the STS, as Keycloak will get it.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) form: Vec<(String, String)>,
    pub(crate) authorization: Option<String>,
    /// Sent so often; the last answer counts.
    pub(crate) times: usize,
}

impl Sent {
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.form.retain(|(known, _)| known != name);
        self.form.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.form.retain(|(known, _)| known != name);
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.form.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What is done to a request.
pub(crate) type Change = Arc<dyn Fn(&mut Sent) + Send + Sync>;

type Marked = Arc<Mutex<HashMap<String, Change>>>;

pub(crate) struct Tampering {
    recorder: Recorder,
    marked: Marked,
}

fn lock(marked: &Marked) -> MutexGuard<'_, HashMap<String, Change>> {
    marked.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Tampering {
    pub(crate) async fn start(authority: &Authority, keycloak: &Keycloak) -> Result<Self> {
        let marked = Marked::default();
        let (changes, http) = (Arc::clone(&marked), keycloak.http().clone());
        let url = keycloak.token_url();
        let recorder = Recorder::answering_tls(&authority.server()?, move |request| {
            let (changes, http, url) = (Arc::clone(&changes), http.clone(), url.clone());
            async move {
                let sent = changed(&request, &lock(&changes));
                pass_on(&http, &url, &sent).await.unwrap_or_else(|error| {
                    (StatusCode::BAD_GATEWAY, format!("{error:#}")).into_response()
                })
            }
        })
        .await?;
        Ok(Self { recorder, marked })
    }

    /// Where the STS asks for tokens.
    pub(crate) fn url(&self) -> String {
        format!("{}/token", self.recorder.url())
    }

    /// Requests for this token are changed so.
    pub(crate) fn mark(&self, token: &str, change: Change) {
        lock(&self.marked).insert(id(token), change);
    }

    /// All requests pass as they are again.
    pub(crate) fn clear(&self) {
        lock(&self.marked).clear();
        self.recorder.take();
    }
}

fn id(token: &str) -> String {
    let claims = claims_of(token).unwrap_or_default();
    claims["jti"].as_str().unwrap_or_default().to_owned()
}

fn changed(request: &Recorded, changes: &HashMap<String, Change>) -> Sent {
    let form = form_urlencoded::parse(request.text().as_bytes()).into_owned().collect();
    let authorization = request.header("authorization").map(str::to_owned);
    let mut sent = Sent { form, authorization, times: 1 };
    if let Some(change) = sent.get("subject_token").map(id).and_then(|id| changes.get(&id)) {
        change(&mut sent);
    }
    sent
}

async fn pass_on(http: &reqwest::Client, url: &str, sent: &Sent) -> Result<Response> {
    let mut last = (StatusCode::BAD_GATEWAY, Value::Null);
    for _ in 0..sent.times {
        let mut request = http.post(url).form(&sent.form);
        if let Some(authorization) = &sent.authorization {
            request = request.header("authorization", authorization);
        }
        let answer = request.send().await?;
        last = (answer.status(), answer.json().await?);
    }
    Ok((last.0, axum::Json(last.1)).into_response())
}
