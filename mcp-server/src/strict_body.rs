//! The body before anything interprets it: all of it, in time, and one JSON value with one reading.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{Method, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use obolus_core::Reason;
use obolus_core::json::{self, JsonError};
use serde_json::json;
use std::sync::Arc;
use tokio::time::timeout;

use crate::metrics::Metrics;
use crate::under_way::UnderWay;
use crate::user_token::UserToken;

/// How long a body may take to arrive: a request that waits for its own body holds a place.
const BODY_TIMEOUT: Duration = Duration::from_secs(20);

/// Reads a POST's body and refuses what core refuses: a key twice and other things that readers take differently, and
/// more values than memory is planned for. rmcp's own reading has no such bounds.
pub(crate) async fn require_strict_body(
    State((max_bytes, under_way, metrics)): State<(usize, Arc<UnderWay>, Arc<Metrics>)>,
    request: Request<Body>,
    next: Next,
) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let refused = |reason: Reason, message: &str| {
        metrics.refused(reason);
        tracing::info!(reason = reason.as_str(), "request refused");
        refusal(reason, message)
    };
    let (parts, body) = request.into_parts();
    let body = match timeout(BODY_TIMEOUT, Limited::new(body, max_bytes).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return refused(Reason::BodyTooLarge, Reason::BodyTooLarge.description());
        }
        Ok(Err(_)) => return StatusCode::BAD_REQUEST.into_response(),
        Err(_) => return StatusCode::REQUEST_TIMEOUT.into_response(),
    };
    let message = match json::parse_request(&body) {
        Ok(message) => message,
        Err(error) => {
            let reason = match error {
                JsonError::NotUtf8 => Reason::BodyNotUtf8,
                JsonError::ByteOrderMark => Reason::BodyByteOrderMark,
                JsonError::DuplicateKey => Reason::JsonDuplicateKey,
                _ => Reason::JsonMalformed,
            };
            return refused(reason, &error.to_string());
        }
    };
    let person = parts.extensions.get::<UserToken>().cloned();
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    // rmcp has checked host, origin and revision, and passes notifications over.
    if response.status() == StatusCode::ACCEPTED {
        under_way.hear(|| person.as_ref().map(UserToken::digest), &message);
    }
    response
}

fn refusal(reason: Reason, message: &str) -> Response {
    let status = StatusCode::from_u16(reason.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let error = json!({
        "code": reason.json_rpc_code(),
        "message": message,
        "data": {"reason": reason.as_str()},
    });
    (status, Json(json!({"jsonrpc": "2.0", "id": null, "error": error}))).into_response()
}
