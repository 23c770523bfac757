//! Keycloak's standard token exchange V2.
//!
//! `audience` is always sent: without it Keycloak answers whatever audiences the scopes bring, also of disabled
//! clients, or a token without any.

use obolus_core::Reason;
use obolus_core::exchange::{ACCESS_TOKEN_TYPE, Answer, GRANT_TYPE};
use reqwest::header::HeaderMap;
use secrecy::ExposeSecret as _;
use serde::Deserialize;

use super::{Exchange, Failure, answer, attempts, refusal};
use crate::idp_client::{Answered, Line};

/// Asks Keycloak.
pub(super) async fn ask(exchange: &Exchange<'_>) -> Result<Answer, Failure> {
    let endpoints = exchange.mirror.endpoints().ok_or(Reason::IdpUnavailable)?;
    let token_endpoint =
        endpoints.token_endpoint.as_deref().ok_or(Reason::ExchangeMisconfigured)?;
    let introspection = endpoints.introspection_endpoint.as_deref();
    attempts::ask(exchange, |line| request(exchange, line, token_endpoint, introspection)).await
}

async fn request(
    exchange: &Exchange<'_>,
    line: Line,
    token_endpoint: &str,
    introspection: Option<&str>,
) -> Result<Answer, Failure> {
    let form = [
        ("grant_type", GRANT_TYPE),
        ("subject_token_type", ACCESS_TOKEN_TYPE),
        ("requested_token_type", ACCESS_TOKEN_TYPE),
        ("subject_token", exchange.subject_token.expose_secret()),
        ("audience", &exchange.wanted.audience),
        ("scope", exchange.scope),
    ];
    let answered = post(exchange, line, token_endpoint, &form).await?;
    if answered.status == 200 {
        return answer(&answered);
    }
    match refusal::read(&answered) {
        failure if failure.denial.reason() == Reason::SubjectTokenRefused => {
            Err(explain(exchange, line, failure, introspection).await)
        }
        failure => Err(failure),
    }
}

/// Keycloak says `invalid_request` for a token that is revoked, whose person has signed out, or who was disabled,
/// and for a registration of ours that is not set up for this exchange. The first a person mends by signing in,
/// the second never: so Keycloak is asked whether the token is active (RFC 7662). What it does not answer
/// clearly stays a refused token, which is what RFC 8693 §2.2.2 says.
async fn explain(
    exchange: &Exchange<'_>,
    line: Line,
    failure: Failure,
    introspection_endpoint: Option<&str>,
) -> Failure {
    #[derive(Deserialize)]
    struct Document {
        active: bool,
    }
    let Some(endpoint) = introspection_endpoint else { return failure };
    let form =
        [("token", exchange.subject_token.expose_secret()), ("token_type_hint", "access_token")];
    let active = match post(exchange, line, endpoint, &form).await {
        Ok(answered) if answered.status == 200 => {
            serde_json::from_slice(&answered.body).is_ok_and(|document: Document| document.active)
        }
        _ => false,
    };
    let reason = if active { Reason::ExchangeMisconfigured } else { Reason::SubjectTokenRefused };
    Failure { denial: reason.into(), ..failure }
}

/// RFC 7523bis, and Keycloak, want the issuer as the audience of an assertion.
async fn post(
    exchange: &Exchange<'_>,
    line: Line,
    url: &str,
    form: &[(&str, &str)],
) -> Result<Answered, Failure> {
    let rules = &exchange.mirror.issuer().rules;
    let issuer = rules.provider.single_issuer().ok_or(Reason::Internal)?;
    exchange.post(line, url, issuer, HeaderMap::new(), form).await
}
