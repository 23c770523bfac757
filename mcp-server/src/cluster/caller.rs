//! One person's view of a cluster, for the length of one tool call.

use std::error::Error;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use http::header::{ACCEPT, USER_AGENT};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use obolus_telemetry::TRACEPARENT;
use serde::de::DeserializeOwned;
use tower::{ServiceBuilder, ServiceExt as _};

use super::as_caller::AsCallerLayer;
use super::identity::Identity;
use super::operation::Operation;
use super::wire::{Pool, Pools};
use super::{Cluster, answer};
use crate::clock::UnixSeconds;
use crate::config::ContextName;
use crate::confirmation::Gate;
use crate::failure::Failure;
use crate::names::Namespace;
use crate::person::Person;
use crate::telemetry::{Attributes, Scope, Value, text};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PRODUCT: HeaderValue =
    HeaderValue::from_static(concat!("obolus-mcp/", env!("CARGO_PKG_VERSION")));

/// A cluster together with the only identity that may be used on it now.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    cluster: Arc<Cluster>,
    identity: Identity,
    /// Where requests wait that the operator wants people to be asked about.
    gate: Option<Arc<Gate>>,
    /// The request of MCP that its requests belong to.
    scope: Scope,
}

impl Caller {
    pub(super) fn new(cluster: Arc<Cluster>, identity: Identity) -> Self {
        Self { cluster, identity, gate: None, scope: Scope::default() }
    }

    /// The same, whose requests pass a gate.
    pub(crate) fn guarded_by(self, gate: Arc<Gate>) -> Self {
        Self { gate: Some(gate), ..self }
    }

    /// The same, whose requests are told of as parts of another.
    pub(crate) fn within(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }

    /// Whether anything of a kind may be touched here at all.
    pub(crate) fn lets_through(&self, group: &str, kind: &str, plural: &str) -> bool {
        !self.cluster.denied.covers(group, kind, plural)
    }

    /// Whether the operator has said of some requests that they are not made, or not without asking.
    pub(crate) fn has_bounds(&self) -> bool {
        !self.cluster.denied.is_empty()
            || self.gate.as_ref().is_some_and(|gate| gate.asks_about_requests())
    }

    /// Whose calls these are.
    pub(crate) fn person(&self) -> Person {
        self.identity.person()
    }

    /// The cluster that is called.
    pub(super) fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// `namespace`, or the one of calls that name none: the context's in stdio mode, else `default`.
    pub(crate) fn namespace_or_default(&self, namespace: Option<Namespace>) -> Namespace {
        namespace
            .or_else(|| self.cluster.namespace.clone())
            .unwrap_or_else(Namespace::default_namespace)
    }

    /// The kubeconfig without its credentials, in stdio mode: whole, or what this cluster needs of it.
    pub(crate) fn kubeconfig(&self, minified: bool) -> Option<serde_json::Value> {
        self.identity.kubeconfig(minified)
    }

    /// What calls name the cluster by, where there are several.
    pub(crate) fn context(&self) -> Option<&str> {
        self.cluster.name().map(ContextName::as_str)
    }

    /// Asks for kinds anew from now on. Whether there was anything to forget.
    pub(crate) fn forget_kinds(&self) -> bool {
        self.cluster.known.forget()
    }

    /// The API server's URL, for texts.
    pub(crate) fn server(&self) -> String {
        self.cluster.server.to_string()
    }

    /// Sends one request as the caller and reads the whole answer, within the configured time.
    ///
    /// Dropping the future closes the stream, which the API server takes for a cancellation.
    pub(super) async fn send(
        &self,
        operation: &Operation,
        request: Request<Vec<u8>>,
    ) -> Result<Bytes, Failure> {
        self.send_for_status(operation, request).await.map(|(_, body)| body)
    }

    /// Like [`Caller::send`], with the status of the success: what was made is told from what was there.
    pub(super) async fn send_for_status(
        &self,
        operation: &Operation,
        request: Request<Vec<u8>>,
    ) -> Result<(StatusCode, Bytes), Failure> {
        self.fetch(operation, request).await.map(|(head, body)| (head.status, body))
    }

    /// Like [`Caller::send`], with the head of the answer: a success, or that nothing has changed. An API server that has
    /// too much to do is asked once more, when it says.
    pub(super) async fn fetch(
        &self,
        operation: &Operation,
        request: Request<Vec<u8>>,
    ) -> Result<(Parts, Bytes), Failure> {
        self.prepared(operation).await?;
        self.in_time(operation, async {
            let first = self.answer(operation, request.clone()).await;
            match first.as_ref().err().and_then(Failure::come_again_after) {
                Some(wait) if wait < self.cluster.request_timeout => {
                    tokio::time::sleep(wait).await;
                    self.answer(operation, request).await
                }
                _ => first,
            }
        })
        .await
    }

