//! For those who run the server: alive, ready, and counted. On an address of its own, without credentials.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use http::StatusCode;
use http::header::CONTENT_TYPE;

use crate::metrics::Metrics;

/// What the endpoints tell.
#[derive(Debug, Clone)]
pub(crate) struct Operations {
    pub(crate) metrics: Arc<Metrics>,
    /// Taken back when shutting down, so that no new requests are sent here. The API server's health is no part
    /// of it: we have no credential to ask with, and a call that meets a dead API server says so.
    pub(crate) ready: Arc<AtomicBool>,
}

pub(crate) fn router(operations: Operations) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(operations)
}

async fn ready(State(operations): State<Operations>) -> (StatusCode, &'static str) {
    if operations.ready.load(Ordering::Relaxed) {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n")
    }
}

async fn metrics(
    State(operations): State<Operations>,
) -> ([(http::HeaderName, &'static str); 1], String) {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], operations.metrics.render())
}
