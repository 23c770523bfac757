//! The span of one request of MCP, by OpenTelemetry's conventions for it.

use http::request::Parts;
use obolus_core::trace::TraceParent;
use obolus_telemetry::{Scope, Telemetry, Trace, parent_of};
use rmcp::RoleServer;
use rmcp::service::RequestContext;

use super::text;
use crate::config::ContextName;

/// A request under way. Dropped, it has ended: as it was told to, or else cancelled.
#[derive(Debug)]
pub(crate) struct RequestSpan {
    trace: Option<Trace>,
    method: &'static str,
    /// Only of those that are offered to everybody.
    tool: Option<&'static str>,
    cluster: Option<ContextName>,
    outcome: &'static str,
    transport: &'static str,
}

/// Ends that are no errors.
const GOOD: [&str; 2] = ["ok", "asked"];

impl RequestSpan {
    /// The parent is what the request's headers name, or else what its `_meta` does. What a gateway has written goes
    /// before what a client has: the gateway's own log and the STS's spans are of that trace. The client's is linked.
    pub(crate) fn begin(
        telemetry: &Telemetry,
        context: &RequestContext<RoleServer>,
        method: &'static str,
        tool: Option<&'static str>,
    ) -> Self {
        let parts = context.extensions.get::<Parts>();
        let meta = context.meta.get_traceparent().and_then(TraceParent::parse);
        let parent = parts.and_then(|parts| parent_of(&parts.headers));
        let (parent, other) = match parent {
            Some(parent) => (Some(parent), meta),
            None => (meta, None),
        };
        let other = other.filter(|other| Some(other) != parent.as_ref());
        let trace = match tool {
            Some(tool) if telemetry.is_on() => telemetry.begin(parent, format!("{method} {tool}")),
            _ => telemetry.begin(parent, method),
        };
        Self {
            trace: Some(trace.linked_to(other)),
            method,
            tool,
            cluster: None,
            outcome: "cancelled",
            transport: if parts.is_some() { "tcp" } else { "pipe" },
        }
    }

    /// Of which nobody is told.
    #[cfg(test)]
    pub(crate) fn unrecorded() -> Self {
        Self { trace: None, method: "", tool: None, cluster: None, outcome: "", transport: "" }
    }

    /// By what others know the trace.
    pub(crate) fn trace_id(&self) -> Option<&str> {
        self.trace.as_ref().and_then(Trace::id)
    }

    /// Where the requests to the API server belong.
    pub(crate) fn scope(&self) -> Scope {
        self.trace.as_ref().map(Trace::scope).unwrap_or_default()
    }

    /// On which of several clusters.
    pub(crate) fn on(&mut self, cluster: Option<&ContextName>) {
        self.cluster = cluster.cloned();
    }

    /// How it ended.
    pub(crate) fn ends(&mut self, outcome: &'static str) {
        self.outcome = outcome;
    }
}

impl Drop for RequestSpan {
    fn drop(&mut self) {
        let Some(trace) = self.trace.take().filter(Trace::is_recorded) else { return };
        let mut attributes = vec![
            text("mcp.method.name", self.method),
            text("rpc.system", "mcp"),
            text("network.transport", self.transport),
            text("obolus.outcome", self.outcome),
        ];
        if let Some(tool) = self.tool {
            attributes.push(text("gen_ai.tool.name", tool));
            attributes.push(text("gen_ai.operation.name", "execute_tool"));
        }
        if let Some(cluster) = &self.cluster {
            attributes.push(text("k8s.cluster.name", cluster.as_str()));
        }
        let is_error = !GOOD.contains(&self.outcome);
        if is_error {
            attributes.push(text("error.type", self.outcome));
        }
        trace.end(is_error, attributes);
    }
}
