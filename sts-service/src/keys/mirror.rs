//! One issuer's keys, or one tenant's: fetched at start, every so often, and when somebody misses one; the last good
//! ones are kept while the issuer does not answer, but not without end: a withdrawn key must not outlive its withdrawal
//! because somebody stands between us and the issuer.
//!
//! One task per mirror fetches, so that there is never more than one fetch under way and never more than one begun
//! per second, whoever asks for it and however often.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use axum::body::Bytes;
use obolus_core::token::{KeySet, KeySetError, KeySource};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::discovery::{Endpoints, discover};
use super::document;
use super::spacing::{SPACING, Spacing};
use crate::config::Issuer;
use crate::idp_client::{CallError, IdpClient};
use crate::metrics::Metrics;

/// The longest time between two attempts while the issuer does not answer.
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);
/// How long one request waits for keys: the spacing and one prompt answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Endpoints move seldom.
const ENDPOINTS_LIFE: Duration = Duration::from_secs(600);
const MAX_BYTES: usize = 256 * 1024;

/// Why keys were not fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(
        "the key set was answered with status 400: Entra does not know this tenant, or not in this cloud: compare `tenants`"
    )]
    UnknownTenant,
    #[error("{0} was answered with status {1}")]
    Status(&'static str, u16),
    #[error("{0} is not the JSON that it should be")]
    Malformed(&'static str),
    #[error(
        "the discovery document names another issuer, {found:?}, than the configuration, {wanted:?}: `issuer` is compared byte for byte"
    )]
    OtherIssuer {
        /// Bounded.
        found: String,
        wanted: String,
    },
    #[error("the discovery document names an endpoint that is not https")]
    NotHttps,
    #[error(
        "the discovery document names a {0} that is not on the issuer's host and port: if that is right, write {0} = \"https://…\" into [[issuers]]"
    )]
    OtherOrigin(&'static str),
    #[error("the key set: {0}")]
    Keys(#[from] KeySetError),
    #[error("nothing says where the keys are")]
    Nowhere,
    #[error("the fetch ended by a panic")]
    Panicked,
}

impl FetchError {
    /// The key set of a tenant is at a URL that the tenant makes: there is no other reason for a 400.
    fn of_tenant(self) -> Self {
        match self {
            Self::Status(_, 400) => Self::UnknownTenant,
            other => other,
        }
    }
}

/// What was fetched.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) keys: KeySet,
    /// The set as it is passed on.
    pub(crate) document: Bytes,
    fetched: Instant,
}

impl Held {
    /// For how long the keys have not been confirmed.
    pub(crate) fn age(&self) -> Duration {
        self.fetched.elapsed()
    }
}

#[derive(Debug, Clone, Copy)]
struct Attempts {
    begun: u64,
    ended: u64,
    /// The last one that brought keys.
    answered: u64,
    /// When one may begin that somebody wishes for.
    earliest: Instant,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct KeyMirror {
    source: KeySource,
    issuer: Arc<Issuer>,
    client: IdpClient,
    metrics: Metrics,
    held: ArcSwapOption<Held>,
    endpoints: ArcSwapOption<(Endpoints, Instant)>,
    wanted: Notify,
    attempts: watch::Sender<Attempts>,
}

impl KeyMirror {
    /// Of one of the issuer's sources.
    pub(crate) fn new(
        source: KeySource,
        issuer: Arc<Issuer>,
        client: IdpClient,
        metrics: Metrics,
    ) -> Self {
        let attempts = Attempts { begun: 0, ended: 0, answered: 0, earliest: Instant::now() };
        Self {
            source,
            issuer,
            client,
            metrics,
            held: ArcSwapOption::empty(),
            endpoints: ArcSwapOption::empty(),
            wanted: Notify::new(),
            attempts: watch::Sender::new(attempts),
        }
    }

    pub(crate) fn source(&self) -> &KeySource {
        &self.source
    }

    pub(crate) fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    pub(crate) fn client(&self) -> &IdpClient {
        &self.client
    }

    /// The newest keys; `None` until the issuer has answered once, and when it has not for too long.
    pub(crate) fn held(&self) -> Option<Arc<Held>> {
        self.newest().filter(|newest| newest.age() <= self.issuer.keys_max_stale)
    }

    /// The newest keys, believed or not.
    pub(crate) fn newest(&self) -> Option<Arc<Held>> {
        self.held.load_full()
    }

    /// Where to exchange; `None` until the issuer has answered once.
    pub(crate) fn endpoints(&self) -> Option<Endpoints> {
        self.endpoints.load().as_ref().map(|known| known.0.clone())
    }

