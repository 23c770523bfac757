//! One exchanged token that somebody may have: from memory, or from the identity provider; and while it is in use, the
//! next one before it ends.

use std::sync::{Arc, OnceLock};

use obolus_core::exchange::ExchangedToken;
use obolus_core::token::Principal;
use obolus_core::{Denial, Reason};
use secrecy::SecretString;
use tokio::time::Instant;

use crate::cache::{Got, Key, Source};
use crate::config::Target;
use crate::keys::KeyMirror;
use crate::metrics::{Limit, Refresh};
use crate::providers::{Exchange, Failure};
use crate::record::Record;
use crate::service::Service;
use crate::telemetry::Scope;
use crate::upstream::Errand;

/// See the module.
///
/// INVARIANT: `principal` was verified from `subject_token`, by keys of `mirror`, and its caller may have `target`.
pub(crate) struct Wanted {
    pub(crate) service: Arc<Service>,
    pub(crate) mirror: Arc<KeyMirror>,
    pub(crate) target: Arc<Target>,
    pub(crate) scope: String,
    pub(crate) subject_token: SecretString,
    pub(crate) principal: Principal,
}

impl Wanted {
    /// Gets the token, and notes in the record where from.
    pub(crate) async fn get(self, record: &mut Record) -> Result<Got, Denial> {
        let key = self.key();
        let request_id = OnceLock::new();
        let ask = Box::pin(self.ask(Errand::Request, &request_id));
        let outcome = self.service.cache.get_or_exchange(key.clone(), &self.principal, ask).await;
        record.upstream.request_id = request_id.into_inner();
        match outcome {
            Ok(mut got) => {
                record.source = Some(got.source);
                record.exchanged(&got.token);
                if let Some(turn) = got.refresh.take() {
                    let old = Arc::clone(&got.token);
                    let renewal = async move {
                        self.renew(&key, &old).await;
                        drop(turn);
                    };
                    tokio::spawn(Scope::current().around(renewal));
                }
                Ok(got)
            }
            Err(refused) => {
                let failure = refused.failure;
                if refused.is_remembered {
                    record.source = Some(Source::Refusal);
                    let reason = failure.denial.reason();
                    self.service.metrics.negative_hit(self.target.name(), reason);
                }
                record.upstream.clone_from(&failure.upstream);
                Err(failure.denial.clone())
            }
        }
    }

    fn key(&self) -> Key {
        let Self { principal, subject_token, target, scope, .. } = self;
        Key::new(principal.issuer_name(), subject_token, target, scope)
    }

    async fn ask(
        &self,
        errand: Errand,
        request_id: &OnceLock<String>,
    ) -> Result<ExchangedToken, Failure> {
        let gate = self.service.gates.get(&self.mirror.source().path()).ok_or(Reason::Internal)?;
        let exchange = Exchange {
            mirror: &self.mirror,
            gate,
            errand,
            deadline: Instant::now() + self.service.idp_timeout,
            target: &self.target,
            wanted: &self.target.target,
            scope: &self.scope,
            subject_token: &self.subject_token,
            principal: &self.principal,
            request_id,
            metrics: &self.service.metrics,
        };
        exchange.run().await
    }

    /// Asks for the next token, while everybody is served the old one.
    async fn renew(&self, key: &Key, old: &Arc<ExchangedToken>) {
        let request_id = OnceLock::new();
        let ask = Box::pin(self.ask(Errand::Refresh, &request_id));
        let outcome = self.service.cache.renew(key, &self.principal, old, ask).await;
        let shown = match &outcome {
            Ok(()) => Refresh::Renewed,
            Err(failure) if failure.is_of_the_person() => Refresh::Refused,
            Err(_) => Refresh::Failed,
        };
        self.service.metrics.refreshed(self.target.name(), shown);
        let failure = outcome.as_ref().err();
        let reason = failure.map(|failure| failure.denial.reason().as_str());
        let upstream = failure.map(|failure| &failure.upstream);
        tracing::info!(
            outcome = reason.unwrap_or("exchanged"),
            target_name = self.target.name(),
            issuer = self.principal.identity().issuer,
            subject = self.principal.identity().subject,
            token_digest = self.principal.token_digest().as_str(),
            exchanged_before = old.digest().as_str(),
            upstream_request_id = request_id.get(),
            upstream_status = upstream.and_then(|upstream| upstream.status),
            upstream_error = upstream.and_then(|upstream| upstream.error.as_deref()),
            upstream_codes = upstream.and_then(|upstream| upstream.codes.as_deref()),
            exchanged_audiences =
                upstream.and_then(|upstream| upstream.exchanged_audiences.as_deref()),
            expected_audience = upstream.and_then(|upstream| upstream.expected_audience.as_deref()),
            held_back_seconds = upstream.and_then(|upstream| upstream.held_back_seconds),
            circuit_open_seconds = upstream.and_then(|upstream| upstream.circuit_open_seconds),
            limit = upstream.and_then(|upstream| upstream.limit).map(Limit::as_str),
            "refreshed ahead"
        );
    }
}
