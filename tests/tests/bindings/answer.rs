//! Answers and forwarded requests, as the stories look at them.

use anyhow::{Context as _, Result};
use obolus_tests::fixtures::idp::claims_of;
use obolus_tests::fixtures::recorder::{Recorded, Recorder};
use obolus_tests::fixtures::refusal::members;
use serde_json::{Value, json};

/// What a client was told.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The `reason` of the body, where it has one.
    pub(crate) reason: String,
    /// `Retry-After`.
    pub(crate) retry_after: Option<u64>,
}

impl Answer {
    /// Sends a request and reads the whole answer.
    pub(crate) async fn to(request: reqwest::RequestBuilder) -> Result<Self> {
        let response = request.send().await?;
        let retry_after = response.headers().get("retry-after").map(|value| value.to_str());
        let retry_after = retry_after.transpose()?.map(str::parse).transpose()?;
        let status = response.status().as_u16();
        let head = format!("{status} {:?}", response.headers());
        let body = response.bytes().await.with_context(|| format!("half an answer: {head}"))?;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let reason = members(&body)["reason"].as_str();
        Ok(Self { status, reason: reason.unwrap_or_default().to_owned(), retry_after })
    }

    /// Status and reason, to compare with.
    pub(crate) fn verdict(&self) -> (u16, &str) {
        (self.status, &self.reason)
    }

    /// Says when to come back.
    pub(crate) fn is_503(&self, reason: &str) -> bool {
        self.verdict() == (503, reason) && self.retry_after.is_some()
    }
}

/// How many requests arrived since the last look.
pub(crate) fn arrived(recorder: &Recorder) -> usize {
    recorder.take().len()
}

/// Of whose tokens the requests since the last look were, each for this audience.
pub(crate) fn people(recorder: &Recorder, audience: &str) -> Result<Vec<String>> {
    let subject = |request: &Recorded| {
        let claims = forwarded(request)?;
        let aud = &claims["aud"];
        anyhow::ensure!(aud == audience || *aud == json!([audience]), "a token for {aud}");
        Ok(claims["sub"].as_str().context("no subject")?.to_owned())
    };
    recorder.take().iter().map(subject).collect()
}

/// The claims of the token that a request carries.
pub(crate) fn forwarded(request: &Recorded) -> Result<Value> {
    let header = request.header("authorization").context("not one Authorization header")?;
    let token = header.strip_prefix("Bearer ").context("no bearer token")?;
    claims_of(token).context("not a token")
}
