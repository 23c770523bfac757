//! When an issuer's keys are fetched, and which of them are believed meanwhile.
//!
//! Nothing here fetches: the shell asks what to do, does it, and tells what came of it.

use super::KeySet;

/// Milliseconds on a clock that may be set, too: one that went back counts as one on which much time has passed.
type Millis = u64;

/// The number of a fetch. Later fetches have greater numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FetchId(u64);

/// Why keys are to be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Their time has come; a cached copy is good enough.
    Routine,
    /// A request waits for a key that we do not have: no cached copy will do.
    Now,
}

/// One issuer's keys in one worker, or those of one tenant ([`KeySource`](super::KeySource)).
///
/// At most one fetch is under way, and at most one a second is started, however many unknown `kid`s arrive:
/// an attacker who invents them costs one request a second, not one each. Keys are kept when a fetch fails, but not for
/// ever: an issuer that cannot be asked cannot say that a key was stolen.
#[derive(Debug)]
pub struct KeyRing {
    keys: Option<KeySet>,
    fetched_at: Millis,
    refresh_after: Millis,
    max_stale: Millis,
    last_fetch: FetchId,
    last_start: Option<Millis>,
    under_way: bool,
}

impl KeyRing {
    /// The shortest time between the starts of two fetches, in milliseconds.
    pub const COOLDOWN: Millis = 1000;

    /// A ring without keys, whose keys are to be fetched again every `refresh_seconds` and believed for
    /// `max_stale_seconds` after they were last fetched.
    #[must_use]
    pub fn new(refresh_seconds: u64, max_stale_seconds: u64) -> Self {
        Self {
            keys: None,
            fetched_at: 0,
            refresh_after: refresh_seconds.saturating_mul(1000),
            max_stale: max_stale_seconds.saturating_mul(1000),
            last_fetch: FetchId(0),
            last_start: None,
            under_way: false,
        }
    }

    /// The keys, if there have ever been any.
    #[must_use]
    pub fn keys(&self) -> Option<&KeySet> {
        self.keys.as_ref()
    }

    /// The fetch that was started last. A request that comes now is answered for good only by a later one.
    #[must_use]
    pub fn last_fetch(&self) -> FetchId {
        self.last_fetch
    }

    /// When a fetch was last started.
    #[must_use]
    pub fn last_start(&self) -> Option<Millis> {
        self.last_start
    }

    /// Whether a fetch is under way.
    #[must_use]
    pub fn is_under_way(&self) -> bool {
        self.under_way
    }

    /// Whether to fetch now, and why; `anyone_waits` says whether requests wait for a key.
    #[must_use]
    pub fn wants_fetch(&self, now: Millis, anyone_waits: bool) -> Option<Wanted> {
        // A clock that was ahead for a moment must not keep a removed key believed until it is there again.
        let age = self.last_start.map(|start| now.checked_sub(start).unwrap_or(Millis::MAX));
        let wanted = match age {
            None if anyone_waits => Some(Wanted::Now),
            None => Some(Wanted::Routine),
            Some(age) if age < Self::COOLDOWN => None,
            Some(_) if anyone_waits => Some(Wanted::Now),
            // Without keys every request waits: try as often as allowed.
            Some(age) => {
                (age >= self.refresh_after || self.keys.is_none()).then_some(Wanted::Routine)
            }
        };
        wanted.filter(|_| !self.under_way)
    }

    /// A fetch is being started.
    pub fn started(&mut self, now: Millis) -> FetchId {
        self.last_fetch = FetchId(self.last_fetch.0 + 1);
        self.last_start = Some(now);
        self.under_way = true;
        self.last_fetch
    }

    /// The fetch under way has failed.
    pub fn failed(&mut self) {
        self.under_way = false;
    }

    /// Gives up keys that have not been confirmed for too long. Returns whether there were any: whatever was verified
    /// with them must be verified anew.
    pub fn give_up_stale(&mut self, now: Millis) -> bool {
        let stale = now.saturating_sub(self.fetched_at) >= self.max_stale;
        stale && self.keys.take().is_some()
    }

    /// The fetch under way has brought these keys. Returns whether a key that was believed is gone: whatever was
    /// verified with it must be verified anew.
    pub fn fetched(&mut self, now: Millis, keys: KeySet) -> bool {
        self.under_way = false;
        self.fetched_at = now;
        let lost = self.keys.as_ref().is_some_and(|older| keys.has_lost_any_of(older));
        self.keys = Some(keys);
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_unknown_keys_costs_one_fetch_a_second() {
        let mut ring = KeyRing::new(60, 3600);
        let mut fetches = 0;
        for now in (0..10_000).step_by(5) {
            if ring.wants_fetch(now, true).is_some() {
                ring.started(now);
                fetches += 1;
                ring.fetched(0, KeySet::default());
            }
        }
        assert_eq!(fetches, 10);
    }

    #[test]
    fn only_one_fetch_is_under_way_and_a_failure_ends_it() {
        let mut ring = KeyRing::new(60, 3600);
        assert_eq!(ring.wants_fetch(0, false), Some(Wanted::Routine));
        let first = ring.started(0);
        assert_eq!(ring.wants_fetch(5000, true), None);
        ring.failed();
        assert_eq!(ring.wants_fetch(5000, true), Some(Wanted::Now));
        assert!(ring.started(5000) > first);
    }

    #[test]
    fn keys_are_refreshed_in_time_and_kept_meanwhile() {
        let mut ring = KeyRing::new(60, 3600);
        ring.started(0);
        assert!(!ring.fetched(0, KeySet::default()));
        assert_eq!(ring.wants_fetch(59_999, false), None);
        assert_eq!(ring.wants_fetch(60_000, false), Some(Wanted::Routine));
        ring.started(60_000);
        ring.failed();
        assert!(ring.keys().is_some());
    }

    #[test]
    fn keys_that_nobody_confirms_are_given_up_in_the_end() {
        let mut ring = KeyRing::new(60, 600);
        ring.started(0);
        ring.fetched(1000, KeySet::default());
        assert!(!ring.give_up_stale(600_999));
        assert!(ring.keys().is_some());
        assert!(ring.give_up_stale(601_000));
        assert!(ring.keys().is_none());
        assert!(!ring.give_up_stale(602_000), "there is nothing left to give up");
    }
}
