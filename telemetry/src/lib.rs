//! Traces: the one that a request belongs to is gone on with (W3C Trace Context), and told to a collector (OTLP over HTTP,
//! in JSON), if one is configured.
//!
//! Two kinds of span, by hand: what our programs need of OTLP is one document of a few fields, and the libraries for it would
//! bring a second HTTP client and a code generator's output along. No span has a token, a secret, a person or a text
//! of somebody else's: what is in them stands in the metrics, too.

mod collector;
mod document;
mod sampler;
mod span;

use std::borrow::Cow;
use std::fmt::Debug;
use std::sync::Arc;

use http::HeaderMap;
use obolus_core::trace::TraceParent;
use tokio::sync::{mpsc, oneshot};

pub use collector::{Collector, Post};
pub use sampler::Sampler;
pub use span::{Attributes, Value};
use span::{Kind, Span};

/// W3C Trace Context §3.2.
pub const TRACEPARENT: &str = "traceparent";

/// Whoever is told how it goes: a program's metrics and log.
pub trait Observer: Debug + Send + Sync {
    /// So many spans were `sent`, or `lost`.
    fn spans(&self, outcome: &'static str, number: usize);
    /// The collector has stopped taking spans.
    fn collector_is_down(&self, problem: &str);
    /// It takes them again.
    fn collector_is_back(&self);
}

/// What spans come from.
#[derive(Debug, Clone)]
pub struct Source {
    program: &'static str,
    version: &'static str,
    service: String,
    attributes: Vec<(String, String)>,
}

impl Source {
    /// A program, which is the service's name as well.
    #[must_use]
    pub fn new(program: &'static str, version: &'static str) -> Self {
        Self { program, version, service: program.to_owned(), attributes: Vec::new() }
    }

    /// The same, by another name of the service.
    #[must_use]
    pub fn named(self, service: String) -> Self {
        Self { service, ..self }
    }

    /// The same, of which an operator says more.
    #[must_use]
    pub fn with(self, attributes: Vec<(String, String)>) -> Self {
        Self { attributes, ..self }
    }
}

/// Where finished spans go.
#[derive(Debug, Clone)]
pub struct Telemetry {
    /// `None` where nobody collects.
    recording: Option<Arc<Recording>>,
}

#[derive(Debug)]
struct Recording {
    spans: mpsc::Sender<Message>,
    sampler: Sampler,
    observer: Arc<dyn Observer>,
}

#[derive(Debug)]
enum Message {
    Finished(Box<Span>),
    /// Wants to know when everything before has been sent.
    Flush(oneshot::Sender<()>),
}

tokio::task_local! {
    /// The span of the request that this task serves.
    static SERVED: Arc<Served>;
}

#[derive(Debug)]
struct Served {
    telemetry: Telemetry,
    trace_id: String,
    span_id: String,
}

/// What the trace of a request is, whether anybody collects or not.
#[derive(Debug)]
pub struct Trace {
    telemetry: Telemetry,
    /// As the caller names it; our own if it names none and somebody collects.
    trace_id: Option<String>,
    /// If it is to be collected.
    span: Option<Span>,
}

/// The parent that these headers name, if they name one.
#[must_use]
pub fn parent_of(headers: &HeaderMap) -> Option<TraceParent> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    match (values.next(), values.next()) {
        (Some(only), None) => only.to_str().ok().and_then(TraceParent::parse),
        _ => None,
    }
}

impl Telemetry {
    /// Nobody collects.
    #[must_use]
    pub fn off() -> Self {
        Self { recording: None }
    }

    fn to(spans: mpsc::Sender<Message>, sampler: Sampler, observer: Arc<dyn Observer>) -> Self {
        Self { recording: Some(Arc::new(Recording { spans, sampler, observer })) }
    }

