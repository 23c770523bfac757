//! Exchanged tokens, remembered: bounded in number, bytes and age, and asked for once however many wait for the same;
//! and for a short time, who was refused.

mod ahead;
mod groups;
mod key;
mod once;
mod outdated;
mod refusals;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache;
use moka::ops::compute::Op;
use obolus_core::exchange::ExchangedToken;
use obolus_core::token::{Identity, Principal};
use obolus_core::{Reason, UnixSeconds};
use secrecy::ExposeSecret as _;

use crate::clock::now;
use crate::config::Limits;
use crate::credentials::Generation;
use crate::providers::Failure;
use ahead::{AGAIN, Ahead};
pub(crate) use groups::{Found, GroupsCache};
pub(crate) use key::Key;
use key::What;
use once::once;
use outdated::{Outdated, Turn};
use refusals::Refusals;

/// A token this close to its end may run out on its way: another one is asked for.
const LEAST_LIFE: u64 = 5;
/// What an entry takes besides its texts.
const ENTRY_BYTES: usize = 512;

/// Where a token came from, or a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// It was remembered.
    Hit,
    /// It was asked for.
    Miss,
    /// Somebody else was asking for it.
    Join,
    /// A refusal was remembered.
    Refusal,
}

impl Source {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Join => "join",
            Self::Refusal => "refusal",
        }
    }
}

#[derive(Clone)]
struct Remembered {
    token: Arc<ExchangedToken>,
    keep: Duration,
    /// The exchange's time plus the age limit.
    keep_until: UnixSeconds,
    ahead: Option<Arc<Ahead>>,
    /// What proved us when it was asked for.
    credential: Generation,
    /// When one may be asked for by what proves us now, in Unix seconds.
    next: Arc<AtomicU64>,
}

/// A token, remembered or new.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) token: Arc<ExchangedToken>,
    pub(crate) source: Source,
    /// When it should be asked for anew, alive or not, by whoever keeps it.
    pub(crate) keep_until: UnixSeconds,
    /// Whether whoever got this is to see to a new one, for others to come.
    pub(crate) refresh: Option<Turn>,
}

/// No token.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) failure: Arc<Failure>,
    /// Whether nobody was asked.
    pub(crate) is_remembered: bool,
}

/// See the module. Failures that may pass are not remembered.
pub(crate) struct ExchangeCache {
    tokens: Cache<What, Remembered>,
    outdated: Outdated,
    refusals: Refusals,
    max_age: Duration,
}

impl ExchangeCache {
    pub(crate) fn new(limits: &Limits) -> Self {
        let bytes = if limits.cached_tokens == 0 { 0 } else { limits.cached_bytes };
        // An entry weighs at least its share of all bytes, so that both bounds are one.
        let share = limits.cached_bytes.checked_div(limits.cached_tokens).unwrap_or(0);
        let tokens = Cache::builder()
            .max_capacity(bytes)
            .weigher(move |key, remembered| weigh(share, key, remembered))
            .expire_after(UntilItsEnd)
            .build();
        let refusals = Refusals::new(limits.refusals_max_age);
        Self { tokens, outdated: Outdated::default(), refusals, max_age: limits.cache_max_age }
    }

    /// The token for `key`, from memory or by `exchange`. It is the principal's and alive, or it is refused.
    ///
    /// A request that goes away must not take the exchange along for those that wait for it: the caller sees to
    /// that by running this in a task of its own.
    pub(crate) async fn get_or_exchange(
        &self,
        key: Key,
        principal: &Principal,
        exchange: impl Future<Output = Result<ExchangedToken, Failure>>,
    ) -> Result<Got, Refused> {
        let credential = key.credential;
        let (remembered, source) = match self.tokens.get(&key.what).await {
            Some(remembered) if is_alive(&remembered.token, now(), LEAST_LIFE) => {
                (remembered, Source::Hit)
            }
            // moka's clock stands still while a machine sleeps; a token's end does not.
            Some(_) => {
                self.tokens.invalidate(&key.what).await;
                self.ask(key, principal, exchange).await?
            }
            None => self.ask(key, principal, exchange).await?,
        };
        let Remembered { token, keep_until, ahead, credential: own, next, .. } = remembered;
        let now = now();
        belongs(&token, principal.identity(), now)?;
        let keep_until = ahead.as_ref().map_or(keep_until, |ahead| ahead.come_back(now));
        // Whatever our clock did since: nobody keeps a token for longer than the age limit from now.
        let keep_until = keep_until.min(now.saturating_add(self.max_age.as_secs()));
        let is_outdated = own != credential;
        // Whoever keeps a copy is to come for the next one.
        let keep_until =
            if is_outdated { keep_until.min(now.saturating_add(AGAIN)) } else { keep_until };
        let refresh = match source {
            Source::Hit if is_outdated => self.outdated.claim(&next, now),
            Source::Hit => ahead.filter(|ahead| ahead.claim(now)).map(|_| Turn::free()),
            _ => None,
        };
        Ok(Got { token, source, keep_until, refresh })
    }

