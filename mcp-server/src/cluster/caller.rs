//! One person's view of a cluster, for the length of one tool call.

use std::error::Error;
use std::sync::Arc;

use axum::body::Bytes;
use http::header::{ACCEPT, USER_AGENT};
use http::{HeaderValue, Request};
use http_body_util::Full;
use hyper_util::client::legacy;
use serde::de::DeserializeOwned;
use tower::{ServiceBuilder, ServiceExt as _};

use super::as_caller::AsCallerLayer;
use super::identity::Identity;
use super::operation::Operation;
use super::{Cluster, answer};
use crate::failure::Failure;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PRODUCT: HeaderValue =
    HeaderValue::from_static(concat!("obolus-mcp/", env!("CARGO_PKG_VERSION")));

/// A cluster together with the only identity that may be used on it now.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    cluster: Arc<Cluster>,
    identity: Identity,
}

impl Caller {
    pub(super) fn new(cluster: Arc<Cluster>, identity: Identity) -> Self {
        Self { cluster, identity }
    }

    /// The cluster that is called.
    pub(super) fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The API server's URL, for texts.
    pub(crate) fn server(&self) -> String {
        self.cluster.server.to_string()
    }

    /// Sends one request as the caller and reads the whole answer, within the configured time.
    ///
    /// Dropping the future closes the stream, which the API server takes for a cancellation. Every request goes through
    /// here, so here is where denied kinds end.
    pub(super) async fn send(
        &self,
        operation: &Operation,
        request: Request<Vec<u8>>,
    ) -> Result<Bytes, Failure> {
        let denied = &self.cluster.denied;
        if operation.kind().is_some_and(|of| denied.covers(&of.group, &of.kind, &of.plural)) {
            return Err(Failure::Denied { operation: operation.to_string() });
        }
        tracing::debug!(%operation, "asking the API server");
        let limit = self.cluster.request_timeout;
        tokio::time::timeout(limit, self.exchange(operation, request)).await.unwrap_or_else(|_| {
            Err(Failure::TimedOut {
                operation: operation.to_string(),
                server: self.server(),
                seconds: limit.as_secs(),
            })
        })
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

    async fn exchange(
        &self,
        operation: &Operation,
        request: Request<Vec<u8>>,
    ) -> Result<Bytes, Failure> {
        let server = &self.cluster.server;
        let mut request = server
            .address(request)
            .map_err(|_| {
                Failure::InvalidArguments("a name does not fit into the API's paths".to_owned())
            })?
            .map(|body| Full::new(Bytes::from(body)));
        request.headers_mut().entry(ACCEPT).or_insert(JSON);
        request.headers_mut().insert(USER_AGENT, PRODUCT);
        let identity = self.identity.headers().await?;
        let response = ServiceBuilder::new()
            .layer(AsCallerLayer::new(identity))
            .service(legacy::Client::clone(&self.cluster.pool.load()))
            .oneshot(request)
            .await
            .map_err(|error| operation.unreachable(server, causes(&error)))?;
        answer::read(response, operation, server, &self.identity).await
    }
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