    /// Whether anybody collects.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.recording.is_some()
    }

    /// The trace of a request with this parent. The sampler decides whether it is collected.
    #[must_use]
    pub fn begin(&self, parent: Option<TraceParent>, name: impl Into<Cow<'static, str>>) -> Trace {
        let named = parent.as_ref().map(|parent| parent.trace_id().to_owned());
        let Some(recording) = &self.recording else {
            return Trace { telemetry: self.clone(), trace_id: named, span: None };
        };
        let begun = || {
            let trace_id = named.clone().or_else(span::random::<16>)?;
            if !recording.sampler.records(parent.as_ref(), &trace_id) {
                return None;
            }
            let parent_id = parent.as_ref().map(|parent| parent.parent_id().to_owned());
            Span::begin(trace_id, parent_id, name.into(), Kind::Server)
        };
        let span = begun();
        let trace_id = named.or_else(|| span.as_ref().map(|span| span.trace_id.clone()));
        Trace { telemetry: self.clone(), trace_id, span }
    }

    fn finish(&self, span: Span) {
        let Some(Recording { spans, observer, .. }) = self.recording.as_deref() else { return };
        if spans.try_send(Message::Finished(Box::new(span))).is_err() {
            observer.spans("lost", 1);
        }
    }

    /// Returns when all spans have been sent, or could not be.
    pub async fn flush(&self) {
        let Some(Recording { spans, .. }) = self.recording.as_deref() else { return };
        let (done, is_done) = oneshot::channel();
        if spans.send(Message::Flush(done)).await.is_ok() {
            // An error is that there is nobody left to send anything.
            let _ = is_done.await;
        }
    }
}

impl Trace {
    /// By what others know it.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.trace_id.as_deref()
    }

    /// Whether it is collected: only then is anything of it to be made.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.span.is_some()
    }

    /// The same, which belongs to another trace as well.
    #[must_use]
    pub fn linked_to(mut self, other: Option<TraceParent>) -> Self {
        if let Some(span) = &mut self.span {
            span.link = other;
        }
        self
    }

    /// Where calls to others become children of this one's span.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope(self.span.as_ref().map(|span| {
            Arc::new(Served {
                telemetry: self.telemetry.clone(),
                trace_id: span.trace_id.clone(),
                span_id: span.span_id.clone(),
            })
        }))
    }

    /// The request has been answered.
    pub fn end(self, is_error: bool, attributes: Attributes) {
        if let Some(span) = self.span {
            self.telemetry.finish(span.end(is_error, attributes));
        }
    }
}

/// See [`Trace::scope`].
#[derive(Debug, Clone, Default)]
pub struct Scope(Option<Arc<Served>>);

impl Scope {
    /// The one that we are in, for a task that goes on for the same request.
    #[must_use]
    pub fn current() -> Self {
        Self(SERVED.try_with(Clone::clone).ok())
    }

    /// `request`, in whose calls [`Scope::current`] is this one.
    pub async fn around<F: Future>(self, request: F) -> F::Output {
        match self.0 {
            Some(served) => SERVED.scope(served, request).await,
            None => request.await,
        }
    }

    /// A call to somebody else. What its name takes to make is only made if it is recorded.
    #[must_use]
    pub fn call<N: Into<Cow<'static, str>>>(&self, name: impl FnOnce() -> N) -> Call {
        Call(self.0.as_deref().and_then(|Served { telemetry, trace_id, span_id }| {
            let (trace_id, parent_id) = (trace_id.clone(), Some(span_id.clone()));
            let span = Span::begin(trace_id, parent_id, name().into(), Kind::Client)?;
            Some((telemetry.clone(), span))
        }))
    }
}

/// A call to somebody else, if it is made for a request whose trace is collected. Dropped before its end, it was
/// given up.
#[derive(Debug)]
pub struct Call(Option<(Telemetry, Span)>);

impl Call {
    /// Of the request that this task serves.
    #[must_use]
    pub fn begin(name: &'static str) -> Self {
        Scope::current().call(|| name)
    }

    /// What whoever is called may know it by.
    #[must_use]
    pub fn traceparent(&self) -> Option<String> {
        self.0.as_ref().map(|(_, span)| format!("00-{}-{}-01", span.trace_id, span.span_id))
    }

