//! How each kind of identity provider exchanges a token. One file per kind; what they have in common is how they are
//! asked, how they fail, and that an answer is held against the person and the target.

mod attempts;
mod audiences;
mod echo;
mod entra;
mod entra_refusal;
mod failure;
mod graph;
mod keycloak;
mod refusal;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use obolus_core::Reason;
use obolus_core::exchange::{self, Answer, ExchangedToken};
use obolus_core::token::Principal;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;

use crate::clock::now;
use crate::config::{ExchangedBy, Target};
use crate::idp_client::{Answered, Line};
use crate::keys::KeyMirror;
use crate::metrics::Metrics;
use crate::telemetry::{Call, Value};
use crate::upstream::{Errand, Gate, Kind, Sign, Visit};

pub(crate) use failure::{Failure, Upstream};
pub(crate) use graph::groups;

/// A token that is looked at has at most 16 KiB.
const MAX_BYTES: usize = 32 * 1024;

/// One exchange to be made.
pub(crate) struct Exchange<'a> {
    /// Of the target's issuer, which is the principal's; of the principal's tenant, if it has one.
    pub(crate) mirror: &'a KeyMirror,
    /// Of the same issuer or tenant.
    pub(crate) gate: &'a Arc<Gate>,
    pub(crate) errand: Errand,
    /// When nobody waits for it any more.
    pub(crate) deadline: Instant,
    pub(crate) target: &'a Target,
    /// Whom the token is to be for: the target, or somebody who knows more about the person.
    pub(crate) wanted: &'a exchange::Target,
    pub(crate) scope: &'a str,
    pub(crate) subject_token: &'a SecretString,
    pub(crate) principal: &'a Principal,
    /// By what the identity provider's records name this request, if it lets us say so.
    pub(crate) request_id: &'a OnceLock<String>,
    pub(crate) metrics: &'a Metrics,
}

impl Exchange<'_> {
    /// Asks the identity provider, and believes its answer only as a token of this principal for this target.
    pub(crate) async fn run(&self) -> Result<ExchangedToken, Failure> {
        let outcome = match self.target.exchanged_by {
            ExchangedBy::Keycloak => keycloak::ask(self).await,
            ExchangedBy::Entra => entra::ask(self).await,
        };
        let answer = outcome.map_err(|failure| failure.of_request(self.request_id.get()))?;
        let answered = answer.clone();
        ExchangedToken::accept(self.principal, self.wanted, answer, now())
            .and_then(|token| token.issued_to(self.target.client.id()))
            .map_err(|reason| self.unacceptable(reason, &answered))
    }

    fn unacceptable(&self, reason: Reason, answer: &Answer) -> Failure {
        let mut failure = Failure { sign: Sign::Answered, ..Failure::from(reason) };
        if reason == Reason::ExchangedAudienceMismatch {
            let seen = answer.claimed_audiences();
            failure.upstream.exchanged_audiences =
                Some(audiences::shown(&seen, self.subject_token));
            failure.upstream.expected_audience = Some(self.wanted.audience.clone());
        }
        failure
    }

    fn visit(&self) -> Visit<'_> {
        let (client, target) = (self.target.client.id(), self.target.name());
        let kind = Kind { client, target, audience: &self.wanted.audience };
        Visit { errand: self.errand, kind, person: self.principal.identity() }
    }

    fn remains(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Counts a call for an exchange, what was answered, and how long it took.
    async fn measured(
        &self,
        call: impl Future<Output = Result<Answer, Failure>>,
    ) -> Result<Answer, Failure> {
        let (begun, span) = (Instant::now(), Call::begin("identity provider"));
        let outcome = call.await;
        let label =
            outcome.as_ref().map_or_else(|failure| failure.denial.reason().as_str(), |_| "ok");
        let issuer = self.mirror.issuer().name();
        let provider = self.target.exchanged_by.as_str();
        self.metrics.called(issuer, provider, label, begun.elapsed());
        self.tell(span, label, outcome.as_ref().err());
        let source = self.mirror.source();
        match &outcome {
            Ok(_) => self.metrics.answered(source, Some(200), None),
            Err(Failure { upstream, .. }) => {
                self.metrics.answered(source, upstream.status, upstream.error.as_deref());
                let codes = upstream.codes.iter().flat_map(|codes| codes.split(' '));
                for code in codes.filter_map(|code| code.parse().ok()) {
                    self.metrics.coded(source, code);
                }
            }
        }
        outcome
    }

    fn tell(&self, span: Call, outcome: &str, failure: Option<&Failure>) {
        let texts = [
            ("obolus.outcome", outcome),
            ("obolus.provider", self.target.exchanged_by.as_str()),
            ("obolus.issuer", self.mirror.issuer().name()),
        ];
        let texts = texts.map(|(key, text)| (key, Value::Text(text.to_owned())));
        let status = failure.map_or(Some(200), |failure| failure.upstream.status);
        let is_error = status.is_none_or(|status| status >= 500);
        let status = status.map(|s| ("http.response.status_code", Value::Number(s.into())));
        span.end(is_error, || texts.into_iter().chain(status).collect());
    }

    /// Posts a form as our client, with an authentication made for this one request and, where it is an assertion of
    /// our own, for this audience.
    async fn post(
        &self,
        line: Line,
        url: &str,
        audience: &str,
        headers: HeaderMap,
        form: &[(&str, &str)],
    ) -> Result<Answered, Failure> {
        let authentication = self.target.client.authenticate(audience, now()).await?;
        let client = self.mirror.client();
        let mut request = client
            .post(line, url)
            .timeout(self.remains())
            .headers(headers)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(encode(form, &authentication.form));
        if let Some(header) = &authentication.header {
            let bytes = Zeroizing::new(header.expose_secret().as_bytes().to_vec());
            let mut value = HeaderValue::from_bytes(&bytes).map_err(|_| Reason::Internal)?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let mut answered = client.call(request, MAX_BYTES).await?;
        if answered.status != 200 {
            let header = authentication.header.as_ref().map(SecretString::expose_secret);
            let value = header.and_then(|header| header.split_once(' ')).map(|(_, value)| value);
            let value = value.map(SecretString::from);
            let secrets = authentication.secrets.iter().chain([self.subject_token]).chain(&value);
            answered.body = echo::without(&answered.body, secrets);
        }
        Ok(answered)
    }
}

/// The token in an answer of status 200.
fn answer(answered: &Answered) -> Result<Answer, Failure> {
    if !answered.is_json {
        return Err(Failure::no_json());
    }
    Answer::parse(&answered.body)
        .map_err(|reason| Failure { sign: Sign::Answered, ..Failure::from(reason) })
}

fn encode(form: &[(&str, &str)], authentication: &[(&str, SecretString)]) -> String {
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(form);
    for (name, value) in authentication {
        body.append_pair(name, value.expose_secret());
    }
    body.finish()
}
