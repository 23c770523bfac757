//! The identity provider's keys: fetched when they are needed and every so often, again for a key that is not known, at
//! most once a second whoever asks, and kept while the provider does not answer, but not for ever. The rules are
//! `obolus_core`'s ([`KeyRing`]).

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::body::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use obolus_core::Reason;
use obolus_core::token::{
    CheckedToken, FetchId, KeyRing, KeySet, Lookup, Principal, PureRust, Unverified,
};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use crate::bounded_file;
use crate::cluster::wire::{Pools, Wire};
use crate::config::{ImpersonationConfig, KeysFrom};
use crate::tls::{self, TlsError};

/// How long the provider has for an answer.
const FETCH_TIMEOUT: Duration = Duration::from_secs(3);
/// How long one request waits for keys: the time between two fetches, and one answer.
const PATIENCE: Duration = Duration::from_secs(5);
const MAX_BYTES: usize = 256 * 1024;

/// One issuer's keys.
#[derive(Debug)]
pub(super) struct Keys {
    source: Source,
    ring: Mutex<KeyRing>,
    /// The ring's time begins here.
    began: Instant,
    /// The newest fetch that has ended, and whether it brought keys.
    ended: watch::Sender<(FetchId, bool)>,
}

#[derive(Debug)]
enum Source {
    Url { uri: Uri, certificate_authority: Option<PathBuf>, pools: ArcSwap<Pools> },
    File(PathBuf),
}

impl Keys {
    pub(super) fn new(config: &ImpersonationConfig) -> Result<Self, TlsError> {
        let source = match &config.keys {
            KeysFrom::Url { uri, certificate_authority } => Source::Url {
                uri: uri.clone(),
                pools: ArcSwap::from_pointee(pools(certificate_authority.as_deref())?),
                certificate_authority: certificate_authority.clone(),
            },
            KeysFrom::File(file) => Source::File(file.clone()),
        };
        let ring = KeyRing::new(config.keys_refresh.as_secs(), config.keys_max_stale.as_secs());
        let ended = watch::Sender::new((ring.last_fetch(), false));
        Ok(Self { source, ring: Mutex::new(ring), began: Instant::now(), ended })
    }

    pub(super) fn certificate_authority(&self) -> Option<&PathBuf> {
        match &self.source {
            Source::Url { certificate_authority, .. } => certificate_authority.as_ref(),
            Source::File(_) => None,
        }
    }

    pub(super) fn reload(&self) -> Result<(), TlsError> {
        if let Source::Url { certificate_authority, pools: of, .. } = &self.source {
            of.store(Arc::new(pools(certificate_authority.as_deref())?));
        }
        Ok(())
    }

    /// Proves a token's signature. Nothing else makes a [`Principal`].
    ///
    /// # Errors
    /// When the signature is not the issuer's, or there are no keys to say so.
    pub(super) async fn verify(
        self: &Arc<Self>,
        checked: CheckedToken,
    ) -> Result<Principal, Reason> {
        let source = checked.key_source();
        let keys = match self.held() {
            Some(keys) => {
                self.refresh();
                keys
            }
            None => {
                self.newer().await;
                self.held().ok_or_else(|| source.without_key(Lookup::Failed))?
            }
        };
        let checked = match checked.verify(&keys, &PureRust) {
            Ok(principal) => return Ok(principal),
            Err(Unverified::Refused(reason)) => return Err(reason),
            Err(Unverified::KeyUnknown(checked)) => checked,
        };
        let lookup = if self.newer().await { Lookup::Confirmed } else { Lookup::Unconfirmed };
        let keys = self.held().ok_or_else(|| source.without_key(Lookup::Failed))?;
        match checked.verify(&keys, &PureRust) {
            Ok(principal) => Ok(principal),
            Err(Unverified::KeyUnknown(_)) => Err(source.without_key(lookup)),
            Err(Unverified::Refused(reason)) => Err(reason),
        }
    }

    /// The keys, unless they are too old to be believed.
    fn held(&self) -> Option<KeySet> {
        let mut ring = self.ring();
        if ring.give_up_stale(self.now()) {
            tracing::error!("the keys for impersonation are too old to be believed");
        }
        ring.keys().cloned()
    }

    /// Begins a fetch if it is time for one. Nobody waits for it.
    fn refresh(self: &Arc<Self>) {
        let mut ring = self.ring();
        if ring.wants_fetch(self.now(), false).is_some() {
            self.begin(&mut ring);
        }
    }

