//! Whose turn it is to find out whether an identity provider answers again.
//!
//! A probe that fails may be the doing of whoever it is, and who asks in a loop is always the first to come. So whoever
//! was the probe in vain waits a while for those that ask, too, and were it longer ago or never.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// How long others have to come back, after the time of a probe. They are told to be back by then.
pub(super) const TURN: Duration = Duration::from_secs(10);
/// Who has not asked for so long has gone away.
const GONE: Duration = Duration::from_secs(30);
/// More people are not told apart; the others count as new.
const MOST: usize = 64;

/// See the module.
#[derive(Debug)]
pub(super) struct Probes<P> {
    /// Who was the probe in vain, the last one last.
    in_vain: VecDeque<P>,
    /// Who was told to come later, and when last.
    waiting: VecDeque<(P, Instant)>,
}

impl<P> Default for Probes<P> {
    fn default() -> Self {
        Self { in_vain: VecDeque::new(), waiting: VecDeque::new() }
    }
}

impl<P: PartialEq + Clone> Probes<P> {
    /// For how long this one leaves the probe, which might begin at `since`, to others.
    pub(super) fn wait(&self, who: &P, since: Instant, now: Instant) -> Duration {
        let Some(own) = self.rank(who) else { return Duration::ZERO };
        let goes_first = |(other, asked): &(P, Instant)| {
            now.saturating_duration_since(*asked) < GONE
                && self.rank(other).is_none_or(|rank| rank < own)
        };
        if self.waiting.iter().any(goes_first) {
            (since + TURN).saturating_duration_since(now)
        } else {
            Duration::ZERO
        }
    }

    /// The later, the higher; none for who never was.
    fn rank(&self, who: &P) -> Option<usize> {
        self.in_vain.iter().position(|other| other == who)
    }

    /// This one was told to come later.
    pub(super) fn asked(&mut self, who: &P, now: Instant) {
        self.waiting.retain(|(other, _)| other != who);
        push(&mut self.waiting, (who.clone(), now));
    }

    pub(super) fn nobody_waits(&mut self) {
        self.waiting.clear();
    }

    /// This one was the probe, and got no answer.
    pub(super) fn in_vain(&mut self, who: P) {
        self.in_vain.retain(|other| *other != who);
        push(&mut self.in_vain, who);
    }
}

fn push<T>(queue: &mut VecDeque<T>, item: T) {
    if queue.len() >= MOST {
        queue.pop_front();
    }
    queue.push_back(item);
}
