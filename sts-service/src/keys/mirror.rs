//! One issuer's keys: fetched at start, every so often, and when somebody misses one; the last good ones are kept
//! while the issuer does not answer, but not without end: a withdrawn key must not outlive its withdrawal because
//! somebody stands between us and the issuer.
//!
//! One task per issuer fetches, so that there is never more than one fetch under way and never more than one begun
//! per second, whoever asks for it and however often.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use obolus_core::token::{EntraTenants, KeySetError};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::discovery::{Endpoints, discover};
use super::held::{Held, Part};
use super::{document, tenants};
use crate::config::Issuer;
use crate::idp_client::{CallError, IdpClient};
use crate::metrics::Metrics;

/// The least time between the beginnings of two fetches.
const SPACING: Duration = Duration::from_secs(1);
/// The longest time between two attempts while the issuer does not answer.
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);
/// How long one request waits for keys: the spacing and one prompt answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Endpoints move seldom.
const ENDPOINTS_LIFE: Duration = Duration::from_secs(600);
pub(super) const MAX_BYTES: usize = 256 * 1024;

/// Why keys were not fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("{0} was answered with status {1}")]
    Status(&'static str, u16),
    #[error("{0} is not the JSON that it should be")]
    Malformed(&'static str),
    #[error("the discovery document names another issuer")]
    OtherIssuer,
    #[error("the discovery document names an endpoint that is not https")]
    NotHttps,
    #[error(
        "the discovery document names a {0} that is not on the issuer's host and port: if that is right, write {0} = \"https://…\" into [[issuers]]"
    )]
    OtherOrigin(&'static str),
    #[error("the key set: {0}")]
    Keys(#[from] KeySetError),
    #[error("{0} tenant(s) did not answer with a key set")]
    Tenants(usize),
    #[error("nothing says where the keys are")]
    Nowhere,
    #[error("the fetch ended by a panic")]
    Panicked,
}

#[derive(Debug, Clone, Copy, Default)]
struct Attempts {
    begun: u64,
    ended: u64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct KeyMirror {
    issuer: Arc<Issuer>,
    client: IdpClient,
    metrics: Metrics,
    held: ArcSwapOption<Held>,
    endpoints: ArcSwapOption<(Endpoints, Instant)>,
    wanted: Notify,
    attempts: watch::Sender<Attempts>,
}

impl KeyMirror {
    pub(crate) fn new(issuer: Arc<Issuer>, client: IdpClient, metrics: Metrics) -> Self {
        Self {
            issuer,
            client,
            metrics,
            held: ArcSwapOption::empty(),
            endpoints: ArcSwapOption::empty(),
            wanted: Notify::new(),
            attempts: watch::Sender::new(Attempts::default()),
        }
    }

    pub(crate) fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    pub(crate) fn client(&self) -> &IdpClient {
        &self.client
    }

    /// The newest keys; `None` until the issuer has answered once, and when it has not for too long.
    pub(crate) fn held(&self) -> Option<Arc<Held>> {
        let newest = self.newest()?;
        if newest.age() <= self.issuer.keys_max_stale {
            return Some(newest);
        }
        // Of several tenants one may be away for too long; the others' keys are as good as ever.
        let rest = Arc::new(newest.without_older_than(self.issuer.keys_max_stale)?);
        self.held.compare_and_swap(&Some(newest), Some(Arc::clone(&rest)));
        Some(rest)
    }

    /// The newest keys, believed or not.
    pub(crate) fn newest(&self) -> Option<Arc<Held>> {
        self.held.load_full()
    }

    /// Where to exchange; `None` until the issuer has answered once.
    pub(crate) fn endpoints(&self) -> Option<Endpoints> {
        self.endpoints.load().as_ref().map(|known| known.0.clone())
    }

    /// Waits for a fetch that ends after now: the one under way, or else the next, at most one per second. Returns
    /// in any case after a while.
    pub(crate) async fn refetch(&self) {
        let mut attempts = self.attempts.subscribe();
        let Attempts { begun, ended } = *attempts.borrow();
        let awaited = if begun > ended {
            begun
        } else {
            self.wanted.notify_one();
            begun + 1
        };
        // An error is the deadline, or the end of this process.
        let _ = timeout(PATIENCE, attempts.wait_for(|attempts| attempts.ended >= awaited)).await;
    }

    /// Fetches for as long as the task lives.
    pub(crate) async fn keep_fresh(self: Arc<Self>) {
        let mut backoff = SPACING;
        let mut asked_for = true;
        loop {
            let begun = Instant::now();
            self.attempts.send_modify(|attempts| attempts.begun += 1);
            let this = Arc::clone(&self);
            // A task of its own: a panic in it must not end this one.
            let outcome = tokio::spawn(async move { this.fetch(asked_for).await }).await;
            let outcome = outcome.unwrap_or(Err(FetchError::Panicked));
            self.metrics.keys_fetched(self.issuer.name(), outcome.is_ok());
            self.attempts.send_modify(|attempts| attempts.ended = attempts.begun);
            let pause = match outcome {
                Ok(()) => {
                    backoff = SPACING;
                    self.issuer.keys_refresh
                }
                Err(error) => {
                    let issuer = self.issuer.name();
                    tracing::warn!(issuer, %error, "keys were not fetched");
                    if self.newest().is_some() && self.held().is_none() {
                        tracing::error!(issuer, "keys are too old to be believed");
                    }
                    let pause = backoff.min(self.issuer.keys_refresh);
                    backoff = (backoff * 2).min(LONGEST_BACKOFF);
                    pause
                }
            };
            sleep_until(begun + SPACING).await;
            let next = timeout_at(begun + pause.max(SPACING), self.wanted.notified());
            asked_for = next.await.is_ok();
        }
    }

    async fn fetch(&self, asked_for: bool) -> Result<(), FetchError> {
        if let Some(tenants) = self.issuer.rules.provider.entra() {
            return self.fetch_tenants(tenants, asked_for).await;
        }
        let discovered = self.refresh_endpoints().await;
        let url = match (&self.issuer.jwks_uri, discovered) {
            (Some(url), discovered) => {
                if let Err(error) = discovered {
                    tracing::warn!(issuer = self.issuer.name(), %error, "no endpoints");
                }
                url.clone()
            }
            (None, discovered) => discovered?.jwks_uri,
        };
        let outcome = self.fetch_keys(&url).await;
        if outcome.is_err() {
            // They may have moved.
            self.outdate_endpoints();
        }
        outcome
    }

    async fn fetch_keys(&self, url: &str) -> Result<(), FetchError> {
        let answered = self.client.call(self.client.get(url), MAX_BYTES).await?;
        if answered.status != 200 {
            return Err(FetchError::Status("the key set", answered.status.as_u16()));
        }
        let (keys, document) = document::read(&answered.body)?;
        self.hold(Held::whole(keys, document));
        Ok(())
    }

    /// Keys of each tenant for itself: one that does not answer neither takes away the others' keys nor makes us ask
    /// them more often.
    async fn fetch_tenants(
        &self,
        listed: &EntraTenants,
        asked_for: bool,
    ) -> Result<(), FetchError> {
        let before = self.newest();
        let known = before.as_deref().map(Held::parts).unwrap_or_default();
        let refresh = self.issuer.keys_refresh;
        let is_due = |tenant| {
            let part = known.iter().find(|part| part.is_of(tenant));
            asked_for || part.is_none_or(|part| part.age() + SPACING > refresh)
        };
        let due = listed.list().iter().filter(|tenant| is_due(tenant)).cloned().collect();
        let (fetched, failed) = tenants::fetch(&self.client, self.issuer.name(), listed, due).await;
        let is_old = |part: &&Arc<Part>| !fetched.iter().any(|new| new.replaces(part));
        let kept: Vec<_> = known.iter().filter(is_old).cloned().collect();
        let parts = kept.into_iter().chain(fetched).collect();
        if let Some(held) = Held::merged(parts, listed, self.issuer.keys_max_stale)? {
            self.hold(held);
        }
        if failed > 0 { Err(FetchError::Tenants(failed)) } else { Ok(()) }
    }

    fn hold(&self, held: Held) {
        let before = self.held.load();
        if before.as_ref().is_none_or(|before| before.keys != held.keys) {
            tracing::info!(issuer = self.issuer.name(), keys = held.keys.len(), "keys are new");
        }
        self.held.store(Some(Arc::new(held)));
    }

    /// The endpoints, at most ten minutes old if the issuer answers.
    async fn refresh_endpoints(&self) -> Result<Endpoints, FetchError> {
        let known = self.endpoints.load_full();
        if let Some(known) = &known
            && known.1.elapsed() < ENDPOINTS_LIFE
        {
            return Ok(known.0.clone());
        }
        let own = self.issuer.rules.provider.single_issuer().ok_or(FetchError::Nowhere)?;
        match discover(&self.client, &self.issuer, own).await {
            Ok(endpoints) => {
                self.endpoints.store(Some(Arc::new((endpoints.clone(), Instant::now()))));
                Ok(endpoints)
            }
            // One that does not answer may still have the keys where they were; one that speaks of somebody else
            // is not believed.
            Err(FetchError::Call(error)) => match known {
                Some(known) => Ok(known.0.clone()),
                None => Err(error.into()),
            },
            Err(error) => Err(error),
        }
    }

    fn outdate_endpoints(&self) {
        if let Some(known) = self.endpoints.load_full()
            && let Some(long_ago) = Instant::now().checked_sub(ENDPOINTS_LIFE)
        {
            self.endpoints.store(Some(Arc::new((known.0.clone(), long_ago))));
        }
    }
}
