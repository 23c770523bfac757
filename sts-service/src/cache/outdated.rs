//! Tokens that were got with a secret or a key of ours that has been replaced since.
//!
//! They are served on to the end of their time, while the next one is asked for: a rotation that made everybody cold at once
//! would be an outage for all but the first few hundred, and a wrong secret one for everybody. That takes nothing from
//! anybody's safety. A credential says who asks, and the same client still does. Such a token has been issued to it for a
//! person whose own token is verified at each request, by whoever's keys those are now; its issuer ends it no sooner for our
//! rotation, and whoever keeps a copy of it has it anyway. Where a credential was stolen, what the thief got with it is not
//! here. What takes a right away does not come through here at all: a caller, a grant, a target, a client id or an audience that
//! is gone or another is missed before memory is asked, or is another [`What`](super::key::What).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use obolus_core::UnixSeconds;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::ahead::AGAIN;

/// So many at a time, lest people who wait for their first token find no place.
const AT_ONCE: usize = 8;

/// Leave to ask for the next token, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn(#[expect(dead_code, reason = "it is held")] Option<OwnedSemaphorePermit>);

impl Turn {
    /// Of the ordinary course of things.
    pub(super) fn free() -> Self {
        Self(None)
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Outdated {
    turns: Arc<Semaphore>,
    /// In Unix seconds: none before then.
    from: AtomicU64,
}

impl Default for Outdated {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_ONCE)), from: AtomicU64::new(0) }
    }
}

impl Outdated {
    /// Whether whoever has this token is to ask for the next. `next` is the token's own.
    pub(super) fn claim(&self, next: &AtomicU64, now: UnixSeconds) -> Option<Turn> {
        let own = next.load(Ordering::Relaxed);
        if now < own || now < self.from.load(Ordering::Relaxed) {
            return None;
        }
        let turn = Arc::clone(&self.turns).try_acquire_owned().ok()?;
        let (old, new) = (Ordering::Relaxed, Ordering::Relaxed);
        let is_ours = next.compare_exchange(own, now.saturating_add(AGAIN), old, new).is_ok();
        is_ours.then_some(Turn(Some(turn)))
    }

    /// One came to nothing: with a wrong secret all would.
    pub(super) fn failed(&self, now: UnixSeconds) {
        self.from.store(now.saturating_add(AGAIN), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000_000;

    #[test]
    fn each_token_is_asked_for_by_one_at_a_time_and_few_at_once() {
        let (outdated, token) = (Outdated::default(), AtomicU64::new(0));
        let first = outdated.claim(&token, NOW);
        assert!(first.is_some() && outdated.claim(&token, NOW + 9).is_none());
        assert!(outdated.claim(&token, NOW + 10).is_some());
        let all: Vec<_> = (0..20).filter_map(|_| outdated.claim(&AtomicU64::new(0), NOW)).collect();
        assert_eq!(all.len(), AT_ONCE - 1);
        drop(all);
        assert!(outdated.claim(&AtomicU64::new(0), NOW).is_some());
    }

    #[test]
    fn one_in_vain_is_a_pause_for_all() {
        let outdated = Outdated::default();
        outdated.failed(NOW);
        for (second, expected) in [(0, false), (9, false), (10, true)] {
            let claimed = outdated.claim(&AtomicU64::new(0), NOW + second).is_some();
            assert_eq!(claimed, expected, "{second}");
        }
    }
}
