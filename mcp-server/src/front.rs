//! What stands before MCP: no bearer, no entry; and no revision that we do not serve.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::{AUTHORIZATION, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use obolus_core::Reason;
use obolus_core::token::{MAX_TOKEN_BYTES, bearer};
use rmcp::model::{ErrorData, ProtocolVersion};
use serde_json::json;

use crate::metrics::Metrics;
use crate::server::PROTOCOL_VERSIONS;
use crate::user_token::UserToken;

const PROTOCOL_VERSION: &str = "mcp-protocol-version";

/// Lets a request pass that carries exactly one bearer token, as a [`UserToken`] in its extensions and no longer
/// as a header: what comes after cannot print, forward or mistake it.
///
/// Whether the token is any good is for the API server to say, at every call.
pub(crate) async fn require_bearer(
    State(metrics): State<Arc<Metrics>>,
    mut request: Request<Body>,
    next: Next,
) -> Response {
    match user_token(request.headers()) {
        Ok(token) => {
            request.headers_mut().remove(AUTHORIZATION);
            request.extensions_mut().insert(token);
        }
        Err(reason) => {
            metrics.refused(reason);
            tracing::info!(reason = reason.as_str(), "request refused");
            return refusal(reason);
        }
    }
    if let Some(error) = unserved_revision(request.headers()) {
        metrics.refused(Reason::HeaderMismatch);
        let body = json!({ "jsonrpc": "2.0", "id": null, "error": error });
        return (StatusCode::BAD_REQUEST, Json(body)).into_response();
    }
    next.run(request).await
}

fn user_token(headers: &HeaderMap) -> Result<UserToken, Reason> {
    let values: Vec<&[u8]> =
        headers.get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes).collect();
    let token = bearer(&values)?;
    if token.len() > MAX_TOKEN_BYTES {
        return Err(Reason::TokenTooLarge);
    }
    Ok(UserToken::new(token))
}

/// The answer to a request that is turned away, as OAuth has it.
pub(crate) fn refusal(reason: Reason) -> Response {
    let error = reason.oauth_error();
    let challenge = match error {
        None => "Bearer".to_owned(),
        Some(error) => {
            format!("Bearer error=\"{error}\", error_description=\"{}\"", reason.description())
        }
    };
    let body = json!({
        "error": error.unwrap_or("invalid_request"),
        "error_description": reason.description(),
        "reason": reason.as_str(),
    });
    let status = StatusCode::from_u16(reason.status()).unwrap_or(StatusCode::UNAUTHORIZED);
    let mut response = (status, Json(body)).into_response();
    if reason.is_challenge()
        && let Ok(value) = HeaderValue::from_str(&challenge)
    {
        response.headers_mut().insert(WWW_AUTHENTICATE, value);
    }
    if let Some(seconds) = reason.retry_after_seconds() {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// rmcp answers a revision that it does not know, and one that the body asks for and we do not serve. It would
/// serve an older one that only the header names, and read the first of two headers.
fn unserved_revision(headers: &HeaderMap) -> Option<ErrorData> {
    let mut values = headers.get_all(PROTOCOL_VERSION).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return Some(ErrorData::header_mismatch("MCP-Protocol-Version came more than once", None));
    }
    ProtocolVersion::KNOWN_VERSIONS
        .iter()
        .find(|known| {
            known.as_str().as_bytes() == value.as_bytes() && !PROTOCOL_VERSIONS.contains(known)
        })
        .map(|older| ErrorData::unsupported_protocol_version(older.clone(), PROTOCOL_VERSIONS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn one_bearer_makes_a_caller_and_anything_else_is_a_stated_401() {
        let long = format!("Bearer {}", "a".repeat(MAX_TOKEN_BYTES + 1));
        assert!(user_token(&headers(&[("authorization", "Bearer abc")])).is_ok());
        for (pairs, reason) in [
            (vec![], Reason::TokenMissing),
            (
                vec![("authorization", "Bearer a"), ("authorization", "Bearer b")],
                Reason::AuthorizationDuplicated,
            ),
            (vec![("authorization", "Basic YTpi")], Reason::AuthorizationMalformed),
            (vec![("authorization", "Bearer ")], Reason::AuthorizationMalformed),
            (vec![("authorization", long.as_str())], Reason::TokenTooLarge),
        ] {
            assert_eq!(user_token(&headers(&pairs)).unwrap_err(), reason, "{reason:?}");
            let response = refusal(reason);
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
            let value = response.headers()[WWW_AUTHENTICATE].to_str().unwrap();
            assert_eq!(value.contains("invalid_token"), reason != Reason::TokenMissing, "{value}");
        }
    }

    #[test]
    fn revisions_before_the_oldest_served_are_refused_by_their_header_alone() {
        for (value, served) in [
            ("2024-11-05", false),
            ("2025-03-26", false),
            ("2025-06-18", true),
            ("2025-11-25", true),
            ("2026-07-28", true),
            ("1999-01-01", true), // rmcp's to answer: it knows the request's id
        ] {
            assert_eq!(
                unserved_revision(&headers(&[(PROTOCOL_VERSION, value)])).is_none(),
                served,
                "{value}"
            );
        }
        assert!(unserved_revision(&HeaderMap::new()).is_none());
        let twice = headers(&[(PROTOCOL_VERSION, "2025-11-25"), (PROTOCOL_VERSION, "2026-07-28")]);
        assert!(unserved_revision(&twice).is_some());
    }

    #[tokio::test]
    async fn behind_it_the_token_is_an_extension_and_no_header() {
        let seen = |request: Request| async move {
            let token = request.extensions().get::<UserToken>().and_then(UserToken::authorization);
            let header = request.headers().contains_key(AUTHORIZATION);
            format!("{} {header}", token.unwrap().to_str().unwrap())
        };
        let app = axum::Router::new().route("/", axum::routing::post(seen)).layer(
            axum::middleware::from_fn_with_state(Arc::new(Metrics::default()), require_bearer),
        );
        let request =
            Request::post("/").header(AUTHORIZATION, "bearer abc").body(Body::empty()).unwrap();
        let response = tower::ServiceExt::oneshot(app, request).await.unwrap();
        let body = axum::body::to_bytes(response.into_body(), 1024).await.unwrap();
        assert_eq!(body, "Bearer abc false");
    }
}
