//! Requests that wait for an issuer's keys, or one of its tenants', and the fetches that bring them.

use std::rc::Rc;

use obolus_core::Reason;
use obolus_core::config::Resource;
use obolus_core::token::{CheckedToken, FetchId, KeySet, KeySource, Lookup, Unverified, Wanted};
use secrecy::SecretString;

use super::calls::Call;
use super::{Verified, Waiter, Worker};
use crate::host::Now;

/// How long a request may wait for a key, in milliseconds.
const KEY_WAIT: u64 = 10_000;
/// How many fetches may be under way: of many tenants' keys some at a time, so that a start with all of them, or
/// strangers with tokens of each, leave the STS connections for exchanges.
const MAX_FETCHES: usize = 32;

pub(super) struct KeyWaiter {
    pub(super) waiter: Waiter,
    source: KeySource,
    /// The fetch that was the last one when the request came: what it brings may be older than the request, so
    /// that only a later one says for good that the key does not exist.
    came_after: FetchId,
    deadline: u64,
}

/// What came of trying to verify a token with the keys at hand.
pub(crate) enum Verification {
    /// It is good.
    Verified(Rc<Verified>),
    /// The key is not at hand; the token comes back for another try.
    KeyMissing(Box<CheckedToken>),
    /// It is not good.
    Refused(Reason),
}

impl Worker {
    /// The verified token, if this text was verified for this resource before and has not expired.
    pub(crate) fn recall(&self, resource: &Resource, text: &str, now: Now) -> Option<Rc<Verified>> {
        let mut tokens = self.tokens.try_borrow_mut().ok()?;
        let cache = tokens.get_mut(&resource.name)?;
        let verified = Rc::clone(cache.get(text)?);
        if verified.principal.expires_at() <= now.seconds() {
            cache.remove(text);
            return None;
        }
        self.metrics.token_cache_hit();
        Some(verified)
    }

    /// Verifies a token with the keys at hand, and remembers it.
    pub(crate) fn verify(
        &self,
        resource: &Resource,
        text: &str,
        token: CheckedToken,
    ) -> Verification {
        let Ok(rings) = self.rings.try_borrow() else {
            return Verification::Refused(Reason::Internal);
        };
        let Some(ring) = rings.get(&token.key_source()) else {
            return Verification::Refused(Reason::Internal);
        };
        let Some(keys) = ring.keys() else {
            return Verification::KeyMissing(Box::new(token));
        };
        // Of many requests that waited for one key with one token, the first has verified it for all: they share
        // its exchange, too.
        if let Ok(mut tokens) = self.tokens.try_borrow_mut()
            && let Some(verified) = tokens.get_mut(&resource.name).and_then(|cache| cache.get(text))
        {
            return Verification::Verified(Rc::clone(verified));
        }
        match token.verify(keys, &self.signatures) {
            Ok(principal) => {
                let verified = Rc::new(Verified {
                    asker: resource.access.as_ref().map(|access| Rc::new(access.asker(&principal))),
                    resolved: Default::default(),
                    principal,
                    token: SecretString::from(text),
                    generation: self.generation(),
                    exchanged: Default::default(),
                });
                if let Ok(mut tokens) = self.tokens.try_borrow_mut()
                    && let Some(cache) = tokens.get_mut(&resource.name)
                {
                    cache.put(text, Rc::clone(&verified));
                }
                Verification::Verified(verified)
            }
            Err(Unverified::KeyUnknown(token)) => Verification::KeyMissing(token),
            Err(Unverified::Refused(reason)) => Verification::Refused(reason),
        }
    }

    /// Lets a request wait for a key of `source`.
    pub(crate) fn wait_for_key(
        &self,
        waiter: Waiter,
        source: KeySource,
        now: Now,
    ) -> Result<(), Reason> {
        if !self.has_room(self.waiting_for_keys()) {
            return Err(Reason::Overloaded);
        }
        let came_after = self
            .rings
            .try_borrow()
            .ok()
            .and_then(|rings| rings.get(&source).map(|ring| ring.last_fetch()))
            .ok_or(Reason::Internal)?;
        let waiter =
            KeyWaiter { waiter, source, came_after, deadline: now.millis.saturating_add(KEY_WAIT) };
        self.key_waiters.try_borrow_mut().map_err(|_| Reason::Internal)?.push(waiter);
        self.wake_root().ok_or(Reason::Internal)
    }

    /// Gives up keys that no fetch has confirmed for too long.
    pub(super) fn give_up_stale_keys(&self, now: Now) {
        let given_up = match self.rings.try_borrow_mut() {
            Ok(mut rings) => rings
                .values_mut()
                .filter_map(|ring| ring.give_up_stale(now.millis).then_some(()))
                .count(),
            Err(_) => 0,
        };
        if given_up > 0 {
            self.forget_verified();
        }
    }