    async fn ask(
        &self,
        key: Key,
        principal: &Principal,
        exchange: impl Future<Output = Result<ExchangedToken, Failure>>,
    ) -> Result<(Remembered, Source), Refused> {
        let credential = key.credential;
        let ask = async { Ok(self.remembered(exchange.await?, principal, credential)) };
        let (remembered, asked) = once(&self.tokens, &self.refusals, &key, ask).await?;
        let source = if asked { Source::Miss } else { Source::Join };
        Ok((remembered, source))
    }

    fn remembered(
        &self,
        token: ExchangedToken,
        principal: &Principal,
        credential: Generation,
    ) -> Remembered {
        let now = now();
        let life = token.expires_at().saturating_sub(now.saturating_add(LEAST_LIFE));
        let keep = self.max_age.min(Duration::from_secs(life));
        let keep_until = now.saturating_add(self.max_age.as_secs());
        let ahead = Ahead::plan(now, keep.as_secs(), principal.expires_at()).map(Arc::new);
        let (token, next) = (Arc::new(token), Arc::default());
        Remembered { token, keep, keep_until, ahead, credential, next }
    }

    /// Puts what `exchange` brings in the place of `old`. A refusal of the person ends `old`; whatever else goes wrong
    /// leaves it to its own end. Has something else come in its place in the meantime, then that stays.
    pub(crate) async fn renew(
        &self,
        key: &Key,
        principal: &Principal,
        old: &Arc<ExchangedToken>,
        exchange: impl Future<Output = Result<ExchangedToken, Failure>>,
    ) -> Result<(), Arc<Failure>> {
        let (op, outcome) = match exchange.await {
            Ok(token) => (Op::Put(self.remembered(token, principal, key.credential)), Ok(())),
            Err(failure) if failure.is_of_the_person() => {
                let failure = Arc::new(failure);
                // First: whoever finds no token any more finds the refusal.
                self.refusals.remember(key.clone(), &failure).await;
                (Op::Remove, Err(failure))
            }
            Err(failure) => {
                self.outdated.failed(now());
                (Op::Nop, Err(Arc::new(failure)))
            }
        };
        let entry = self.tokens.entry_by_ref(&key.what);
        entry
            .and_compute_with(async |entry| match entry {
                Some(entry) if Arc::ptr_eq(&entry.value().token, old) => op,
                _ => Op::Nop,
            })
            .await;
        outcome
    }

    /// How many tokens, how many bytes as they are counted, and how many refusals.
    pub(crate) fn sizes(&self) -> (u64, u64, u64) {
        (self.tokens.entry_count(), self.tokens.weighted_size(), self.refusals.count())
    }
}

/// INVARIANT: nobody gets a token of somebody else, whatever a key says.
fn belongs(token: &ExchangedToken, identity: &Identity, now: UnixSeconds) -> Result<(), Refused> {
    let refused =
        |reason: Reason| Refused { failure: Arc::new(Failure::from(reason)), is_remembered: false };
    if token.identity() != identity {
        return Err(refused(Reason::ExchangedIdentityMismatch));
    }
    if !is_alive(token, now, 0) {
        return Err(refused(Reason::ExchangedExpired));
    }
    Ok(())
}

fn is_alive(token: &ExchangedToken, now: UnixSeconds, for_seconds: u64) -> bool {
    token.expires_at() > now.saturating_add(for_seconds)
}

/// In bytes.
fn weigh(share: u64, key: &What, remembered: &Remembered) -> u32 {
    let token = remembered.token.access_token().expose_secret().len();
    let own = u64::try_from(ENTRY_BYTES + key.bytes() + token).unwrap_or(u64::MAX);
    u32::try_from(own.max(share)).unwrap_or(u32::MAX)
}

struct UntilItsEnd;

impl Expiry<What, Remembered> for UntilItsEnd {
    fn expire_after_create(&self, _: &What, value: &Remembered, _: Instant) -> Option<Duration> {
        Some(value.keep)
    }

    fn expire_after_update(
        &self,
        _: &What,
        value: &Remembered,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(value.keep)
    }
}

#[cfg(test)]
mod tests;
