//! The operations port: health, readiness and metrics, in plain HTTP, for the cluster and nobody else.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Map, json};

use crate::reload::Current;
use crate::reply;

pub(crate) fn routes(current: Current) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .fallback(async || reply::not_found())
        .method_not_allowed_fallback(reply::get_only)
        .with_state(current)
}

/// Ready once any issuer has answered, and from then on: an instance that has never seen a key (a wrong CA, no way
/// out) must not replace one that has, and an issuer that goes down later is no reason to take away what works from
/// memory, or other issuers' users. What an issuer lacks is said in the body. Not ready any more once we are asked to end.
async fn ready(State(current): State<Current>) -> Response {
    let (service, ending) = (current.service.load_full(), *current.ending.borrow());
    let issuers: Map<_, _> = service
        .mirrors
        .values()
        .map(|mirror| {
            let state = match mirror.newest() {
                Some(newest) => {
                    let keys = mirror.held().map(|held| held.keys.len());
                    json!({"keys": keys, "age_seconds": newest.age().as_secs()})
                }
                None => json!({"keys": null}),
            };
            (mirror.source().to_string(), state)
        })
        .collect();
    let ready = !ending && service.mirrors.values().any(|mirror| mirror.newest().is_some());
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({"ready": ready, "ending": ending, "issuers": issuers}))).into_response()
}

async fn metrics(State(current): State<Current>) -> Response {
    let service = current.service.load_full();
    let (tokens, bytes, refusals) = service.cache.sizes();
    service.metrics.remembered(tokens, bytes, refusals);
    for mirror in service.mirrors.values() {
        // From the start on: keys that never came are what somebody has to be told of.
        let keys = mirror.held().map_or(0, |held| held.keys.len());
        let age = mirror.newest().map(|newest| newest.age());
        service.metrics.keys_held(mirror.source(), keys, age);
    }
    for target in service.targets.values() {
        if let Some(end) = target.client.expires_at() {
            service.metrics.certificate_ends(target.name(), end);
        }
    }
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, content_type)], service.metrics.page(&current.standings())).into_response()
}
