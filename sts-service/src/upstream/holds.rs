//! Who was told to come later (`Retry-After`), and until when: throttling is by application, so one client's exchanges
//! for one target wait together.

use std::collections::HashMap;
use std::time::Duration;

use obolus_core::RetrySeconds;
use tokio::time::Instant;

/// By client id and target; both come from the configuration, and so there are few.
#[derive(Debug, Default)]
pub(super) struct Holds(HashMap<(String, String), Instant>);

impl Holds {
    /// Nobody asks before then. A later time that was named before stays. Returns whether one begins with this.
    pub(super) fn hold(
        &mut self,
        client: &str,
        target: &str,
        after: RetrySeconds,
        now: Instant,
    ) -> bool {
        let until = now + Duration::from_secs(after.get().into());
        let is_new = self.remaining(client, target, now).is_none();
        let held = self.0.entry((client.to_owned(), target.to_owned())).or_insert(until);
        *held = until.max(*held);
        is_new
    }

    /// What remains, if anything does.
    pub(super) fn remaining(
        &mut self,
        client: &str,
        target: &str,
        now: Instant,
    ) -> Option<RetrySeconds> {
        if self.0.is_empty() {
            return None;
        }
        let key = (client.to_owned(), target.to_owned());
        let remaining = self.0.get(&key)?.saturating_duration_since(now);
        if remaining.is_zero() {
            self.0.remove(&key);
            return None;
        }
        Some(RetrySeconds::remaining(remaining))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_told_to_wait_waits_to_the_second_and_nobody_else_does() {
        let (mut holds, begin) = (Holds::default(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        holds.hold("client", "kubernetes", RetrySeconds::new(60), begin);
        let remaining = |holds: &mut Holds, client, target, now| {
            holds.remaining(client, target, now).map(RetrySeconds::get)
        };
        for (now, expected) in
            [(0, Some(60)), (30, Some(30)), (59, Some(1)), (60, None), (61, None)]
        {
            assert_eq!(remaining(&mut holds, "client", "kubernetes", at(now)), expected, "{now}");
        }
        holds.hold("client", "kubernetes", RetrySeconds::new(60), at(100));
        for (client, target) in [("other", "kubernetes"), ("client", "other")] {
            assert_eq!(remaining(&mut holds, client, target, at(101)), None, "{client} {target}");
        }
    }

    #[test]
    fn a_shorter_time_does_not_end_a_longer_one() {
        let (mut holds, begin) = (Holds::default(), Instant::now());
        assert!(holds.hold("client", "kubernetes", RetrySeconds::new(60), begin));
        assert!(!holds.hold("client", "kubernetes", RetrySeconds::new(1), begin));
        let remaining = holds.remaining("client", "kubernetes", begin + Duration::from_secs(2));
        assert_eq!(remaining.map(RetrySeconds::get), Some(58));
        let after = begin + Duration::from_secs(60);
        assert!(holds.hold("client", "kubernetes", RetrySeconds::new(1), after), "the next one");
    }
}
