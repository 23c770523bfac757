//! Keycloak's standard token exchange V2.
//!
//! `audience` is always sent: without it Keycloak answers whatever audiences the scopes bring, also of disabled
//! clients, or a token without any.

use std::time::Instant;

use obolus_core::Reason;
use obolus_core::exchange::{ACCESS_TOKEN_TYPE, Answer, ExchangedToken, GRANT_TYPE};
use obolus_core::token::Principal;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::{Failure, refusal};
use crate::clock::now;
use crate::config::Target;
use crate::idp_client::Answered;
use crate::keys::KeyMirror;
use crate::metrics::Metrics;

/// A token that is looked at has at most 16 KiB.
const MAX_BYTES: usize = 32 * 1024;

/// One exchange to be made.
pub(crate) struct Exchange<'a> {
    pub(crate) mirror: &'a KeyMirror,
    pub(crate) target: &'a Target,
    pub(crate) scope: &'a str,
    pub(crate) subject_token: &'a SecretString,
    pub(crate) principal: &'a Principal,
}

impl Exchange<'_> {
    /// Asks Keycloak, and believes its answer only as a token of this principal for this target.
    pub(crate) async fn run(&self, metrics: &Metrics) -> Result<ExchangedToken, Failure> {
        let endpoints = self.mirror.endpoints().ok_or(Reason::IdpUnavailable)?;
        let token_endpoint =
            endpoints.token_endpoint.as_deref().ok_or(Reason::ExchangeMisconfigured)?;
        let begun = Instant::now();
        let outcome = self.ask(token_endpoint).await;
        let label = outcome.as_ref().map_or_else(|failure| failure.reason.as_str(), |_| "ok");
        metrics.called(self.mirror.issuer().name(), label, begun.elapsed());
        let answer = match outcome {
            Err(failure) if failure.reason == Reason::SubjectTokenRefused => {
                let introspection = endpoints.introspection_endpoint.as_deref();
                return Err(self.explain(failure, introspection).await);
            }
            other => other?,
        };
        let exchanged = ExchangedToken::accept(self.principal, &self.target.target, answer, now())?;
        Ok(exchanged)
    }

    async fn ask(&self, token_endpoint: &str) -> Result<Answer, Failure> {
        let form = [
            ("grant_type", GRANT_TYPE),
            ("subject_token_type", ACCESS_TOKEN_TYPE),
            ("requested_token_type", ACCESS_TOKEN_TYPE),
            ("subject_token", self.subject_token.expose_secret()),
            ("audience", &self.target.target.audience),
            ("scope", self.scope),
        ];
        let answered = self.post(token_endpoint, &form).await?;
        if answered.status != 200 {
            return Err(refusal::read(&answered));
        }
        if !answered.is_json {
            return Err(Failure {
                status: Some(200),
                error: Some("not JSON".to_owned()),
                ..Reason::IdpUnavailable.into()
            });
        }
        Ok(Answer::parse(&answered.body)?)
    }

    /// Keycloak says `invalid_request` for a token that is revoked, whose person has signed out, or who was disabled,
    /// and for a registration of ours that is not set up for this exchange. The first a person mends by signing in,
    /// the second never: so Keycloak is asked whether the token is active (RFC 7662). What it does not answer
    /// clearly stays a refused token, which is what RFC 8693 §2.2.2 says.
    async fn explain(&self, failure: Failure, introspection_endpoint: Option<&str>) -> Failure {
        #[derive(Deserialize)]
        struct Document {
            active: bool,
        }
        let Some(endpoint) = introspection_endpoint else { return failure };
        let form =
            [("token", self.subject_token.expose_secret()), ("token_type_hint", "access_token")];
        let active = match self.post(endpoint, &form).await {
            Ok(answered) if answered.status == 200 => serde_json::from_slice(&answered.body)
                .is_ok_and(|document: Document| document.active),
            _ => false,
        };
        let reason =
            if active { Reason::ExchangeMisconfigured } else { Reason::SubjectTokenRefused };
        Failure { reason, ..failure }
    }

    /// Posts a form as our client, with an authentication made for this one request.
    async fn post(&self, url: &str, form: &[(&str, &str)]) -> Result<Answered, Failure> {
        let provider = &self.mirror.issuer().rules.provider;
        let issuer = provider.single_issuer().unwrap_or_default();
        let authentication = self.target.client.authenticate(issuer, now())?;
        let client = self.mirror.client();
        let mut request = client
            .post(url)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(encode(form, &authentication.form));
        if let Some(header) = &authentication.header {
            let bytes = Zeroizing::new(header.expose_secret().as_bytes().to_vec());
            let mut value = HeaderValue::from_bytes(&bytes).map_err(|_| Reason::Internal)?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        Ok(client.call(request, MAX_BYTES).await?)
    }
}

fn encode(form: &[(&str, &str)], authentication: &[(&str, SecretString)]) -> String {
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(form);
    for (name, value) in authentication {
        body.append_pair(name, value.expose_secret());
    }
    body.finish()
}
