//! `GET /keys/{name}`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use obolus_core::Reason;

use crate::reply;
use crate::service::Service;

/// The key set of a configured issuer. Public, therefore without a credential.
pub(crate) async fn keys(
    State(service): State<Arc<Service>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let Some(mirror) = service.mirrors.get(&name) else { return reply::not_found() };
    if asks_for_new(&headers) || mirror.held().is_none() {
        mirror.refetch().await;
    }
    let Some(held) = mirror.held() else { return reply::refused(Reason::KeysUnavailable) };
    let max_age = format!("max-age={}", mirror.issuer().keys_refresh.as_secs());
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CACHE_CONTROL, HeaderValue::try_from(max_age).unwrap_or(reply::NO_STORE)),
    ];
    (headers, held.document.clone()).into_response()
}

fn asks_for_new(headers: &HeaderMap) -> bool {
    headers
        .get_all(CACHE_CONTROL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|directive| directive.trim().eq_ignore_ascii_case("no-cache"))
}
