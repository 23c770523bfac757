//! Traces: the one that a request belongs to is gone on with (W3C Trace Context), and told to a collector (OTLP over HTTP,
//! in JSON), if one is configured.
//!
//! Two kinds of span, by hand: what an exchange needs of OTLP is one document of a few fields, and the libraries for it would
//! bring a second HTTP client and a code generator's output along. No span has a token, a secret, a person or a text
//! of somebody else's: what is in them stands in the metrics, too. Nothing of a trace goes on to identity providers.

mod collector;
mod document;
mod span;

use axum::http::HeaderMap;
use obolus_core::trace::TraceParent;
use tokio::sync::{mpsc, oneshot};

pub(crate) use collector::Collector;
pub(crate) use span::{Kind, Span, Value};

use crate::metrics::Metrics;

/// W3C Trace Context §3.2.
const TRACEPARENT: &str = "traceparent";

/// Where finished spans go.
#[derive(Debug, Clone)]
pub(crate) struct Telemetry {
    /// `None` where nobody collects.
    spans: Option<mpsc::Sender<Message>>,
    metrics: Metrics,
}

enum Message {
    Finished(Span),
    /// Wants to know when everything before has been sent.
    Flush(oneshot::Sender<()>),
}

tokio::task_local! {
    /// The span of the request that this task serves.
    static SERVED: Served;
}

#[derive(Debug, Clone)]
struct Served {
    telemetry: Telemetry,
    trace_id: String,
    span_id: String,
}

/// What the trace of a request is, whether anybody collects or not.
#[derive(Debug)]
pub(crate) struct Trace {
    telemetry: Telemetry,
    /// As the caller names it; our own if it names none and somebody collects.
    trace_id: Option<String>,
    /// If it is to be collected.
    span: Option<Span>,
}

impl Telemetry {
    pub(crate) fn off(metrics: Metrics) -> Self {
        Self { spans: None, metrics }
    }

    /// The trace that these headers belong to. Whoever came before decides whether it is collected.
    pub(crate) fn begin(&self, headers: &HeaderMap, name: &'static str) -> Trace {
        let mut values = headers.get_all(TRACEPARENT).iter();
        let parent = match (values.next(), values.next()) {
            (Some(only), None) => only.to_str().ok().and_then(TraceParent::parse),
            _ => None,
        };
        let is_collected =
            self.spans.is_some() && parent.as_ref().is_none_or(TraceParent::is_sampled);
        let (known, parent_id) = match parent {
            Some(parent) => {
                (Some(parent.trace_id().to_owned()), Some(parent.parent_id().to_owned()))
            }
            None => (None, None),
        };
        let trace_id = known.or_else(|| is_collected.then(span::random::<16>).flatten());
        let ids = trace_id.clone().filter(|_| is_collected);
        let span = ids.and_then(|id| Span::begin(id, parent_id, name, Kind::Server));
        Trace { telemetry: self.clone(), trace_id, span }
    }

    fn finish(&self, span: Span) {
        let Some(spans) = &self.spans else { return };
        if spans.try_send(Message::Finished(span)).is_err() {
            self.metrics.spans("lost", 1);
        }
    }

    /// Returns when all spans have been sent, or could not be.
    pub(crate) async fn flush(&self) {
        let Some(spans) = &self.spans else { return };
        let (done, is_done) = oneshot::channel();
        if spans.send(Message::Flush(done)).await.is_ok() {
            // An error is that there is nobody left to send anything.
            let _ = is_done.await;
        }
    }
}

impl Trace {
    pub(crate) fn id(&self) -> Option<&str> {
        self.trace_id.as_deref()
    }

    /// Where calls to others become children of this one's span.
    pub(crate) fn scope(&self) -> Scope {
        Scope(self.span.as_ref().map(|span| Served {
            telemetry: self.telemetry.clone(),
            trace_id: span.trace_id.clone(),
            span_id: span.span_id.clone(),
        }))
    }

    pub(crate) fn end(self, is_error: bool, attributes: Vec<(&'static str, Value)>) {
        if let Some(span) = self.span {
            self.telemetry.finish(span.end(is_error, attributes));
        }
    }
}

/// See [`Trace::scope`].
pub(crate) struct Scope(Option<Served>);

impl Scope {
    /// The one that we are in, for a task that goes on for the same request.
    pub(crate) fn current() -> Self {
        Self(SERVED.try_with(Clone::clone).ok())
    }

