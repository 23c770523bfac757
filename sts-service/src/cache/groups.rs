//! Groups that were asked for, remembered as exchanged tokens are: by the same key, for the same time, asked for once
//! however many wait, and refusals for a short time. They are apart so that groups push out no tokens.

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache;
use obolus_core::UnixSeconds;

use super::once::once;
use super::refusals::Refusals;
use super::{ENTRY_BYTES, Key, LEAST_LIFE, Refused, Source, What};
use crate::clock::now;
use crate::config::Limits;
use crate::providers::Failure;

/// Of the bytes that tokens may take, this part may be taken by groups besides.
const SHARE: u64 = 4;
/// What one name of a group takes besides its text.
const NAME_BYTES: usize = size_of::<String>();

#[derive(Clone)]
struct Remembered {
    groups: Arc<[String]>,
    keep: Duration,
    keep_until: UnixSeconds,
}

/// Groups, remembered or new: all of them.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) groups: Arc<[String]>,
    pub(crate) source: Source,
    pub(crate) keep_until: UnixSeconds,
}

/// See the module.
pub(crate) struct GroupsCache {
    held: Cache<What, Remembered>,
    refusals: Refusals,
    max_age: Duration,
}

impl GroupsCache {
    pub(crate) fn new(limits: &Limits) -> Self {
        let bytes = if limits.cached_tokens == 0 { 0 } else { limits.cached_bytes / SHARE };
        let held = Cache::builder()
            .max_capacity(bytes)
            .weigher(|key: &What, remembered: &Remembered| weigh(key, &remembered.groups))
            .expire_after(UntilItsEnd)
            .build();
        let refusals = Refusals::new(limits.refusals_max_age);
        Self { held, refusals, max_age: limits.cache_max_age }
    }

    /// Until when anything may be believed that was learned now by a token that ends then.
    pub(crate) fn keep_until(&self, ends: UnixSeconds) -> UnixSeconds {
        now().saturating_add(self.max_age.as_secs()).min(ends)
    }

    /// The groups for `key`, from memory or by `ask`; of a token that ends at `ends`.
    pub(crate) async fn get_or_ask(
        &self,
        key: Key,
        ends: UnixSeconds,
        ask: impl Future<Output = Result<Vec<String>, Failure>>,
    ) -> Result<Found, Refused> {
        // moka's clock stands still while a machine sleeps.
        let is_old = |held: &Remembered| held.keep_until <= now();
        if self.held.get(&key.what).await.as_ref().is_some_and(is_old) {
            self.held.invalidate(&key.what).await;
        }
        let was_held = self.held.contains_key(&key.what);
        let ask = async {
            let groups = ask.await?.into();
            let keep_until = self.keep_until(ends.saturating_sub(LEAST_LIFE));
            let keep = Duration::from_secs(keep_until.saturating_sub(now()));
            Ok(Remembered { groups, keep, keep_until })
        };
        let (held, asked) = once(&self.held, &self.refusals, &key, ask).await?;
        let source = match (asked, was_held) {
            (true, _) => Source::Miss,
            (false, true) => Source::Hit,
            (false, false) => Source::Join,
        };
        // Whatever our clock did since: nobody believes it for longer than the age limit from now.
        let keep_until = held.keep_until.min(self.keep_until(ends));
        Ok(Found { groups: held.groups, source, keep_until })
    }
}

/// In bytes.
fn weigh(key: &What, groups: &[String]) -> u32 {
    let names: usize = groups.iter().map(|group| group.len() + NAME_BYTES).sum();
    u32::try_from(ENTRY_BYTES + key.bytes() + names).unwrap_or(u32::MAX)
}

struct UntilItsEnd;

impl Expiry<What, Remembered> for UntilItsEnd {
    fn expire_after_create(&self, _: &What, value: &Remembered, _: Instant) -> Option<Duration> {
        Some(value.keep)
    }
}

#[cfg(test)]
mod tests {
    use obolus_core::Reason;

    use super::*;

    #[tokio::test]
    async fn a_clock_that_was_set_back_does_not_make_the_age_limit_longer() {
        let cache = GroupsCache::new(&Limits {
            cached_tokens: 10,
            cached_bytes: 1 << 20,
            cache_max_age: Duration::from_secs(100),
            refusals_max_age: Duration::from_secs(30),
            exchanges_in_flight: 1,
            connections: 1,
            connections_per_peer: 1,
            idp_timeout: Duration::from_secs(1),
        });
        let (key, groups) = (Key::of_token("t"), Arc::<[String]>::from(["admins".to_owned()]));
        let found = async |keep_until: UnixSeconds, ends: UnixSeconds| {
            let keep = Duration::from_secs(100);
            let of_another_time = Remembered { groups: Arc::clone(&groups), keep, keep_until };
            cache.held.insert(key.what.clone(), of_another_time).await;
            let nobody = async { Err(Reason::Internal.into()) };
            let found = cache.get_or_ask(key.clone(), ends, nobody).await.unwrap();
            assert_eq!((found.source, &found.groups), (Source::Hit, &groups));
            found.keep_until
        };
        let (soon, later) = (now() + 40, now() + 3600);
        assert_eq!(found(soon, later).await, soon);
        let before = now();
        let limited = found(later, later).await;
        assert!((before + 100..=now() + 100).contains(&limited), "{limited} at {before}");
        // Nor for longer than the token, by which it was asked for.
        assert_eq!(found(later, soon).await, soon);
        // The control: what is over by our clock is asked for.
        let over = Remembered { groups, keep: Duration::from_secs(100), keep_until: now() };
        cache.held.insert(key.what.clone(), over).await;
        let asked = cache.get_or_ask(key.clone(), later, async { Ok(Vec::new()) }).await.unwrap();
        assert_eq!((asked.source, asked.groups.len()), (Source::Miss, 0));
    }
}
