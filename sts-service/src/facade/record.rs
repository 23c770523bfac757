//! One log line per request. Never a code, a verifier, a token, a state, a secret, or a URL that came with a request.

use std::time::Instant;

use axum::http::{HeaderMap, Method, StatusCode};
use obolus_core::login::{Endpoint, Grant, Refusal};

use super::metrics::Metrics;

/// Longer request ids than Envoy's are not repeated.
const LONGEST_ID: usize = 64;

/// Filled while a request is judged, written when it has been.
pub(crate) struct Record {
    begun: Instant,
    endpoint: &'static str,
    method: &'static str,
    request_id: Option<String>,
    /// Whose redirect URI it is: a name of the table.
    pub(crate) client: Option<&'static str>,
    pub(crate) grant: Option<Grant>,
    /// The number behind AADSTS.
    pub(crate) aadsts: Option<u32>,
    /// Why the identity provider gave no answer.
    pub(crate) upstream_problem: Option<String>,
}

/// What came of it.
pub(crate) type Outcome = Result<&'static str, Refusal>;

impl Record {
    pub(crate) fn begin(endpoint: Option<Endpoint>, method: &Method, headers: &HeaderMap) -> Self {
        let id = headers.get("x-request-id").and_then(|id| id.to_str().ok());
        let is_id = |id: &&str| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
            id.len() <= LONGEST_ID && id.bytes().all(plain)
        };
        Self {
            begun: Instant::now(),
            endpoint: name(endpoint),
            method: match *method {
                Method::GET => "GET",
                Method::HEAD => "HEAD",
                Method::POST => "POST",
                Method::OPTIONS => "OPTIONS",
                _ => "other",
            },
            request_id: id.filter(is_id).map(str::to_owned),
            client: None,
            grant: None,
            aadsts: None,
            upstream_problem: None,
        }
    }

    pub(crate) fn write(self, status: StatusCode, outcome: Outcome, metrics: &Metrics) {
        let outcome = outcome.unwrap_or_else(Refusal::label);
        metrics.answered(self.endpoint, outcome);
        let took = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            endpoint = self.endpoint,
            method = self.method,
            status = status.as_u16(),
            outcome,
            client = self.client,
            grant = self.grant.map(Grant::as_str),
            aadsts = self.aadsts,
            upstream_problem = self.upstream_problem,
            request_id = self.request_id,
            took_ms = took,
            "login"
        );
    }
}

fn name(endpoint: Option<Endpoint>) -> &'static str {
    match endpoint {
        Some(Endpoint::Metadata) => "metadata",
        Some(Endpoint::Authorize) => "authorize",
        Some(Endpoint::Token) => "token",
        Some(Endpoint::Register) => "register",
        None => "none",
    }
}
