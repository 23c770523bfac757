//! One log line per request for an exchange: who, for whom, what came of it. Never a token, a secret or an assertion.

use std::sync::Arc;
use std::time::Instant;

use obolus_core::Reason;
use obolus_core::exchange::ExchangedToken;
use obolus_core::reason::Fault;
use obolus_core::token::{Principal, TenantId, TokenDigest};

use crate::cache::Source;
use crate::config::{ExchangedBy, Target};
use crate::metrics::{Limit, Metrics};
use crate::providers::Upstream;
use crate::telemetry::{Trace, Value};

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// A token.
    Exchange,
    /// A person's groups.
    Groups,
}

/// Filled while a request is judged, written when it has been.
pub(crate) struct Record {
    trace: Trace,
    about: About,
    begun: Instant,
    pub(crate) caller: Option<String>,
    /// Whether it is a stranger's, who is told of elsewhere, and not each time.
    pub(crate) is_strangers: bool,
    /// A configured one: any other text would be the client's.
    pub(crate) target: Option<Arc<Target>>,
    pub(crate) token_digest: Option<TokenDigest>,
    pub(crate) principal: Option<Principal>,
    pub(crate) source: Option<Source>,
    exchanged_id: Option<String>,
    exchanged_digest: Option<TokenDigest>,
    /// How many.
    pub(crate) groups: Option<usize>,
    pub(crate) upstream: Upstream,
}

impl Record {
    pub(crate) fn begin(trace: Trace, about: About) -> Self {
        Self {
            trace,
            about,
            begun: Instant::now(),
            caller: None,
            is_strangers: false,
            target: None,
            token_digest: None,
            principal: None,
            source: None,
            exchanged_id: None,
            exchanged_digest: None,
            groups: None,
            upstream: Upstream::default(),
        }
    }

    pub(crate) fn exchanged(&mut self, token: &ExchangedToken) {
        self.exchanged_id = token.token_id().map(str::to_owned);
        self.exchanged_digest = Some(token.digest().clone());
    }

    pub(crate) fn write(self, outcome: Result<(), Reason>, metrics: &Metrics) {
        let is_ours = outcome.is_err_and(|reason| reason.fault() == Fault::Server);
        let status = outcome.map_or_else(Reason::status, |()| 200);
        let outcome = outcome.map_or_else(Reason::as_str, |()| match self.about {
            About::Exchange => "exchanged",
            About::Groups => "resolved",
        });
        let target = self.target.as_deref();
        let name = target.map(Target::name);
        match self.about {
            About::Exchange => metrics.exchanged(self.caller.as_deref(), name, outcome),
            About::Groups => metrics.groups(self.caller.as_deref(), name, outcome),
        }
        if let Some(source) = self.source.filter(|_| self.about == About::Exchange) {
            metrics.looked_up(source.as_str());
        }
        let principal = self.principal.as_ref();
        let upstream = self.upstream;
        if let Some(limit) = upstream.limit {
            metrics.overloaded(limit);
        }
        let milliseconds = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        macro_rules! line {
            ($level:ident, $message:literal) => {
                tracing::$level!(
                    outcome,
                    caller = self.caller,
                    limit = upstream.limit.map(Limit::as_str),
                    target_name = target.map(Target::name),
                    provider = target.map(|target| target.exchanged_by).map(ExchangedBy::as_str),
                    issuer = principal.map(|principal| principal.identity().issuer.as_str()),
                    subject = principal.map(|principal| principal.identity().subject.as_str()),
                    tenant = principal.and_then(Principal::tenant).map(TenantId::as_str),
                    client = principal.and_then(Principal::client),
                    token_id = principal.and_then(Principal::token_id),
                    token_digest = self.token_digest.as_ref().map(TokenDigest::as_str),
                    exchanged_token_id = self.exchanged_id,
                    exchanged_token_digest =
                        self.exchanged_digest.as_ref().map(TokenDigest::as_str),
                    groups = self.groups,
                    cache = self.source.map(Source::as_str),
                    trace_id = self.trace.id(),
                    upstream_request_id = upstream.request_id,
                    upstream_status = upstream.status,
                    upstream_error = upstream.error,
                    upstream_suberror = upstream.suberror,
                    upstream_description = upstream.description,
                    upstream_codes = upstream.codes,
                    upstream_trace_id = upstream.trace_id,
                    upstream_correlation_id = upstream.correlation_id,
                    upstream_clock_ahead_seconds = upstream.clock_ahead_seconds,
                    exchanged_audiences = upstream.exchanged_audiences,
                    expected_audience = upstream.expected_audience,
                    held_back_seconds = upstream.held_back_seconds,
                    circuit_open_seconds = upstream.circuit_open_seconds,
                    milliseconds,
                    $message
                )
            };
        }
        // What somebody has to look after stands out.
        match (is_ours, self.about) {
            _ if self.is_strangers => {}
            (true, About::Exchange) => line!(warn, "exchange"),
            (false, About::Exchange) => line!(info, "exchange"),
            (true, About::Groups) => line!(warn, "groups"),
            (false, About::Groups) => line!(info, "groups"),
        }
        let provider = target.map(|target| target.exchanged_by.as_str());
        let source = self.source.map(Source::as_str);
        if self.about == About::Exchange {
            metrics.served(provider, outcome, source, self.begun.elapsed());
        }
        // Strangers do not get to fill anybody's traces.
        if let Some(caller) = self.caller {
            let texts = [
                ("obolus.outcome", Some(outcome)),
                ("obolus.caller", Some(caller.as_str())),
                ("obolus.target", target.map(Target::name)),
                ("obolus.provider", provider),
                ("obolus.cache", source),
            ];
            let texts = texts
                .into_iter()
                .filter_map(|(key, text)| Some((key, Value::Text(text?.to_owned()))));
            let status = ("http.response.status_code", Value::Number(status.into()));
            self.trace.end(is_ours, texts.chain([status]).collect());
        }
    }
}
