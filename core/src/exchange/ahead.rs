//! When a token that is in use is asked for anew, before it ends.

use std::cell::Cell;

use crate::UnixSeconds;

/// Says once, in the last fifth of a token's time, that it is time for the next one.
///
/// Once only: whoever would not answer is not asked by every request again.
#[derive(Debug)]
pub struct Ahead {
    from: UnixSeconds,
    said: Cell<bool>,
}

impl Ahead {
    /// For a token that came now. One of less than five seconds has no last fifth.
    #[must_use]
    pub fn of(now: UnixSeconds, expires_at: UnixSeconds) -> Self {
        let fifth = expires_at.saturating_sub(now) / 5;
        Self { from: expires_at.saturating_sub(fifth), said: Cell::new(fifth == 0) }
    }

    /// Whether the next one is to be asked for.
    #[must_use]
    pub fn is_time(&self, now: UnixSeconds) -> bool {
        now >= self.from && !self.said.replace(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_fifth_is_told_once() {
        let ahead = Ahead::of(1000, 1300);
        assert!(!ahead.is_time(1000) && !ahead.is_time(1239));
        assert!(ahead.is_time(1240));
        assert!(!ahead.is_time(1241) && !ahead.is_time(1300));
        for (expires_at, time) in [(1005, 1004), (1009, 1008), (1010, 1008)] {
            let ahead = Ahead::of(1000, expires_at);
            assert!(!ahead.is_time(time - 1) && ahead.is_time(time), "{expires_at}");
        }
        for expires_at in [900, 1000, 1004] {
            assert!(!Ahead::of(1000, expires_at).is_time(1004), "{expires_at}");
        }
    }
}
