//! `POST …/token`: one call to the identity provider, and what it comes to.

use std::time::Instant;

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use obolus_core::RetrySeconds;
use obolus_core::login::{
    Grant, LONGEST_FORM, Refusal, TokenAnswer, TokenRequest, token_answer, token_request,
};
use serde_json::json;

use super::record::{Outcome, Record};
use super::routes::Login;
use super::{answer, body};
use crate::idp_client::{Answered, Line};

/// Of an answer: some tokens.
const LONGEST_ANSWER: usize = 256 * 1024;
const FORM: &str = "application/x-www-form-urlencoded";

pub(crate) async fn answer(
    login: &Login,
    headers: &HeaderMap,
    query: Option<&str>,
    body: Body,
    record: &mut Record,
) -> (Response, Outcome) {
    let request = match request(login, headers, query, body).await {
        Ok(request) => request,
        Err(refusal) => {
            let mut response = answer::refused(refusal);
            if refusal == Refusal::CredentialRefused && headers.contains_key(AUTHORIZATION) {
                // RFC 6749 §5.2.
                *response.status_mut() = StatusCode::UNAUTHORIZED;
                let challenge = HeaderValue::from_static("Basic realm=\"obolus-facade\"");
                response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
            }
            return (response, Err(refusal));
        }
    };
    record.grant = Some(request.grant);
    let Some(upstream) = login.metadata.upstream() else {
        return unavailable(Refusal::UpstreamUnknown, None);
    };
    let Ok(_place) = login.places.try_acquire() else {
        return unavailable(Refusal::UpstreamUnavailable, None);
    };
    let grant = request.grant;
    match call(login, &upstream.token_endpoint, request, record).await {
        None => unavailable(Refusal::UpstreamUnavailable, None),
        Some(answered) => told(grant, &answered, record),
    }
}

async fn request(
    login: &Login,
    headers: &HeaderMap,
    query: Option<&str>,
    body: Body,
) -> Result<TokenRequest, Refusal> {
    // RFC 6749 §2.3.1, §3.2: nothing of a request may stand in a URL, which is logged everywhere.
    if query.is_some_and(|query| !query.is_empty()) {
        return Err(Refusal::Malformed);
    }
    let is_form = {
        let mut types = headers.get_all(CONTENT_TYPE).iter();
        let first = types.next().and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = first.split(';').next().unwrap_or_default().trim();
        types.next().is_none() && essence.eq_ignore_ascii_case(FORM)
    };
    let has_authorization = headers.contains_key(AUTHORIZATION);
    let body = body::read(body, LONGEST_FORM, Refusal::TooLong).await?;
    token_request(is_form, has_authorization, &body, &login.facade)
}

async fn call(
    login: &Login,
    url: &str,
    request: TokenRequest,
    record: &mut Record,
) -> Option<Answered> {
    let begun = Instant::now();
    let post = login.client.post(Line::Usual, url).header(CONTENT_TYPE, FORM).body(request.form);
    let answered = login.client.call(post, LONGEST_ANSWER).await;
    let outcome = match &answered {
        Ok(answered) if answered.status == 200 => "ok",
        Ok(answered) if answered.status.is_client_error() => "refused",
        Ok(_) => "failed",
        Err(_) => "no_answer",
    };
    login.metrics.called(outcome, begun.elapsed());
    answered.map_err(|error| record.upstream_problem = Some(error.to_string())).ok()
}

fn told(grant: Grant, answered: &Answered, record: &mut Record) -> (Response, Outcome) {
    match token_answer(answered.status.as_u16(), answered.is_json, &answered.body) {
        TokenAnswer::Issued(tokens) => {
            let outcome = match grant {
                Grant::AuthorizationCode => "issued",
                Grant::RefreshToken => "refreshed",
            };
            (answer::json(StatusCode::OK, tokens), Ok(outcome))
        }
        TokenAnswer::Refused(refusal) => {
            record.aadsts = refusal.code;
            let body = json!({"error": refusal.error, "error_description": refusal.description});
            (answer::json(StatusCode::BAD_REQUEST, body), Err(Refusal::UpstreamRefused))
        }
        TokenAnswer::Unavailable => {
            record.upstream_problem = Some(format!("it answered {}", answered.status.as_u16()));
            unavailable(Refusal::UpstreamUnavailable, answered.retry_after)
        }
    }
}

fn unavailable(refusal: Refusal, after: Option<RetrySeconds>) -> (Response, Outcome) {
    (answer::after(answer::refused(refusal), after), Err(refusal))
}