    async fn answer(
        &self,
        operation: &Operation,
        request: Request<Vec<u8>>,
    ) -> Result<(Parts, Bytes), Failure> {
        let response = self.exchange(operation, request).await?;
        answer::read(response, operation, &self.cluster.server, &self.identity).await
    }

    /// Sends one request as the caller and hands out a success when it begins, within the configured time. How much of it
    /// is read, and for how long, is up to the reader; dropped, it closes the stream.
    pub(super) async fn open(
        &self,
        operation: &Operation,
        request: Request<Vec<u8>>,
    ) -> Result<Response<Body>, Failure> {
        self.prepared(operation).await?;
        self.in_time(operation, async {
            let response = self.exchange(operation, request).await?;
            self.success(operation, response).await
        })
        .await
    }

    /// Like [`Caller::open`], with whatever was answered: somebody else reads it. Only for its beginning is there a time.
    pub(super) async fn pass_on(
        &self,
        operation: &Operation,
        request: Request<Vec<u8>>,
    ) -> Result<Response<Body>, Failure> {
        self.prepared(operation).await?;
        self.in_time(operation, self.exchange(operation, request)).await
    }

    /// What comes before a request's time begins to run: a person's yes, and a credential.
    pub(super) async fn prepared(&self, operation: &Operation) -> Result<(), Failure> {
        self.confirmed(operation).await?;
        self.identity.ready().await
    }

