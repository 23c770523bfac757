//! Keycloak's standard token exchange V2.
//!
//! `audience` is always sent: without it Keycloak answers whatever audiences the scopes bring, also of disabled
//! clients, or a token without any.

use obolus_core::Reason;
use obolus_core::exchange::{ACCESS_TOKEN_TYPE, Answer, GRANT_TYPE};
use reqwest::header::HeaderMap;
use secrecy::ExposeSecret as _;
use serde::Deserialize;

use super::{Exchange, Failure, answer, refusal};
use crate::idp_client::Answered;

/// Asks Keycloak.
pub(super) async fn ask(exchange: &Exchange<'_>) -> Result<Answer, Failure> {
    let endpoints = exchange.mirror.endpoints().ok_or(Reason::IdpUnavailable)?;
    let token_endpoint =
        endpoints.token_endpoint.as_deref().ok_or(Reason::ExchangeMisconfigured)?;
    match exchange.measured(request(exchange, token_endpoint)).await {
        Err(failure) if failure.reason == Reason::SubjectTokenRefused => {
            let introspection = endpoints.introspection_endpoint.as_deref();
            Err(explain(exchange, failure, introspection).await)
        }
        other => other,
    }
}

async fn request(exchange: &Exchange<'_>, token_endpoint: &str) -> Result<Answer, Failure> {
    let form = [
        ("grant_type", GRANT_TYPE),
        ("subject_token_type", ACCESS_TOKEN_TYPE),
        ("requested_token_type", ACCESS_TOKEN_TYPE),
        ("subject_token", exchange.subject_token.expose_secret()),
        ("audience", &exchange.target.target.audience),
        ("scope", exchange.scope),
    ];
    let answered = post(exchange, token_endpoint, &form).await?;
    if answered.status == 200 { answer(&answered) } else { Err(refusal::read(&answered)) }
}

/// Keycloak says `invalid_request` for a token that is revoked, whose person has signed out, or who was disabled,
/// and for a registration of ours that is not set up for this exchange. The first a person mends by signing in,
/// the second never: so Keycloak is asked whether the token is active (RFC 7662). What it does not answer
/// clearly stays a refused token, which is what RFC 8693 §2.2.2 says.
async fn explain(
    exchange: &Exchange<'_>,
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
    let active = match post(exchange, endpoint, &form).await {
        Ok(answered) if answered.status == 200 => {
            serde_json::from_slice(&answered.body).is_ok_and(|document: Document| document.active)
        }
        _ => false,
    };
    let reason = if active { Reason::ExchangeMisconfigured } else { Reason::SubjectTokenRefused };
    Failure { reason, ..failure }
}

/// RFC 7523bis, and Keycloak, want the issuer as the audience of an assertion.
async fn post(
    exchange: &Exchange<'_>,
    url: &str,
    form: &[(&str, &str)],
) -> Result<Answered, Failure> {
    let rules = &exchange.mirror.issuer().rules;
    let issuer = rules.provider.single_issuer().ok_or(Reason::Internal)?;
    exchange.post(url, issuer, HeaderMap::new(), form).await
}