    pub(super) fn start_key_fetches(&self, now: Now) {
        for (source, wanted) in self.due_key_fetches(now) {
            let fetch = match self.rings.try_borrow_mut() {
                Ok(mut rings) => rings.get_mut(&source).map(|ring| ring.started(now.millis)),
                Err(_) => None,
            };
            let Some(fetch) = fetch else { continue };
            self.metrics.keys_call();
            if self.dispatch_keys(&source, wanted, fetch).is_none() {
                self.keys_answered(&source, fetch, now, None);
            }
        }
    }

    /// Those first that were not fetched for longest, so that nobody's turn never comes.
    fn due_key_fetches(&self, now: Now) -> Vec<(KeySource, Wanted)> {
        let (Ok(rings), Ok(waiters)) = (self.rings.try_borrow(), self.key_waiters.try_borrow())
        else {
            return Vec::new();
        };
        let mut due = Vec::new();
        for (source, ring) in rings.iter() {
            let anyone = waiters.iter().any(|waiter| waiter.source == *source);
            if let Some(wanted) = ring.wants_fetch(now.millis, anyone) {
                due.push((ring.last_start(), wanted != Wanted::Now, source.clone(), wanted));
            }
        }
        due.sort_by_key(|(last_start, is_routine, ..)| (*last_start, *is_routine));
        let under_way = rings.values().filter(|ring| ring.is_under_way()).count();
        let due = due.into_iter().take(MAX_FETCHES.saturating_sub(under_way));
        due.map(|(.., source, wanted)| (source, wanted)).collect()
    }

    fn dispatch_keys(&self, source: &KeySource, wanted: Wanted, fetch: FetchId) -> Option<()> {
        let path = source.path();
        let mut headers = vec![(":method", "GET"), (":path", path.as_str())];
        if wanted == Wanted::Now {
            headers.push(("cache-control", "no-cache"));
        }
        self.dispatch(headers, None, Call::Keys { source: source.clone(), fetch })
    }

    /// A fetch has ended, with keys or without.
    pub(super) fn keys_answered(
        &self,
        source: &KeySource,
        fetch: FetchId,
        now: Now,
        keys: Option<(KeySet, Lookup)>,
    ) {
        let lookup = keys.as_ref().map_or(Lookup::Failed, |(_, lookup)| *lookup);
        if let Ok(mut rings) = self.rings.try_borrow_mut()
            && let Some(ring) = rings.get_mut(source)
        {
            let lost = match keys {
                Some((keys, _)) => ring.fetched(now.millis, keys),
                None => {
                    ring.failed();
                    false
                }
            };
            if lost {
                self.forget_verified();
            }
        }
        let waiters = self.take_key_waiters(|waiter| waiter.source == *source);
        let (answered, early): (Vec<_>, Vec<_>) =
            waiters.into_iter().partition(|waiter| waiter.came_after < fetch);
        // What came during the fetch may succeed with what it brought, but is not refused by it.
        let early = early.into_iter().map(|waiter| (waiter, None));
        let answered = answered.into_iter().map(|waiter| (waiter, Some(lookup)));
        for (waiter, lookup) in answered.chain(early) {
            self.retry(waiter, lookup);
        }
    }

    /// Tries a waiting request again; if its key is still not there, the look-up decides, and `None` lets it wait on.
    fn retry(&self, waiter: KeyWaiter, lookup: Option<Lookup>) {
        let request = Rc::clone(&waiter.waiter.request);
        let context_id = waiter.waiter.context_id;
        let mut waits_on = false;
        if crate::host::act_on(context_id).is_some()
            && let Ok(mut request) = request.try_borrow_mut()
        {
            waits_on = request.key_may_be_here(lookup);
        }
        crate::host::act_on(self.root_id);
        if waits_on && let Ok(mut waiters) = self.key_waiters.try_borrow_mut() {
            waiters.push(waiter);
        }
    }

    /// Refuses what has waited too long.
    pub(crate) fn expire_key_waiters(&self, now: Now) {
        let expired = self.take_key_waiters(|waiter| waiter.deadline <= now.millis);
        let expired = expired.into_iter().map(|waiter| waiter.waiter).collect();
        self.act_for(expired, |request| request.refuse(&Reason::KeysUnavailable.into()));
    }

    fn take_key_waiters(&self, take: impl Fn(&KeyWaiter) -> bool) -> Vec<KeyWaiter> {
        self.key_waiters
            .try_borrow_mut()
            .map(|mut waiters| waiters.extract_if(.., |waiter| take(waiter)).collect())
            .unwrap_or_default()
    }

    /// A key is gone: every token that it may have verified, and every decision on one, is void.
    fn forget_verified(&self) {
        self.generation.set(self.generation.get().wrapping_add(1));
        if let Ok(mut tokens) = self.tokens.try_borrow_mut() {
            for cache in tokens.values_mut() {
                cache.clear();
            }
        }
    }
}
