//! Who was told to come later (`Retry-After`), and until when: throttling is by application and by what it asks for, so
//! one client's exchanges of one kind wait together.
//!
//! Who throttles us without a word of how long is left alone for a time that doubles while that goes on.

use std::collections::HashMap;
use std::time::Duration;

use obolus_core::RetrySeconds;
use tokio::time::Instant;

/// In seconds, where nobody says how long.
const FIRST: u64 = 5;
/// Also in seconds: each doubling ends here.
const LONGEST: u64 = 60;

/// What waits together. All of it comes from the configuration, and so there are few. Scopes are not in it: a caller
/// chooses among them, and would ask for another selection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind<'a> {
    /// Our client id.
    pub(crate) client: &'a str,
    /// The target's name.
    pub(crate) target: &'a str,
    /// Whom the token is to be for: the target, or Graph for the target's sake.
    pub(crate) audience: &'a str,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Holds(HashMap<[String; 3], Hold>);

#[derive(Debug, Clone, Copy)]
struct Hold {
    until: Instant,
    /// The last time that we chose, in seconds, and when: it doubles until we are not throttled.
    chosen: Option<(u64, Instant)>,
}

impl Holds {
    /// Nobody asks before then. A later time that was named before stays.
    pub(super) fn hold(&mut self, kind: Kind<'_>, after: RetrySeconds, now: Instant) {
        let until = now + Duration::from_secs(after.get().into());
        let held = self.0.entry(key(kind)).or_insert(Hold { until, chosen: None });
        held.until = until.max(held.until);
    }

    /// The same without a time, for an attempt that began then. Many that were under way together are one reason to wait.
    pub(super) fn hold_for_some_time(
        &mut self,
        kind: Kind<'_>,
        begun: Instant,
        now: Instant,
    ) -> RetrySeconds {
        let held = self.0.entry(key(kind)).or_insert(Hold { until: now, chosen: None });
        let seconds = match held.chosen {
            Some((seconds, since)) if begun <= since => seconds,
            Some((seconds, _)) => (seconds * 2).min(LONGEST),
            None => FIRST,
        };
        if held.chosen.is_none_or(|(_, since)| begun > since) {
            held.chosen = Some((seconds, now));
            held.until = held.until.max(now + Duration::from_secs(seconds));
        }
        RetrySeconds::remaining(held.until.saturating_duration_since(now))
    }

    /// One was taken: the next time that we choose is the first again.
    pub(super) fn relieve(&mut self, kind: Kind<'_>) {
        if !self.0.is_empty()
            && let Some(held) = self.0.get_mut(&key(kind))
        {
            held.chosen = None;
        }
    }

    /// What remains, if anything does.
    pub(super) fn remaining(&mut self, kind: Kind<'_>, now: Instant) -> Option<RetrySeconds> {
        if self.0.is_empty() {
            return None;
        }
        let key = key(kind);
        let held = self.0.get(&key)?;
        let remaining = held.until.saturating_duration_since(now);
        if !remaining.is_zero() {
            return Some(RetrySeconds::remaining(remaining));
        }
        if held.chosen.is_none() {
            self.0.remove(&key);
        }
        None
    }
}

fn key(kind: Kind<'_>) -> [String; 3] {
    [kind.client, kind.target, kind.audience].map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Kind<'_> = Kind { client: "client", target: "kubernetes", audience: "kubernetes" };

    fn remaining(holds: &mut Holds, kind: Kind<'_>, now: Instant) -> Option<u32> {
        holds.remaining(kind, now).map(RetrySeconds::get)
    }

    #[test]
    fn who_was_told_to_wait_waits_to_the_second_and_nobody_else_does() {
        let (mut holds, begin) = (Holds::default(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        holds.hold(OWN, RetrySeconds::new(60), begin);
        for (now, expected) in
            [(0, Some(60)), (30, Some(30)), (59, Some(1)), (60, None), (61, None)]
        {
            assert_eq!(remaining(&mut holds, OWN, at(now)), expected, "{now}");
        }
        holds.hold(OWN, RetrySeconds::new(60), at(100));
        for other in [
            Kind { client: "other", ..OWN },
            Kind { target: "other", ..OWN },
            // Of the same target, tokens for Graph.
            Kind { audience: "graph", ..OWN },
        ] {
            assert_eq!(remaining(&mut holds, other, at(101)), None, "{other:?}");
        }
        assert_eq!(remaining(&mut holds, OWN, at(101)), Some(59));
    }

    #[test]
    fn a_shorter_time_does_not_end_a_longer_one() {
        let (mut holds, begin) = (Holds::default(), Instant::now());
        holds.hold(OWN, RetrySeconds::new(60), begin);
        holds.hold(OWN, RetrySeconds::new(1), begin);
        assert_eq!(remaining(&mut holds, OWN, begin + Duration::from_secs(2)), Some(58));
    }

    #[test]
    fn who_is_throttled_without_a_time_waits_ever_longer_up_to_a_minute_until_one_is_taken() {
        let (mut holds, mut now) = (Holds::default(), Instant::now());
        for expected in [5, 10, 20, 40, 60, 60] {
            let begun = now;
            // Many at once count as one, whenever they are answered.
            for _ in 0..3 {
                let told = holds.hold_for_some_time(OWN, begun, now).get();
                assert_eq!(told, expected);
            }
            assert_eq!(remaining(&mut holds, OWN, now), Some(expected));
            now += Duration::from_secs(expected.into());
            assert_eq!(remaining(&mut holds, OWN, now), None);
            now += Duration::from_millis(1);
        }
        holds.relieve(OWN);
        assert_eq!(holds.hold_for_some_time(OWN, now, now).get(), 5);
    }
}