    pub(crate) async fn around<F: Future>(self, request: F) -> F::Output {
        match self.0 {
            Some(served) => SERVED.scope(served, request).await,
            None => request.await,
        }
    }
}

/// A call to somebody else, if it is made for a request whose trace is collected.
pub(crate) struct Call(Option<(Telemetry, Span)>);

impl Call {
    pub(crate) fn begin(name: &'static str) -> Self {
        let served = SERVED.try_with(Clone::clone).ok();
        Self(served.and_then(|Served { telemetry, trace_id, span_id }| {
            let span = Span::begin(trace_id, Some(span_id), name, Kind::Client)?;
            Some((telemetry, span))
        }))
    }

    pub(crate) fn end(self, is_error: bool, attributes: Vec<(&'static str, Value)>) {
        if let Some((telemetry, span)) = self.0 {
            telemetry.finish(span.end(is_error, attributes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-";

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(TRACEPARENT, value.parse().unwrap());
        }
        headers
    }

    #[tokio::test]
    async fn a_call_is_a_child_of_the_request_and_the_request_one_of_the_callers() {
        let (sender, mut finished) = mpsc::channel(8);
        let telemetry = Telemetry { spans: Some(sender), metrics: Metrics::new() };
        let trace = telemetry.begin(&headers(&[&format!("{PARENT}01")]), "exchange");
        trace.scope().around(async { Call::begin("call").end(false, Vec::new()) }).await;
        let id = trace.id().unwrap().to_owned();
        trace.end(true, vec![("outcome", Value::Text("refused".to_owned()))]);
        let mut next = || match finished.try_recv() {
            Ok(Message::Finished(span)) => span,
            _ => panic!("no span"),
        };
        let (call, request) = (next(), next());
        assert_eq!(id, "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!((&call.trace_id, &request.trace_id), (&id, &id));
        assert_eq!(request.parent_id.as_deref(), Some("00f067aa0ba902b7"));
        assert_eq!(call.parent_id.as_ref(), Some(&request.span_id));
        assert_ne!(call.span_id, request.span_id);
        // Outside of a request there is nobody whose child it could be.
        Call::begin("call").end(false, Vec::new());
        assert!(finished.try_recv().is_err());

        // A task that a request leaves behind is still that request's.
        let trace = telemetry.begin(&headers(&[&format!("{PARENT}01")]), "exchange");
        let behind = async {
            let task = async { Call::begin("call").end(false, Vec::new()) };
            tokio::spawn(Scope::current().around(task)).await.unwrap();
        };
        trace.scope().around(behind).await;
        trace.end(false, Vec::new());
        let Ok(Message::Finished(call)) = finished.try_recv() else { panic!("no call") };
        let Ok(Message::Finished(request)) = finished.try_recv() else { panic!("no request") };
        assert_eq!(call.parent_id, Some(request.span_id));
    }

    #[tokio::test]
    async fn whoever_came_before_decides_and_what_is_no_parent_begins_a_trace() {
        let (sender, mut finished) = mpsc::channel(8);
        let telemetry = Telemetry { spans: Some(sender), metrics: Metrics::new() };
        let trace = telemetry.begin(&headers(&[&format!("{PARENT}00")]), "exchange");
        assert_eq!(trace.id(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        trace.end(false, Vec::new());
        assert!(finished.try_recv().is_err());
        let good = format!("{PARENT}01");
        for values in [&[][..], &["garbage"], &[good.as_str(), good.as_str()]] {
            let trace = telemetry.begin(&headers(values), "exchange");
            let id = trace.id().unwrap().to_owned();
            assert_ne!(id, "4bf92f3577b34da6a3ce929d0e0e4736");
            trace.end(false, Vec::new());
            let Ok(Message::Finished(span)) = finished.try_recv() else { panic!("no span") };
            assert_eq!((span.trace_id, span.parent_id), (id, None));
        }
        // Where nobody collects, the trace has the name that it came with, or none.
        let off = Telemetry::off(Metrics::new());
        assert!(off.begin(&headers(&[&good]), "exchange").id().is_some());
        assert!(off.begin(&headers(&[]), "exchange").id().is_none());
    }
}
