//! One log line per request for an exchange: who, for whom, what came of it. Never a token, a secret or an assertion.

use std::time::Instant;

use obolus_core::Reason;
use obolus_core::exchange::ExchangedToken;
use obolus_core::token::{Principal, TokenDigest};

use crate::cache::Source;
use crate::metrics::Metrics;
use crate::providers::Failure;

/// Filled while a request is judged, written when it has been.
pub(crate) struct Record {
    begun: Instant,
    pub(crate) caller: Option<String>,
    /// A configured one: any other text would be the client's.
    pub(crate) target: Option<String>,
    pub(crate) token_digest: Option<TokenDigest>,
    pub(crate) principal: Option<Principal>,
    pub(crate) source: Option<Source>,
    exchanged_id: Option<String>,
    exchanged_digest: Option<TokenDigest>,
    upstream_status: Option<u16>,
    upstream_error: Option<String>,
    upstream_description: Option<String>,
}

impl Record {
    pub(crate) fn begin() -> Self {
        Self {
            begun: Instant::now(),
            caller: None,
            target: None,
            token_digest: None,
            principal: None,
            source: None,
            exchanged_id: None,
            exchanged_digest: None,
            upstream_status: None,
            upstream_error: None,
            upstream_description: None,
        }
    }

    pub(crate) fn exchanged(&mut self, token: &ExchangedToken) {
        self.exchanged_id = token.token_id().map(str::to_owned);
        self.exchanged_digest = Some(token.digest().clone());
    }

    pub(crate) fn failed_upstream(&mut self, failure: &Failure) {
        self.upstream_status = failure.status;
        self.upstream_error.clone_from(&failure.error);
        self.upstream_description.clone_from(&failure.description);
    }

    pub(crate) fn write(self, outcome: Result<(), Reason>, metrics: &Metrics) {
        let outcome = outcome.map_or_else(Reason::as_str, |()| "exchanged");
        metrics.exchanged(self.caller.as_deref(), self.target.as_deref(), outcome);
        if let Some(source) = self.source {
            metrics.looked_up(source.as_str());
        }
        let principal = self.principal.as_ref();
        tracing::info!(
            outcome,
            caller = self.caller,
            target_name = self.target,
            issuer = principal.map(|principal| principal.identity().issuer.as_str()),
            subject = principal.map(|principal| principal.identity().subject.as_str()),
            client = principal.and_then(Principal::client),
            token_id = principal.and_then(Principal::token_id),
            token_digest = self.token_digest.as_ref().map(TokenDigest::as_str),
            exchanged_token_id = self.exchanged_id,
            exchanged_token_digest = self.exchanged_digest.as_ref().map(TokenDigest::as_str),
            cache = self.source.map(Source::as_str),
            upstream_status = self.upstream_status,
            upstream_error = self.upstream_error,
            upstream_description = self.upstream_description,
            milliseconds = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            "exchange"
        );
    }
}
