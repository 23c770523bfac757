//! Answers, each with the headers that its kind needs.

use axum::Json;
use axum::body::Body;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ALLOW, CACHE_CONTROL,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, PRAGMA, REFERRER_POLICY, RETRY_AFTER, VARY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use obolus_core::RetrySeconds;
use obolus_core::login::cross_origin::{ALLOWED_HEADERS, MAX_AGE, Shared, methods};
use obolus_core::login::{Endpoint, Refusal, error_page};
use serde_json::{Value, json};

/// When nobody said when to come again.
const COME_AGAIN: u64 = 5;

/// JSON that no cache keeps.
pub(crate) fn json(status: StatusCode, body: Value) -> Response {
    finished((status, Json(body)).into_response())
}

/// A refusal as OAuth has it.
pub(crate) fn refused(refusal: Refusal) -> Response {
    json(
        status_of(refusal),
        json!({"error": refusal.error(), "error_description": refusal.description()}),
    )
}

/// The same for a person.
pub(crate) fn page_for(refusal: Refusal) -> Response {
    let mut response = (status_of(refusal), error_page::error_page(refusal)).into_response();
    let headers = response.headers_mut();
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    headers.insert(CONTENT_TYPE, html);
    finished(response)
}

/// Sends a browser elsewhere.
pub(crate) fn redirect(location: &str) -> Response {
    // Encoded by us from printable ASCII; if that were not so, nobody is sent anywhere.
    match HeaderValue::from_str(location) {
        Ok(location) => finished((StatusCode::FOUND, [(LOCATION, location)]).into_response()),
        Err(_) => page_for(Refusal::Malformed),
    }
}

/// The answer to a preflight.
pub(crate) fn preflight(endpoint: Endpoint) -> Response {
    let mut response = finished(StatusCode::NO_CONTENT.into_response());
    let headers = response.headers_mut();
    let methods = HeaderValue::from_static(methods(endpoint));
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(ALLOWED_HEADERS));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE));
    response
}

/// Which methods there are, with a refusal of any other.
pub(crate) fn allow(mut response: Response, endpoint: Endpoint) -> Response {
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods(endpoint)));
    response
}

/// When to come again.
pub(crate) fn after(mut response: Response, seconds: Option<RetrySeconds>) -> Response {
    let seconds = seconds.unwrap_or(RetrySeconds::new(COME_AGAIN)).get();
    response.headers_mut().insert(RETRY_AFTER, seconds.into());
    response
}

/// The same for everybody, and for a while.
pub(crate) fn kept_for_a_while(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=300"));
    headers.remove(PRAGMA);
    response
}

/// Says which page may read it.
pub(crate) fn share(headers: &mut HeaderMap, endpoint: Endpoint, shared: Shared<'_>) {
    let origin = match shared {
        Shared::WithAll => Some(HeaderValue::from_static("*")),
        Shared::With(origin) => HeaderValue::from_str(origin).ok(),
        Shared::WithNobody => None,
    };
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("Retry-After"));
    }
    if matches!(endpoint, Endpoint::Token | Endpoint::Register) {
        headers.insert(VARY, HeaderValue::from_static("Origin"));
    }
}

fn status_of(refusal: Refusal) -> StatusCode {
    StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// What every answer has: no cache keeps it, nothing frames it, and where a browser goes next is not told whence.
fn finished(mut response: Response<Body>) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (CACHE_CONTROL, "no-store"),
        (PRAGMA, "no-cache"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (X_FRAME_OPTIONS, "DENY"),
        (CONTENT_SECURITY_POLICY, error_page::CONTENT_SECURITY_POLICY),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