    /// There is an answer, or a reason why there is none.
    pub fn end(mut self, is_error: bool, attributes: impl FnOnce() -> Attributes) {
        if let Some((telemetry, span)) = self.0.take() {
            telemetry.finish(span.end(is_error, attributes()));
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some((telemetry, span)) = self.0.take() {
            let given_up = ("error.type", Value::Text("cancelled".to_owned()));
            telemetry.finish(span.end(true, vec![given_up]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-";

    #[derive(Debug)]
    struct Nobody;

    impl Observer for Nobody {
        fn spans(&self, _: &'static str, _: usize) {}
        fn collector_is_down(&self, _: &str) {}
        fn collector_is_back(&self) {}
    }

    fn on() -> (Telemetry, mpsc::Receiver<Message>) {
        let (sender, finished) = mpsc::channel(8);
        (Telemetry::to(sender, Sampler::default(), Arc::new(Nobody)), finished)
    }

    fn begin(telemetry: &Telemetry, headers: &HeaderMap) -> Trace {
        telemetry.begin(parent_of(headers), "exchange")
    }

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(TRACEPARENT, value.parse().unwrap());
        }
        headers
    }

    #[tokio::test]
    async fn a_call_is_a_child_of_the_request_and_the_request_one_of_the_callers() {
        let (telemetry, mut finished) = on();
        let trace = begin(&telemetry, &headers(&[&format!("{PARENT}01")]));
        trace.scope().around(async { Call::begin("call").end(false, Vec::new) }).await;
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
        Call::begin("call").end(false, Vec::new);
        assert!(finished.try_recv().is_err());

        // A task that a request leaves behind is still that request's.
        let trace = begin(&telemetry, &headers(&[&format!("{PARENT}01")]));
        let behind = async {
            let task = async { Call::begin("call").end(false, Vec::new) };
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
        let (telemetry, mut finished) = on();
        let trace = begin(&telemetry, &headers(&[&format!("{PARENT}00")]));
        assert_eq!(trace.id(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        trace.end(false, Vec::new());
        assert!(finished.try_recv().is_err());
        let good = format!("{PARENT}01");
        for values in [&[][..], &["garbage"], &[good.as_str(), good.as_str()]] {
            let trace = begin(&telemetry, &headers(values));
            let id = trace.id().unwrap().to_owned();
            assert_ne!(id, "4bf92f3577b34da6a3ce929d0e0e4736");
            trace.end(false, Vec::new());
            let Ok(Message::Finished(span)) = finished.try_recv() else { panic!("no span") };
            assert_eq!((span.trace_id, span.parent_id), (id, None));
        }
        // Where nobody collects, the trace has the name that it came with, or none.
        let off = Telemetry::off();
        assert!(begin(&off, &headers(&[&good])).id().is_some());
        assert!(begin(&off, &headers(&[])).id().is_none());
    }

    #[tokio::test]
    async fn a_call_that_is_given_up_is_told_as_an_error_and_names_itself_to_whom_it_calls() {
        let (telemetry, mut finished) = on();
        let trace = begin(&telemetry, &headers(&[&format!("{PARENT}01")]));
        let call = trace.scope().call(|| "call");
        let told = TraceParent::parse(&call.traceparent().unwrap()).unwrap();
        assert_eq!(told.trace_id(), trace.id().unwrap());
        assert!(told.is_sampled());
        drop(call);
        let Ok(Message::Finished(call)) = finished.try_recv() else { panic!("no span") };
        assert_eq!((call.is_error, call.span_id.as_str()), (true, told.parent_id()));
        assert_eq!(call.attributes, [("error.type", Value::Text("cancelled".to_owned()))]);
        // Of what nobody records nobody is told.
        let unsampled = begin(&telemetry, &headers(&[&format!("{PARENT}00")]));
        let call = unsampled.scope().call(|| -> &'static str { unreachable!("a name") });
        assert_eq!(call.traceparent(), None);
        drop(call);
        assert!(finished.try_recv().is_err());
    }
}
