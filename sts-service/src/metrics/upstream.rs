//! What identity providers do to us, and what we do about it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use obolus_core::Reason;
use obolus_core::token::KeySource;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use super::{OfSource, OfTarget, labels_of};

/// Entra has hundreds of numbers; who answers in its place has no bound.
const MOST_CODES: usize = 100;
/// In place of a word or number that is not on the list.
pub(super) const OTHER: &str = "other";

/// The words of `error` that token endpoints have (RFC 6749 §5.2, RFC 8693 §2.2.2, OpenID Connect Core §3.1.2.6, Entra).
/// Any other would be a label that somebody else chooses.
pub(super) const ERRORS: [&str; 12] = [
    "access_denied",
    "consent_required",
    "interaction_required",
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "invalid_target",
    "server_error",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_grant_type",
];

/// Whether a token endpoint is asked at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CircuitState {
    /// By everybody.
    Closed,
    /// By one, to see whether it answers again.
    Probing,
    /// By nobody.
    Open,
}

/// Which bound it was that a request met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// Wrong credentials of callers from one address.
    WrongCredentials,
    /// `exchanges_in_flight`.
    ExchangesInFlight,
    /// Requests under way at Microsoft Graph.
    Graph,
}

impl Limit {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::WrongCredentials => "wrong_credentials",
            Self::ExchangesInFlight => "exchanges_in_flight",
            Self::Graph => "graph",
        }
    }
}

/// What came of asking ahead for a token that is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refresh {
    /// The new token is in place.
    Renewed,
    /// The identity provider refuses this person now: the old token is gone.
    Refused,
    /// It gave no answer: the old token stays until its end.
    Failed,
}

impl Refresh {
    fn as_str(self) -> &'static str {
        match self {
            Self::Renewed => "renewed",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refused {
    target: String,
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Limited {
    limit: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refreshed {
    target: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, Default)]
pub(super) struct UpstreamMetrics {
    answers: Family<OfSource, Counter>,
    codes: Family<OfSource, Counter>,
    /// The numbers that have a counter of their own.
    known_codes: Arc<Mutex<BTreeSet<String>>>,
    circuits: Family<OfSource, Gauge>,
    circuit_openings: Family<OfSource, Counter>,
    in_flight: Family<OfSource, Gauge>,
    retries: Family<OfSource, Counter>,
    held_back: Family<OfTarget, Counter>,
    negative_hits: Family<Refused, Counter>,
    refreshes: Family<Refreshed, Counter>,
    tokens: Gauge,
    bytes: Gauge,
    refusals: Gauge,
    wrong_credentials: Counter,
    callers_limited: Counter,
    overloaded: Family<Limited, Counter>,
}

impl UpstreamMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let new = Self::default();
        let text = "Answers to requests for an exchange, by class of status and by `error`";
        registry.register("upstream_answers", text, Family::clone(&new.answers));
        let text = "Refusals of an exchange by Entra, by AADSTS number";
        registry.register("upstream_codes", text, Family::clone(&new.codes));
        let text = "Whether a token endpoint is asked: 0 by everybody, 1 by one probe, 2 by nobody";
        registry.register("circuit_state", text, Family::clone(&new.circuits));
        let text = "How often a token endpoint was given up for a while";
        registry.register("circuit_openings", text, Family::clone(&new.circuit_openings));
        let text = "Exchanges under way";
        registry.register("exchanges_in_flight", text, Family::clone(&new.in_flight));
        let text = "Exchanges that were asked for a second time";
        registry.register("upstream_retries", text, Family::clone(&new.retries));
        let text = "Exchanges not asked for, since the identity provider had said to come later";
        registry.register("held_back", text, Family::clone(&new.held_back));
        let text = "Refusals from memory: nobody was asked";
        registry.register("negative_hits", text, Family::clone(&new.negative_hits));
        let text = "Exchanges ahead of a token's end, by what came of them";
        registry.register("refreshes", text, Family::clone(&new.refreshes));
        registry.register("cached_tokens", "Exchanged tokens in memory", new.tokens.clone());
        let text = "What the exchanged tokens in memory take";
        registry.register_with_unit("cached", text, Unit::Bytes, new.bytes.clone());
        registry.register("cached_refusals", "Refusals in memory", new.refusals.clone());
        let text = "Requests with a wrong credential of a caller, or with none";
        registry.register("wrong_credentials", text, new.wrong_credentials.clone());
        let text = "Requests not looked at after too many wrong credentials";
        registry.register("callers_limited", text, new.callers_limited.clone());
        let text = "Requests that were told `overloaded`, by which limit they met";
        registry.register("overloaded", text, Family::clone(&new.overloaded));
        new
    }
}

/// A closed set, with what OAuth has no status for by its own name.
fn class(status: Option<u16>) -> &'static str {
    match status {
        None => "none",
        Some(429) => "429",
        Some(200..=299) => "2xx",
        Some(300..=399) => "3xx",
        Some(400..=499) => "4xx",
        Some(_) => "5xx",
    }
}

impl super::Metrics {
    /// One answer of a token endpoint, or none (`status` missing). `error` as it was sent; any text may stand there.
    pub(crate) fn answered(&self, source: &KeySource, status: Option<u16>, error: Option<&str>) {
        let mut labels = labels_of(source);
        labels.push(("class", class(status).to_owned()));
        if let Some(error) = error.filter(|_| status.is_some()) {
            let known = ERRORS.iter().find(|known| **known == error);
            labels.push(("error", known.copied().unwrap_or(OTHER).to_owned()));
        }
        self.upstream_metrics.answers.get_or_create(&labels).inc();
    }