    /// Waits for a fetch that ends after now: the one under way, or else the next, for which there is a [`Spacing`].
    /// Returns in any case after a while, and at once if there is none in that time. Returns whether there was one
    /// that brought keys.
    pub(crate) async fn refetch(&self) -> bool {
        let mut attempts = self.attempts.subscribe();
        let Attempts { begun, ended, earliest, .. } = *attempts.borrow();
        let awaited = if begun > ended {
            begun
        } else {
            // Also if nobody waits for it: who comes again is the better off.
            self.wanted.notify_one();
            if earliest > Instant::now() + PATIENCE {
                return false;
            }
            begun + 1
        };
        // An error is the deadline, or the end of this process.
        let waited = attempts.wait_for(|attempts| attempts.ended >= awaited);
        timeout(PATIENCE, waited)
            .await
            .is_ok_and(|seen| seen.is_ok_and(|attempts| attempts.answered >= awaited))
    }

    /// Fetches for as long as the task lives.
    pub(crate) async fn keep_fresh(self: Arc<Self>) {
        let mut backoff = SPACING;
        let mut spacing = match self.source.tenant() {
            None => Spacing::constant(),
            Some(_) => Spacing::growing(self.issuer.keys_refresh),
        };
        let mut wished_for = false;
        loop {
            let begun = Instant::now();
            self.attempts.send_modify(|attempts| attempts.begun += 1);
            let this = Arc::clone(&self);
            // A task of its own: a panic in it must not end this one.
            let outcome = tokio::spawn(async move { this.fetch().await }).await;
            let outcome = outcome.unwrap_or(Err(FetchError::Panicked));
            self.metrics.keys_fetched(&self.source, outcome.is_ok());
            let is_news = matches!(outcome, Ok(true));
            if wished_for {
                spacing.granted(begun, is_news);
            } else if is_news {
                spacing.news();
            }
            let earliest = begun + spacing.now();
            self.attempts.send_modify(|attempts| {
                attempts.ended = attempts.begun;
                attempts.earliest = earliest;
                if outcome.is_ok() {
                    attempts.answered = attempts.begun;
                }
            });
            let pause = match outcome {
                Ok(_) => {
                    backoff = SPACING;
                    self.issuer.keys_refresh
                }
                Err(error) => {
                    let issuer = &self.source;
                    tracing::warn!(%issuer, %error, "keys were not fetched");
                    if self.newest().is_some() && self.held().is_none() {
                        tracing::error!(%issuer, "keys are too old to be believed");
                    }
                    let pause = backoff.min(self.issuer.keys_refresh);
                    backoff = (backoff * 2).min(LONGEST_BACKOFF);
                    pause
                }
            };
            let routine = begun + pause.max(SPACING);
            sleep_until(earliest.min(routine)).await;
            wished_for = timeout_at(routine, self.wanted.notified()).await.is_ok();
        }
    }

    /// Fetches the keys, and returns whether they are others than before.
    async fn fetch(&self) -> Result<bool, FetchError> {
        if let Some(tenant) = self.source.tenant() {
            let tenants = self.issuer.rules.provider.entra().ok_or(FetchError::Nowhere)?;
            let url = format!("{}/{tenant}/discovery/v2.0/keys", tenants.authority_host());
            let body = self.fetch_keys(&url).await.map_err(FetchError::of_tenant)?;
            return Ok(self.hold(document::read_of_tenant(&body, tenants, tenant)?));
        }
        let discovered = self.refresh_endpoints().await;
        let url = match (&self.issuer.jwks_uri, discovered) {
            (Some(url), discovered) => {
                if let Err(error) = discovered {
                    tracing::warn!(issuer = %self.source, %error, "no endpoints");
                }
                url.clone()
            }
            (None, discovered) => discovered?.jwks_uri,
        };
        let read = async { Ok(document::read(&self.fetch_keys(&url).await?)?) };
        let outcome = read.await.map(|keys| self.hold(keys));
        if outcome.is_err() {
            // They may have moved.
            self.outdate_endpoints();
        }
        outcome
    }

    async fn fetch_keys(&self, url: &str) -> Result<Vec<u8>, FetchError> {
        let answered = self.client.call(self.client.get(url), MAX_BYTES).await?;
        if answered.status != 200 {
            return Err(FetchError::Status("the key set", answered.status.as_u16()));
        }
        Ok(answered.body)
    }

    fn hold(&self, (keys, document): (KeySet, Bytes)) -> bool {
        let before = self.held.load();
        let are_new = before.as_ref().is_none_or(|before| before.keys != keys);
        if are_new {
            tracing::info!(issuer = %self.source, keys = keys.len(), "keys are new");
        }
        self.held.store(Some(Arc::new(Held { keys, document, fetched: Instant::now() })));
        are_new
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_that_entra_does_not_know_is_told_with_the_setting_to_look_at() {
        let told = |status| FetchError::Status("the key set", status).of_tenant().to_string();
        assert!(told(400).contains("compare `tenants`"), "{}", told(400));
        assert_eq!(told(503), "the key set was answered with status 503");
    }
}
