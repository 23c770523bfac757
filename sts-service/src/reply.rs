//! Answers that are not the thing that was asked for.

use axum::Json;
use axum::http::header::{ALLOW, CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use obolus_core::exchange::Refusal;
use obolus_core::{Denial, Reason};
use serde_json::json;

pub(crate) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// A refusal, worded by its reason, with the two details that may travel beside one.
pub(crate) fn refused(denial: &Denial) -> Response {
    let reason = denial.reason();
    let status = StatusCode::from_u16(reason.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Json(Refusal::from(denial))).into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, NO_STORE);
    if let Some(seconds) = denial.retry_after_seconds() {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    if reason == Reason::CallerUnauthenticated {
        // RFC 6749 §5.2.
        let challenge = HeaderValue::from_static("Basic realm=\"obolus-sts\", charset=\"UTF-8\"");
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    response
}

/// There is no such thing here.
pub(crate) fn not_found() -> Response {
    plain(StatusCode::NOT_FOUND, "not_found", "there is nothing here")
}

/// `/exchange` takes POST.
pub(crate) async fn post_only() -> Response {
    let mut response = refused(&Reason::MethodNotAllowed.into());
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    response
}

/// Everything else takes GET.
pub(crate) async fn get_only() -> Response {
    let text = "this takes GET only";
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "invalid_request", text);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

fn plain(status: StatusCode, error: &str, description: &str) -> Response {
    let body = json!({"error": error, "error_description": description});
    (status, [(CACHE_CONTROL, NO_STORE)], Json(body)).into_response()
}
