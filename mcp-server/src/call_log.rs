//! One line, one count and one span for every tool call, however it ends.

use std::sync::Arc;
use std::time::Instant;

use rmcp::model::JsonObject;
use serde_json::Value;

use crate::config::ContextName;
use crate::metrics::Metrics;
use crate::names::Namespace;
use crate::telemetry::{RequestSpan, Scope};

/// A call under way. Dropped without an outcome, it was cancelled.
pub(crate) struct CallLog {
    tool: &'static str,
    cluster: Option<ContextName>,
    namespace: String,
    outcome: &'static str,
    started: Instant,
    metrics: Arc<Metrics>,
    span: RequestSpan,
}

impl CallLog {
    pub(crate) fn start(
        tool: &'static str,
        arguments: &JsonObject,
        metrics: Arc<Metrics>,
        span: RequestSpan,
    ) -> Self {
        Self {
            tool,
            cluster: None,
            namespace: namespace(arguments),
            outcome: "cancelled",
            started: Instant::now(),
            metrics,
            span,
        }
    }

    /// Where the requests to the API server belong.
    pub(crate) fn scope(&self) -> Scope {
        self.span.scope()
    }

    /// Says on which of several clusters.
    pub(crate) fn on(&mut self, cluster: Option<&ContextName>) {
        self.cluster = cluster.cloned();
        self.span.on(cluster);
    }

    pub(crate) fn end(mut self, outcome: &'static str) {
        self.outcome = outcome;
    }
}

impl Drop for CallLog {
    fn drop(&mut self) {
        let Self { tool, cluster, namespace, outcome, started, metrics, span } = self;
        let duration = started.elapsed();
        metrics.call(tool, cluster.as_ref(), outcome, duration);
        span.ends(outcome);
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let cluster = cluster.as_ref().map(tracing::field::display);
        let trace_id = span.trace_id();
        tracing::info!(%tool, cluster, %namespace, %outcome, duration_ms, trace_id, "tool call");
    }
}

/// The namespace if it is one: whatever else a caller sends stays out of the log.
fn namespace(arguments: &JsonObject) -> String {
    match arguments.get("namespace") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) if text.is_empty() => String::new(),
        Some(Value::String(text)) => Namespace::try_from(text.clone())
            .map_or_else(|_| "(invalid)".to_owned(), |namespace| namespace.to_string()),
        Some(_) => "(invalid)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_a_namespace_is_logged_as_one() {
        let of = |value: Value| namespace(json!({ "namespace": value }).as_object().unwrap());
        assert_eq!(of(json!("shop")), "shop");
        assert_eq!(of(json!("eyJhbGciOi.J9.x")), "(invalid)");
        assert_eq!(of(json!(7)), "(invalid)");
        assert_eq!(of(json!("")), "");
        assert_eq!(namespace(&JsonObject::new()), "");
    }

    #[test]
    fn a_call_that_is_dropped_counts_as_cancelled() {
        let metrics = Arc::new(Metrics::default());
        let start = || {
            let span = RequestSpan::unrecorded();
            CallLog::start("whoami", &JsonObject::new(), Arc::clone(&metrics), span)
        };
        drop(start());
        start().end("ok");
        let text = metrics.render();
        assert!(text.contains(r#"{tool="whoami",outcome="cancelled"} 1"#), "{text}");
        assert!(text.contains(r#"{tool="whoami",outcome="ok"} 1"#), "{text}");
    }
}
