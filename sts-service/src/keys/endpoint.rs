//! `GET /keys/{name}` and `GET /keys/{name}/{tenant}`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{AGE, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::response::{IntoResponse as _, Response};
use obolus_core::Reason;

use crate::reply;
use crate::service::Service;

/// The key set of a configured issuer, or of one of its tenants. Public, therefore without a credential.
pub(crate) async fn keys(
    State(service): State<Arc<Service>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let Some(mirror) = service.mirrors.get(uri.path()) else { return reply::not_found() };
    let mut confirmed = false;
    if asks_for_new(&headers) || mirror.held().is_none() {
        confirmed = mirror.refetch().await;
    }
    let Some(held) = mirror.held() else { return reply::refused(&Reason::KeysUnavailable.into()) };
    let max_age = format!("max-age={}", mirror.issuer().keys_refresh.as_secs());
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CACHE_CONTROL, HeaderValue::try_from(max_age).unwrap_or(reply::NO_STORE)),
    ];
    let mut response = (headers, held.document.clone()).into_response();
    if !confirmed {
        // RFC 9111 §5.1: says that nobody asked the issuer for this request.
        response.headers_mut().insert(AGE, held.age().as_secs().into());
    }
    response
}

fn asks_for_new(headers: &HeaderMap) -> bool {
    headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|directive| directive.trim().eq_ignore_ascii_case("no-cache"))
}
