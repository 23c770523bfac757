//! The identity provider's metadata: fetched by one task, kept while it does not answer, never believed unread.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use obolus_core::login::{Upstream, UpstreamError};
use obolus_core::token::{EntraTenants, TenantId};
use tokio::sync::Notify;

use super::metrics::Metrics;
use crate::idp_client::{Answered, CallError, IdpClient};

const MAX_BYTES: usize = 256 * 1024;
/// After a failure, doubled with each, up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("the identity provider's metadata: {0}")]
    Call(#[from] CallError),
    #[error("the identity provider's metadata: it answered {0}")]
    Status(u16),
    #[error("the identity provider's metadata {0}")]
    Refused(#[from] UpstreamError),
}

/// What was read, and when it was confirmed last.
struct Held {
    upstream: Arc<Upstream>,
    confirmed: Instant,
}

/// See the module.
pub(crate) struct Metadata {
    client: IdpClient,
    tenants: EntraTenants,
    tenant: TenantId,
    refresh: Duration,
    held: ArcSwapOption<Held>,
    /// Why there is none, or no newer one.
    problem: Mutex<Option<String>>,
    wanted: Notify,
    metrics: Metrics,
}

impl Metadata {
    pub(crate) fn new(
        client: IdpClient,
        tenants: EntraTenants,
        tenant: TenantId,
        refresh: Duration,
        metrics: Metrics,
    ) -> Self {
        Self {
            client,
            tenants,
            tenant,
            refresh,
            held: ArcSwapOption::empty(),
            problem: Mutex::default(),
            wanted: Notify::new(),
            metrics,
        }
    }

    /// The last good metadata. Who finds none has them looked for at once.
    pub(crate) fn upstream(&self) -> Option<Arc<Upstream>> {
        let held = self.held.load();
        if held.is_none() {
            self.wanted.notify_one();
        }
        held.as_ref().map(|held| Arc::clone(&held.upstream))
    }

    /// How long ago they were confirmed, if ever.
    pub(crate) fn age(&self) -> Option<Duration> {
        self.held.load().as_ref().map(|held| held.confirmed.elapsed())
    }

    /// What went wrong the last time, if anything did.
    pub(crate) fn problem(&self) -> Option<String> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Fetches them ahead of need, for as long as the task lives: the one place that does, so that many requests are one
    /// fetch.
    pub(crate) async fn keep_fresh(self: Arc<Self>) {
        let mut wait = FIRST_WAIT;
        loop {
            if self.renew().await {
                wait = FIRST_WAIT;
                tokio::time::sleep(self.refresh).await;
                continue;
            }
            tokio::time::sleep(FIRST_WAIT).await;
            let rest = wait.saturating_sub(FIRST_WAIT);
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                () = self.wanted.notified() => {}
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    async fn renew(&self) -> bool {
        let fetched = self.fetch().await;
        self.metrics.fetched(fetched.is_ok());
        let problem = match fetched {
            Ok(upstream) => {
                let held = Held { upstream: Arc::new(upstream), confirmed: Instant::now() };
                self.held.store(Some(Arc::new(held)));
                None
            }
            Err(error) => Some(error.to_string()),
        };
        let is_well = problem.is_none();
        let before = {
            let mut kept = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *kept, problem.clone())
        };
        // Once, and not with every attempt.
        if before != problem {
            match &problem {
                Some(problem) if self.held.load().is_none() => {
                    tracing::error!(problem, "nobody can log in until it answers");
                }
                Some(problem) => tracing::error!(problem, "what was known before stays in use"),
                None => tracing::info!("the identity provider's metadata are known again"),
            }
        }
        is_well
    }

    /// Where RFC 8414 §3 has them, and else where OpenID Connect Discovery §4 does, as Entra ID.
    async fn fetch(&self) -> Result<Upstream, FetchError> {
        let issuer = self.tenants.issuer_v2(&self.tenant);
        let host = self.tenants.authority_host();
        let path = issuer.strip_prefix(host).unwrap_or_default();
        let first =
            self.get(&format!("{host}/.well-known/oauth-authorization-server{path}")).await?;
        let answered = match first.status.as_u16() {
            400..=428 | 430..=499 => {
                self.get(&format!("{issuer}/.well-known/openid-configuration")).await?
            }
            _ => first,
        };
        if answered.status != 200 {
            return Err(FetchError::Status(answered.status.as_u16()));
        }
        Ok(Upstream::read(&answered.body, &self.tenants, &self.tenant)?)
    }

    async fn get(&self, url: &str) -> Result<Answered, CallError> {
        self.client.call(self.client.get(url), MAX_BYTES).await
    }
}
