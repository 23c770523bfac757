//! What the façade counts. Labels are closed sets.

use std::sync::Arc;
use std::time::Duration;

use obolus_core::UnixSeconds;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::metrics::{ConnectionMetrics, Connections, Listens};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    endpoint: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Came {
    outcome: &'static str,
}

/// All counters of this process.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    registry: Arc<Registry>,
    requests: Family<Answered, Counter>,
    upstream: Family<Came, Histogram, fn() -> Histogram>,
    fetches: Family<Came, Counter>,
    metadata_age: Gauge,
    certificate_ends: Gauge,
    connections: ConnectionMetrics,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("obolus_facade");
        let requests = Family::default();
        let text = "Requests, by endpoint and what came of them";
        registry.register("requests", text, Family::clone(&requests));
        let upstream = Family::new_with_constructor(latencies as fn() -> Histogram);
        let text = "How long the identity provider took for tokens, by what came of it";
        registry.register_with_unit("upstream", text, Unit::Seconds, Family::clone(&upstream));
        let fetches = Family::default();
        let text = "Fetches of the identity provider's metadata";
        registry.register("metadata_fetches", text, Family::clone(&fetches));
        let metadata_age = Gauge::default();
        let text = "Since when the identity provider has not confirmed its metadata; -1 before it ever did";
        registry.register_with_unit("metadata_age", text, Unit::Seconds, metadata_age.clone());
        let certificate_ends = Gauge::default();
        let text = "When the server's certificate expires, in Unix time; 0 without one";
        let name = "server_certificate_expiry_timestamp";
        registry.register_with_unit(name, text, Unit::Seconds, certificate_ends.clone());
        let connections = ConnectionMetrics::register(&mut registry);
        metadata_age.set(-1);
        Self {
            registry: Arc::new(registry),
            requests,
            upstream,
            fetches,
            metadata_age,
            certificate_ends,
            connections,
        }
    }

    pub(crate) fn answered(&self, endpoint: &'static str, outcome: &'static str) {
        self.requests.get_or_create(&Answered { endpoint, outcome }).inc();
    }

    pub(crate) fn called(&self, outcome: &'static str, took: Duration) {
        self.upstream.get_or_create(&Came { outcome }).observe(took.as_secs_f64());
    }

    pub(crate) fn fetched(&self, well: bool) {
        self.fetches.get_or_create(&Came { outcome: if well { "ok" } else { "failed" } }).inc();
    }

    pub(crate) fn certificate_ends(&self, at: UnixSeconds) {
        self.certificate_ends.set(i64::try_from(at).unwrap_or(i64::MAX));
    }

    pub(crate) fn connections(&self, listens: Listens) -> Connections {
        self.connections.of(listens)
    }

    /// The page, with metadata of this age.
    pub(crate) fn text(&self, metadata_age: Option<Duration>) -> String {
        if let Some(age) = metadata_age {
            self.metadata_age.set(i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
        }
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            tracing::error!("metrics cannot be written");
        }
        text
    }
}

fn latencies() -> Histogram {
    Histogram::new([0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0])
}
