//! Exchanged tokens, remembered: bounded in number and age, and asked for once however many wait for the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache;
use obolus_core::exchange::ExchangedToken;
use obolus_core::token::Identity;
use obolus_core::{Reason, UnixSeconds};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::clock::now;
use crate::config::Limits;
use crate::credentials::Generation;
use crate::providers::Failure;

/// A token this close to its end may run out on its way: another one is asked for.
const LEAST_LIFE: u64 = 5;

/// All that an exchange depends on. Two requests with one key get one token.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    issuer: String,
    subject_token: [u8; 32],
    target: String,
    scope: String,
    credential: Generation,
}

impl Key {
    pub(crate) fn new(
        issuer: &str,
        subject_token: &SecretString,
        target: &str,
        scope: &str,
        credential: Generation,
    ) -> Self {
        Self {
            issuer: issuer.to_owned(),
            subject_token: Sha256::digest(subject_token.expose_secret()).into(),
            target: target.to_owned(),
            scope: scope.to_owned(),
            credential,
        }
    }
}

/// Where a token came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// It was remembered.
    Hit,
    /// It was asked for.
    Miss,
    /// Somebody else was asking for it.
    Join,
}

impl Source {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Join => "join",
        }
    }
}

#[derive(Clone)]
struct Remembered {
    token: Arc<ExchangedToken>,
    keep: Duration,
}

/// See the module. Failures are not remembered.
pub(crate) struct ExchangeCache {
    tokens: Cache<Key, Remembered>,
    max_age: Duration,
}

impl ExchangeCache {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            tokens: Cache::builder()
                .max_capacity(limits.cached_tokens)
                .expire_after(UntilItsEnd)
                .build(),
            max_age: limits.cache_max_age,
        }
    }

    /// The token for `key`, from memory or by `exchange`. It is `identity`'s and alive, or it is refused.
    ///
    /// A request that goes away must not take the exchange along for those that wait for it: the caller sees to
    /// that by running this in a task of its own.
    pub(crate) async fn get_or_exchange(
        &self,
        key: Key,
        identity: &Identity,
        exchange: impl Future<Output = Result<ExchangedToken, Failure>>,
    ) -> Result<(Arc<ExchangedToken>, Source), Arc<Failure>> {
        let (remembered, source) = match self.tokens.get(&key).await {
            Some(remembered) if is_alive(&remembered.token, now(), LEAST_LIFE) => {
                (remembered, Source::Hit)
            }
            // moka's clock stands still while a machine sleeps; a token's end does not.
            Some(_) => {
                self.tokens.invalidate(&key).await;
                self.ask(key, exchange).await?
            }
            None => self.ask(key, exchange).await?,
        };
        let token = remembered.token;
        if token.identity() != identity {
            return Err(Arc::new(Failure::from(Reason::ExchangedIdentityMismatch)));
        }
        if !is_alive(&token, now(), 0) {
            return Err(Arc::new(Failure::from(Reason::ExchangedExpired)));
        }
        Ok((token, source))
    }

    async fn ask(
        &self,
        key: Key,
        exchange: impl Future<Output = Result<ExchangedToken, Failure>>,
    ) -> Result<(Remembered, Source), Arc<Failure>> {
        let asked = AtomicBool::new(false);
        let init = async {
            asked.store(true, Ordering::Relaxed);
            let token = Arc::new(exchange.await?);
            let life = token.expires_at().saturating_sub(now().saturating_add(LEAST_LIFE));
            Ok(Remembered { token, keep: self.max_age.min(Duration::from_secs(life)) })
        };
        let remembered = self.tokens.try_get_with(key, init).await?;
        let source = if asked.load(Ordering::Relaxed) { Source::Miss } else { Source::Join };
        Ok((remembered, source))
    }
}

fn is_alive(token: &ExchangedToken, now: UnixSeconds, for_seconds: u64) -> bool {
    token.expires_at() > now.saturating_add(for_seconds)
}

struct UntilItsEnd;

impl Expiry<Key, Remembered> for UntilItsEnd {
    fn expire_after_create(&self, _: &Key, value: &Remembered, _: Instant) -> Option<Duration> {
        Some(value.keep)
    }
}
