//! Traces: a span for each request of MCP, and one for each request to an API server that it takes.
//!
//! What is in them: methods, tools that are offered, clusters that are configured, verbs and kinds that the API server
//! has, and how it ended. What is not: arguments, answers, names of objects and of namespaces, tokens, and who calls.

mod request;
mod way;

use std::sync::Arc;
use std::time::Duration;

use obolus_telemetry::{Observer, Source};

pub(crate) use obolus_telemetry::{Attributes, Scope, Telemetry, Value};
pub(crate) use request::RequestSpan;
use way::Way;

use crate::config::TelemetryConfig;
use crate::metrics::Metrics;
use crate::tls::TlsError;

/// How long the end waits for the collector.
const LAST_SPANS: Duration = Duration::from_secs(2);

/// See [`obolus_telemetry::Collector`].
pub(crate) type Collector = obolus_telemetry::Collector<Way>;

/// Where spans go, and what has to run so that they get there; nothing where nobody collects.
///
/// # Errors
/// When the collector's authorities cannot be used.
pub(crate) fn start(
    config: Option<&TelemetryConfig>,
    metrics: &Arc<Metrics>,
) -> Result<(Telemetry, Option<Collector>), TlsError> {
    let Some(config) = config else { return Ok((Telemetry::off(), None)) };
    let source = Source::new("obolus-mcp", env!("CARGO_PKG_VERSION"));
    let source = match &config.service {
        Some(service) => source.named(service.clone()),
        None => source,
    };
    let source = source.with(config.attributes.clone());
    let observer = Arc::clone(metrics) as Arc<dyn Observer>;
    let way = Way::new(config)?;
    let (telemetry, collector) = Collector::new(way, source, config.sampler.clone(), observer);
    Ok((telemetry, Some(collector)))
}

/// Waits for the last spans to be sent, but not long.
pub(crate) async fn flush(telemetry: &Telemetry) {
    if tokio::time::timeout(LAST_SPANS, telemetry.flush()).await.is_err() {
        tracing::warn!("the last spans were not sent");
    }
}

/// An attribute.
pub(crate) fn text(key: &'static str, text: impl Into<String>) -> (&'static str, Value) {
    (key, Value::Text(text.into()))
}

impl Observer for Metrics {
    fn spans(&self, outcome: &'static str, number: usize) {
        Metrics::spans(self, outcome, number);
    }

    fn collector_is_down(&self, problem: &str) {
        tracing::warn!(problem, "the collector takes no spans: they are lost");
    }

    fn collector_is_back(&self) {
        tracing::info!("the collector takes spans again");
    }
}
