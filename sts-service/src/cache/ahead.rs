//! When a token that is in use is asked for anew, so that nobody has to wait for its successor: in the last quarter of
//! its time, by one at a time. A provider that is away for less than that quarter is missed by nobody.

use std::sync::atomic::{AtomicU64, Ordering};

use obolus_core::UnixSeconds;

/// Tokens that are kept for less are not worth it.
const LEAST_KEEP: u64 = 8;
/// Between two attempts for one token, in seconds. Who keeps the old token is to come back after that for the new one.
pub(super) const AGAIN: u64 = 10;

/// See the module. In Unix seconds.
#[derive(Debug)]
pub(super) struct Ahead {
    from: UnixSeconds,
    until: UnixSeconds,
    next: AtomicU64,
}

impl Ahead {
    /// For a token that is kept for so many seconds. None where another exchange would bring nothing better: it lives no
    /// longer than the token that is exchanged, which ends at `subject_ends`.
    pub(super) fn plan(now: UnixSeconds, keep: u64, subject_ends: UnixSeconds) -> Option<Self> {
        let until = now.saturating_add(keep);
        if keep < LEAST_KEEP || subject_ends <= until.saturating_add(LEAST_KEEP) {
            return None;
        }
        let from = until - keep / 4;
        Some(Self { from, until, next: AtomicU64::new(from) })
    }

    /// Whether whoever asks this is the one to begin: one every so often.
    pub(super) fn claim(&self, now: UnixSeconds) -> bool {
        let next = self.next.load(Ordering::Relaxed);
        now >= next
            && self
                .next
                .compare_exchange(
                    next,
                    now.saturating_add(AGAIN),
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                )
                .is_ok()
    }

    /// Until when whoever keeps a copy of the token should ask again: when the new one is to be had.
    pub(super) fn come_back(&self, now: UnixSeconds) -> UnixSeconds {
        if now < self.from { self.from } else { now.saturating_add(AGAIN).min(self.until) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000_000;

    #[test]
    fn one_begins_in_the_last_quarter_and_another_ten_seconds_later() {
        let ahead = Ahead::plan(NOW, 300, NOW + 3600).unwrap();
        for second in [0, 100, 224] {
            assert!(!ahead.claim(NOW + second), "{second}");
        }
        assert!(ahead.claim(NOW + 225));
        for second in [225, 226, 234] {
            assert!(!ahead.claim(NOW + second), "{second}");
        }
        assert!(ahead.claim(NOW + 235));
    }

    #[test]
    fn who_keeps_the_token_comes_back_for_the_new_one_and_never_after_the_olds_end() {
        let ahead = Ahead::plan(NOW, 300, NOW + 3600).unwrap();
        for (second, expected) in [(0, 225), (224, 225), (225, 235), (240, 250), (295, 300)] {
            assert_eq!(ahead.come_back(NOW + second), NOW + expected, "{second}");
        }
    }

    #[test]
    fn nobody_asks_for_what_would_end_with_the_same_token() {
        for (keep, subject_ends, expected) in [
            (300, 3600, true),
            (300, 309, true),
            (300, 308, false),
            (295, 300, false),
            (8, 3600, true),
            (7, 3600, false),
            (0, 3600, false),
        ] {
            let ahead = Ahead::plan(NOW, keep, NOW + subject_ends);
            assert_eq!(ahead.is_some(), expected, "{keep} {subject_ends}");
        }
    }
}
