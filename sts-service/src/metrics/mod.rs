//! What is counted, in Prometheus' text format. Labels are names from the configuration and reasons: closed sets.

mod connections;
mod material;
pub mod table;
mod upstream;

use std::sync::Arc;
use std::time::Duration;

use obolus_core::UnixSeconds;
use obolus_core::token::KeySource;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

pub(crate) use connections::ConnectionMetrics;
pub(crate) use connections::{Connections, Listens};
use material::MaterialMetrics;
use upstream::UpstreamMetrics;
pub(crate) use upstream::{CircuitState, Limit, Refresh};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Exchange {
    caller: String,
    target: String,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Served {
    provider: &'static str,
    outcome: &'static str,
    source: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Spans {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Lookup {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Upstream {
    issuer: String,
    provider: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfTarget {
    target: String,
}

/// `issuer`, `tenant` if it has any, and perhaps others.
pub(crate) type OfSource = Vec<(&'static str, String)>;

pub(crate) fn labels_of(source: &KeySource) -> OfSource {
    let tenant = source.tenant().map(|tenant| ("tenant", tenant.to_string()));
    [("issuer", source.issuer().to_owned())].into_iter().chain(tenant).collect()
}

/// All counters of this process.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    registry: Arc<Registry>,
    exchanges: Family<Exchange, Counter>,
    groups: Family<Exchange, Counter>,
    served: Family<Served, Histogram, fn() -> Histogram>,
    spans: Family<Spans, Counter>,
    lookups: Family<Lookup, Counter>,
    upstream: Family<Upstream, Histogram, fn() -> Histogram>,
    fetches: Family<OfSource, Counter>,
    keys_age: Family<OfSource, Gauge>,
    keys: Family<OfSource, Gauge>,
    certificates_end: Family<OfTarget, Gauge>,
    upstream_metrics: UpstreamMetrics,
    material_metrics: MaterialMetrics,
    connection_metrics: ConnectionMetrics,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("obolus_sts");
        let (exchanges, groups) = (Family::default(), Family::default());
        let lookups = Family::default();
        let spans = Family::default();
        let served = Family::new_with_constructor(latencies as fn() -> Histogram);
        let upstream = Family::new_with_constructor(latencies as fn() -> Histogram);
        let fetches = Family::default();
        let (keys_age, keys) = (Family::default(), Family::default());
        let text = "Requests for an exchange, by what came of them";
        registry.register("exchanges", text, Family::clone(&exchanges));
        let text = "Requests for a person's groups, by what came of them";
        registry.register("groups", text, Family::clone(&groups));
        let text = "Where exchanged tokens came from: hit, miss, or joined to another's miss";
        registry.register("cache_lookups", text, Family::clone(&lookups));
        let text = "How long requests for an exchange took, by provider, what came of them, and where from";
        registry.register_with_unit("exchange", text, Unit::Seconds, Family::clone(&served));
        let text = "Spans of traces: sent to the collector, or lost";
        registry.register("spans", text, Family::clone(&spans));
        let text = "How long the identity provider took for an exchange";
        registry.register_with_unit("upstream", text, Unit::Seconds, Family::clone(&upstream));
        let text = "Fetches of an issuer's keys";
        registry.register("key_fetches", text, Family::clone(&fetches));
        let text = "Since when the issuer has not confirmed its keys";
        registry.register_with_unit("keys_age", text, Unit::Seconds, Family::clone(&keys_age));
        registry.register(
            "keys",
            "Keys that are believed: none when they are too old",
            Family::clone(&keys),
        );
        let certificates_end = Family::default();
        let text = "When the certificate of client assertions expires, in Unix time";
        let name = "client_certificate_expiry_timestamp";
        registry.register_with_unit(name, text, Unit::Seconds, Family::clone(&certificates_end));
        let upstream_metrics = UpstreamMetrics::register(&mut registry);
        let material_metrics = MaterialMetrics::register(&mut registry);
        let connection_metrics = ConnectionMetrics::register(&mut registry);
        Self {
            registry: Arc::new(registry),
            exchanges,
            groups,
            served,
            spans,
            lookups,
            upstream,
            fetches,
            keys_age,
            keys,
            certificates_end,
            upstream_metrics,
            material_metrics,
            connection_metrics,
        }
    }

    pub(crate) fn exchanged(
        &self,
        caller: Option<&str>,
        target: Option<&str>,
        outcome: &'static str,
    ) {
        let name = |name: Option<&str>| name.unwrap_or("unknown").to_owned();
        let labels = Exchange { caller: name(caller), target: name(target), outcome };
        self.exchanges.get_or_create(&labels).inc();
    }

    /// The same for a request for groups.
    pub(crate) fn groups(&self, caller: Option<&str>, target: Option<&str>, outcome: &'static str) {
        let name = |name: Option<&str>| name.unwrap_or("unknown").to_owned();
        let labels = Exchange { caller: name(caller), target: name(target), outcome };
        self.groups.get_or_create(&labels).inc();
    }

    /// A request has been answered.
    pub(crate) fn served(
        &self,
        provider: Option<&'static str>,
        outcome: &'static str,
        source: Option<&'static str>,
        took: Duration,
    ) {
        let (provider, source) = (provider.unwrap_or("none"), source.unwrap_or("none"));
        let labels = Served { provider, outcome, source };
        self.served.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// So many spans were `sent`, or `lost`.
    pub(crate) fn spans(&self, outcome: &'static str, number: usize) {
        let number = u64::try_from(number).unwrap_or(u64::MAX);
        self.spans.get_or_create(&Spans { outcome }).inc_by(number);
    }

    pub(crate) fn looked_up(&self, result: &'static str) {
        self.lookups.get_or_create(&Lookup { result }).inc();
    }

    pub(crate) fn called(
        &self,
        issuer: &str,
        provider: &'static str,
        outcome: &'static str,
        took: Duration,
    ) {
        let labels = Upstream { issuer: issuer.to_owned(), provider, outcome };
        self.upstream.get_or_create(&labels).observe(took.as_secs_f64());
    }

    pub(crate) fn keys_fetched(&self, source: &KeySource, well: bool) {
        let mut labels = labels_of(source);
        labels.push(("outcome", if well { "ok" } else { "failed" }.to_owned()));
        self.fetches.get_or_create(&labels).inc();
    }

    /// So many keys are believed, which were confirmed so long ago, if ever.
    pub(crate) fn keys_held(&self, source: &KeySource, keys: usize, age: Option<Duration>) {
        let labels = labels_of(source);
        self.keys.get_or_create(&labels).set(i64::try_from(keys).unwrap_or(i64::MAX));
        if let Some(age) = age {
            let age = i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
            self.keys_age.get_or_create(&labels).set(age);
        }
    }

    pub(crate) fn certificate_ends(&self, target: &str, at: UnixSeconds) {
        let labels = OfTarget { target: target.to_owned() };
        self.certificates_end.get_or_create(&labels).set(i64::try_from(at).unwrap_or(i64::MAX));
    }

    /// For one listener.
    pub(crate) fn connections(&self, listens: Listens) -> Connections {
        self.connection_metrics.of(listens)
    }

    fn text(&self) -> String {
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            tracing::error!("metrics cannot be written");
        }
        text
    }
}

fn latencies() -> Histogram {
    Histogram::new([0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0])
}