    /// One of the `error_codes` of a refusal.
    pub(crate) fn coded(&self, source: &KeySource, code: u64) {
        let mut code = code.to_string();
        let known = &self.upstream_metrics.known_codes;
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MOST_CODES {
            known.insert(code.clone());
        } else if !known.contains(&code) {
            OTHER.clone_into(&mut code);
        }
        drop(known);
        let mut labels = labels_of(source);
        labels.push(("code", code));
        self.upstream_metrics.codes.get_or_create(&labels).inc();
    }

    /// The circuit of a token endpoint is in this state from now on.
    pub(crate) fn circuit(&self, labels: &OfSource, state: CircuitState) {
        let number = match state {
            CircuitState::Closed => 0,
            CircuitState::Probing => 1,
            CircuitState::Open => 2,
        };
        let before = self.upstream_metrics.circuits.get_or_create(labels).set(number);
        if before == 0 && number != 0 {
            self.upstream_metrics.circuit_openings.get_or_create(labels).inc();
        }
    }

    /// How many exchanges are under way at a token endpoint.
    pub(crate) fn in_flight(&self, labels: &OfSource, exchanges: usize) {
        let gauge = self.upstream_metrics.in_flight.get_or_create(labels);
        gauge.set(i64::try_from(exchanges).unwrap_or(i64::MAX));
    }

    /// An exchange is asked for a second time.
    pub(crate) fn retried(&self, labels: &OfSource) {
        self.upstream_metrics.retries.get_or_create(labels).inc();
    }

    /// An exchange was not asked for: the identity provider's `Retry-After` is not over.
    pub(crate) fn held_back(&self, target: &str) {
        let labels = OfTarget { target: target.to_owned() };
        self.upstream_metrics.held_back.get_or_create(&labels).inc();
    }

    /// A refusal from memory.
    pub(crate) fn negative_hit(&self, target: &str, reason: Reason) {
        let labels = Refused { target: target.to_owned(), reason: reason.as_str() };
        self.upstream_metrics.negative_hits.get_or_create(&labels).inc();
    }

    /// What came of an exchange ahead of a token's end.
    pub(crate) fn refreshed(&self, target: &str, outcome: Refresh) {
        let labels = Refreshed { target: target.to_owned(), outcome: outcome.as_str() };
        self.upstream_metrics.refreshes.get_or_create(&labels).inc();
    }

    /// What is in memory; said when somebody asks for the metrics.
    pub(crate) fn remembered(&self, tokens: u64, bytes: u64, refusals: u64) {
        let UpstreamMetrics {
            tokens: own_tokens, bytes: own_bytes, refusals: own_refusals, ..
        } = &self.upstream_metrics;
        for (gauge, number) in [(own_tokens, tokens), (own_bytes, bytes), (own_refusals, refusals)]
        {
            gauge.set(i64::try_from(number).unwrap_or(i64::MAX));
        }
    }

    /// A caller did not prove itself.
    pub(crate) fn wrong_credential(&self) {
        self.upstream_metrics.wrong_credentials.inc();
    }

    /// A request was told that there are too many.
    pub(crate) fn overloaded(&self, limit: Limit) {
        let labels = Limited { limit: limit.as_str() };
        self.upstream_metrics.overloaded.get_or_create(&labels).inc();
    }

    /// A request was refused unread, after too many wrong credentials.
    pub(crate) fn caller_limited(&self) {
        self.upstream_metrics.callers_limited.inc();
        self.overloaded(Limit::WrongCredentials);
    }
}

#[cfg(test)]
mod tests {
    use obolus_core::token::{IssuerRules, Provider};

    use super::*;
    use crate::metrics::Metrics;

    #[test]
    fn labels_that_somebody_else_chooses_are_bounded() {
        let rules = IssuerRules {
            name: "idp".to_owned(),
            provider: Provider::Oidc("https://idp.example.com".to_owned()),
            algorithms: Vec::new(),
            clock_skew_seconds: 0,
        };
        let (metrics, source) = (Metrics::new(), rules.key_sources().remove(0));
        for number in 0..300 {
            metrics.coded(&source, number);
            metrics.answered(&source, Some(400), Some(&format!("error-{number}")));
        }
        metrics.answered(&source, Some(400), Some("invalid_grant"));
        metrics.answered(&source, None, None);
        for state in [CircuitState::Open, CircuitState::Probing, CircuitState::Open] {
            metrics.circuit(&labels_of(&source), state);
        }
        let text = metrics.text();
        let lines = |start: &str| text.lines().filter(|line| line.starts_with(start)).count();
        assert_eq!(lines("obolus_sts_upstream_codes_total"), MOST_CODES + 1, "{text}");
        assert_eq!(lines("obolus_sts_upstream_answers_total"), 3, "{text}");
        for line in [
            r#"obolus_sts_upstream_codes_total{issuer="idp",code="other"} 200"#,
            r#"obolus_sts_upstream_answers_total{issuer="idp",class="4xx",error="other"} 300"#,
            r#"obolus_sts_upstream_answers_total{issuer="idp",class="none"} 1"#,
            r#"obolus_sts_circuit_state{issuer="idp"} 2"#,
            r#"obolus_sts_circuit_openings_total{issuer="idp"} 1"#,
        ] {
            assert!(text.lines().any(|seen| seen == line), "{line}\n{text}");
        }
    }
}