    /// The answer, if it is a success, and otherwise what it says.
    pub(super) async fn success(
        &self,
        operation: &Operation,
        response: Response<Body>,
    ) -> Result<Response<Body>, Failure> {
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.refused(operation, response).await)
    }

    /// What an answer says that is not the one that was wanted.
    pub(super) async fn refused(&self, operation: &Operation, response: Response<Body>) -> Failure {
        let read = answer::read(response, operation, &self.cluster.server, &self.identity).await;
        read.err().unwrap_or_else(|| self.malformed(operation, "no success, and no failure"))
    }

    /// When the credential ends, as far as it says so itself.
    pub(crate) fn expires(&self) -> Option<UnixSeconds> {
        self.identity.expires()
    }

    async fn in_time<T>(
        &self,
        operation: &Operation,
        answer: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let limit = self.cluster.request_timeout;
        tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| {
            Err(Failure::TimedOut {
                operation: operation.to_string(),
                server: self.server(),
                seconds: limit.as_secs(),
            })
        })
    }

    /// Waits for a person's yes where the operator wants one. Nobody is asked about what is denied anyway.
    async fn confirmed(&self, operation: &Operation) -> Result<(), Failure> {
        self.admit(operation)?;
        let (Some(gate), Some(of)) = (&self.gate, operation.kind()) else { return Ok(()) };
        gate.before_request(operation.touched(of), &self.told(operation)).await
    }

    /// Asks about several operations before the first of them is tried: once something has been changed, a client of
    /// MCP 2026-07-28 cannot be asked any more without doing that again.
    pub(super) async fn announce(&self, operations: &[Operation]) -> Result<(), Failure> {
        let Some(gate) = &self.gate else { return Ok(()) };
        let touched: Vec<_> = operations
            .iter()
            .filter_map(|operation| {
                Some((operation.touched(operation.kind()?), self.told(operation)))
            })
            .collect();
        gate.before_requests(&touched).await
    }

    /// Whether a person would be asked about an operation.
    pub(super) fn asks_about(&self, operation: &Operation) -> bool {
        let (Some(gate), Some(of)) = (&self.gate, operation.kind()) else { return false };
        gate.asks_about(operation.touched(of))
    }

    fn told(&self, operation: &Operation) -> String {
        format!("{operation} on {}", self.cluster.server)
    }

    /// Like [`Caller::send`], for an answer in JSON.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        operation: &Operation,
        request: Request<Vec<u8>>,
    ) -> Result<T, Failure> {
        let body = self.send(operation, request).await?;
        serde_json::from_slice(&body).map_err(|error| {
            // Position and kind only: serde's own text may quote a value, and values may be secrets.
            let reason = format!(
                "{:?} error at line {} column {}",
                error.classify(),
                error.line(),
                error.column()
            );
            self.malformed(operation, reason)
        })
    }

    pub(super) fn malformed(&self, operation: &Operation, reason: impl Into<String>) -> Failure {
        operation.malformed(&self.cluster.server, reason)
    }

    /// Whether the operator has denied what an operation is about: it would not be sent.
    pub(super) fn admit(&self, operation: &Operation) -> Result<(), Failure> {
        let denied = &self.cluster.denied;
        if operation.kind().is_some_and(|of| denied.covers(&of.group, &of.kind, &of.plural)) {
            return Err(Failure::Denied { operation: operation.to_string() });
        }
        Ok(())
    }

    async fn exchange(
        &self,
        operation: &Operation,
        request: Request<Vec<u8>>,
    ) -> Result<Response<Body>, Failure> {
        self.exchange_over(|pools| &pools.shared, operation, request).await
    }

    /// Every request goes through here, so here is where denied kinds end.
    pub(super) async fn exchange_over(
        &self,
        pool: fn(&Pools) -> &Pool,
        operation: &Operation,
        request: Request<Vec<u8>>,
    ) -> Result<Response<Body>, Failure> {
        self.admit(operation)?;
        tracing::debug!(%operation, "asking the API server");
        let server = &self.cluster.server;
        let mut request = server
            .address(request)
            .map_err(|_| {
                Failure::InvalidArguments("a name does not fit into the API's paths".to_owned())
            })?
            .map(|body| Full::new(Bytes::from(body)));
        request.headers_mut().entry(ACCEPT).or_insert(JSON);
        request.headers_mut().insert(USER_AGENT, PRODUCT);
        let headers = self.identity.headers(server).await?;
        let response = self.once(pool, operation, request.clone(), headers.clone()).await?;
        // A 401 is for the credential, and nothing was done: once more, if there is another one by now.
        if response.status() == StatusCode::UNAUTHORIZED
            && self.identity.renewed_after(&headers).await
        {
            let headers = self.identity.headers(server).await?;
            return self.once(pool, operation, request, headers).await;
        }
        Ok(response)
    }

    /// What the span of a request says, however it ended: not which object it was about, nor where that is.
    fn told_of(
        &self,
        operation: &Operation,
        method: &Method,
        ended: Result<StatusCode, &'static str>,
    ) -> Attributes {
        let mut told = vec![
            text("http.request.method", method.as_str()),
            text("obolus.verb", operation.verb()),
        ];
        told.extend(span_resource(operation).map(|resource| text("obolus.resource", resource)));
        told.extend(self.context().map(|name| text("k8s.cluster.name", name)));
        match ended {
            Ok(status) => {
                let number = Value::Number(status.as_u16().into());
                told.push(("http.response.status_code", number));
                if status.is_client_error() || status.is_server_error() {
                    told.push(text("error.type", status.as_str()));
                }
            }
            Err(reason) => told.push(text("error.type", reason)),
        }
        told
    }

    /// With a credential there may be other connections than before, so they are chosen after it.
    async fn once(
        &self,
        pool: fn(&Pools) -> &Pool,
        operation: &Operation,
        mut request: Request<Full<Bytes>>,
        identity: HeaderMap,
    ) -> Result<Response<Body>, Failure> {
        let mut patience = MAX_TURNED_AWAY;
        let call = self.scope.call(|| span_name(operation));
        if let Some(parent) = call.traceparent().and_then(|text| HeaderValue::try_from(text).ok()) {
            request.headers_mut().insert(TRACEPARENT, parent);
        }
        let method = request.method().clone();
        let told = |ended| self.told_of(operation, &method, ended);
        loop {
            let answer = ServiceBuilder::new()
                .layer(AsCallerLayer::new(identity.clone()))
                .service(pool(&self.cluster.pools.load()).clone())
                .oneshot(request.clone())
                .await;
            match answer {
                Ok(response) => {
                    let status = response.status();
                    let is_error = status.is_client_error() || status.is_server_error();
                    call.end(is_error, || told(Ok(status)));
                    return Ok(response.map(Body::new));
                }
                Err(error) if patience > 0 && is_turned_away(&error) => patience -= 1,
                Err(error) => {
                    call.end(true, || told(Err("unreachable")));
                    return Err(operation.unreachable(&self.cluster.server, causes(&error)));
                }
            }
        }
    }
}

/// As RBAC speaks of it. The resource only where it is one that the API server has: whatever else stands there is the
/// caller's, or a sentence.
fn span_name(operation: &Operation) -> String {
    match span_resource(operation) {
        Some(resource) => format!("{} {resource}", operation.verb()),
        None => operation.verb().to_owned(),
    }
}

fn span_resource(operation: &Operation) -> Option<&str> {
    operation.kind().filter(|of| !of.kind.is_empty())?;
    Some(operation.resource())
}

/// How often a request is made again that no connection took.
const MAX_TURNED_AWAY: u32 = 3;

/// Whether the server had closed the connection to new requests (GOAWAY without an error, RFC 9113 §6.8) when this one
/// came: it has not been looked at. The API server does that after each 401, so one person's bad token would
/// otherwise be another's failed call.
fn is_turned_away(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            let is_without_error = error.reason() == Some(h2::Reason::NO_ERROR);
            return error.is_go_away() && error.is_remote() && is_without_error;
        }
        next = error.source();
    }
    false
}

/// The innermost causes, which say more than "client error".
fn causes(error: &dyn Error) -> String {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    if causes.is_empty() { error.to_string() } else { causes.join(": ") }
}