    /// Waits for a fetch that begins after now, within bounds. Returns whether it brought keys.
    async fn newer(self: &Arc<Self>) -> bool {
        let mut ended = self.ended.subscribe();
        let before = self.ring().last_fetch();
        let fetched = async {
            loop {
                let wait_until = {
                    let mut ring = self.ring();
                    if ring.last_fetch() > before {
                        break;
                    }
                    if ring.wants_fetch(self.now(), true).is_some() {
                        self.begin(&mut ring);
                        break;
                    }
                    let next = ring.last_start().unwrap_or_default() + KeyRing::COOLDOWN;
                    (!ring.is_under_way()).then(|| self.began + Duration::from_millis(next))
                };
                match wait_until {
                    Some(next) => sleep_until(next).await,
                    None => {
                        let _ = ended.changed().await;
                    }
                }
            }
            let answered = ended.wait_for(|(fetch, _)| *fetch > before).await;
            answered.is_ok_and(|newest| newest.1)
        };
        timeout(PATIENCE, fetched).await.unwrap_or(false)
    }

    /// In a task of its own: it ends even if whoever waits for it has gone.
    fn begin(self: &Arc<Self>, ring: &mut KeyRing) {
        let fetch = ring.started(self.now());
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let fetching = Arc::clone(&this);
            // And another one: a panic in it must not leave a fetch under way for ever.
            let outcome = tokio::spawn(async move { fetching.source.fetch().await }).await;
            let outcome = outcome.unwrap_or_else(|_| Err("the fetch broke off".to_owned()));
            let is_good = outcome.is_ok();
            {
                let mut ring = this.ring();
                match outcome {
                    Ok(keys) => {
                        if ring.keys() != Some(&keys) {
                            tracing::info!(keys = keys.len(), "keys for impersonation are new");
                        }
                        ring.fetched(this.now(), keys);
                    }
                    Err(reason) => {
                        tracing::warn!(
                            reason,
                            "keys for impersonation were not fetched: the last good ones stay for a while"
                        );
                        ring.failed();
                    }
                }
            }
            this.ended.send_replace((fetch, is_good));
        });
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn ring(&self) -> MutexGuard<'_, KeyRing> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pools(certificate_authority: Option<&Path>) -> Result<Pools, TlsError> {
    Ok(Wire::direct(tls::client_config(certificate_authority)?).pools())
}

impl Source {
    async fn fetch(&self) -> Result<KeySet, String> {
        match self {
            Self::File(file) => read(file),
            Self::Url { uri, pools, .. } => {
                let pools = pools.load_full();
                let fetched = timeout(FETCH_TIMEOUT, fetch(&pools, uri)).await;
                let bytes = fetched.unwrap_or_else(|_| Err("no answer in time".to_owned()))?;
                parse(&bytes)
            }
        }
    }
}

/// https alone, which the connector sees to; no redirect is followed, since there is nobody who would.
async fn fetch(pools: &Pools, uri: &Uri) -> Result<Bytes, String> {
    let request = Request::get(uri.clone()).body(Full::default()).map_err(|e| e.to_string())?;
    let answer = pools.shared.request(request).await.map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        cause.unwrap_or_else(|| error.to_string())
    })?;
    if answer.status() != StatusCode::OK {
        return Err(format!("the answer's status is {}", answer.status().as_u16()));
    }
    let body = Limited::new(answer.into_body(), MAX_BYTES).collect().await;
    Ok(body.map_err(|_| "the answer broke off or is too large".to_owned())?.to_bytes())
}

fn read(file: &Path) -> Result<KeySet, String> {
    let place = || obolus_core::config::place(file, |path: &Path| path.symlink_metadata().is_ok());
    let bytes = bounded_file::read(file, MAX_BYTES as u64)
        .map_err(|error| format!("{}: cannot be read: {error}", place()))?;
    parse(&bytes).map_err(|reason| format!("{}: {reason}", place()))
}

fn parse(bytes: &[u8]) -> Result<KeySet, String> {
    KeySet::parse(bytes).map_err(|error| error.to_string())
}

/// Says what is wrong with a file of keys.
///
/// # Errors
/// When no token can be verified with it.
pub(crate) fn check_key_file(file: &Path) -> Result<(), String> {
    if read(file)?.is_empty() {
        return Err("holds no public key that can be used, each with its kid (RFC 7517)".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
