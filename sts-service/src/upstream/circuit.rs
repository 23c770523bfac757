//! Whether an identity provider is asked at all: not while it does not answer, except by one probe at a time.
//!
//! Silence counts as its own only if it cannot be one person's doing: a provider that breaks over one person's token
//! answers everybody else's.

use std::time::Duration;

use tokio::time::Instant;

/// So many silences in a row, and it is given up for a while.
const THRESHOLD: u32 = 5;
/// Until the first probe; doubled after each in vain.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Until each probe at most, so that nobody waits long for a provider that is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// See the module. `P` tells persons apart.
#[derive(Debug)]
pub(super) struct Circuit<P> {
    state: State,
    silences: u32,
    /// Whose silence was counted last, if it may have been that person's doing.
    last: Option<P>,
    answered: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open { pause: Duration, probe_at: Instant, probing: bool },
}

/// Whether one may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// As everybody.
    Free,
    /// As the one that finds out.
    Probe,
    /// Not before so long.
    Refused(Duration),
}

impl<P: PartialEq> Circuit<P> {
    pub(super) fn new() -> Self {
        Self { state: State::Closed, silences: 0, last: None, answered: None }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    pub(super) fn is_probing(&self) -> bool {
        matches!(self.state, State::Open { probing: true, .. })
    }

    /// Whether to ask now. Who is the probe tells what came of it, or [gives up](Self::gave_up).
    pub(super) fn admit(&mut self, now: Instant) -> Admission {
        match &mut self.state {
            State::Closed => Admission::Free,
            State::Open { probing: true, .. } => Admission::Refused(FIRST_PAUSE),
            State::Open { probe_at, .. } if now < *probe_at => {
                Admission::Refused(probe_at.duration_since(now))
            }
            State::Open { probing, .. } => {
                *probing = true;
                Admission::Probe
            }
        }
    }

    /// Any attempt was answered, whenever it began.
    pub(super) fn answered(&mut self, now: Instant) {
        *self = Self { answered: Some(now), ..Self::new() };
    }

    /// An attempt that began then was not answered. It may be the doing of this person, if one is named.
    pub(super) fn silent(&mut self, begun: Instant, now: Instant, whose: Option<P>, probe: bool) {
        match &mut self.state {
            State::Open { pause, probe_at, probing } if probe => {
                *pause = (*pause * 2).min(LONGEST_PAUSE);
                (*probe_at, *probing) = (now + *pause, false);
            }
            // Of those that were under way when it was given up.
            State::Open { .. } => {}
            // Somebody has got an answer since: nothing new.
            State::Closed if self.answered.is_some_and(|answered| begun <= answered) => {}
            // The same person's again, which proves no more than the one before.
            State::Closed if whose.is_some() && whose == self.last => {}
            State::Closed => {
                self.silences += 1;
                self.last = whose;
                if self.silences >= THRESHOLD {
                    let (pause, probe_at) = (FIRST_PAUSE, now + FIRST_PAUSE);
                    self.state = State::Open { pause, probe_at, probing: false };
                }
            }
        }
    }

    /// The probe has ended without asking: the next one may.
    pub(super) fn gave_up(&mut self) {
        if let State::Open { probing, .. } = &mut self.state {
            *probing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct World {
        begin: Instant,
        circuit: Circuit<&'static str>,
    }

    impl World {
        fn new() -> Self {
            Self { begin: Instant::now(), circuit: Circuit::new() }
        }

        fn at(&self, millis: u64) -> Instant {
            self.begin + Duration::from_millis(millis)
        }

        /// An attempt that was not answered, 10 ms later.
        fn silent(&mut self, millis: u64, whose: Option<&'static str>) {
            let (begun, now) = (self.at(millis), self.at(millis + 10));
            self.circuit.silent(begun, now, whose, false);
        }

        fn open(mut self) -> Self {
            for _ in 0..THRESHOLD {
                self.silent(0, None);
            }
            assert!(!self.circuit.is_closed());
            self
        }

        fn admit(&mut self, millis: u64) -> Admission {
            self.circuit.admit(self.at(millis))
        }

        fn probe_in_vain(&mut self, millis: u64) {
            assert_eq!(self.admit(millis), Admission::Probe);
            let at = self.at(millis);
            self.circuit.silent(at, at, None, true);
        }
    }

    #[test]
    fn five_silences_in_a_row_open_it_and_one_answer_between_starts_anew() {
        let mut world = World::new();
        for millis in 0..4 {
            world.silent(millis * 100, None);
        }
        let between = world.at(400);
        world.circuit.answered(between);
        for millis in 5..9 {
            world.silent(millis * 100, None);
            assert_eq!(world.admit(millis * 100 + 20), Admission::Free);
        }
        world.silent(900, None);
        assert_eq!(world.admit(910), Admission::Refused(FIRST_PAUSE));
    }

    #[test]
    fn one_person_alone_opens_it_for_nobody() {
        let mut world = World::new();
        for millis in 0..100 {
            world.silent(millis, Some("alice"));
        }
        world.silent(100, Some("bob"));
        assert!(world.circuit.is_closed());
        // Two by turns may be one provider that is away.
        for (millis, whose) in [(110, "alice"), (120, "bob"), (130, "alice")] {
            assert!(world.circuit.is_closed());
            world.silent(millis, Some(whose));
        }
        assert!(!world.circuit.is_closed());
    }

    #[test]
    fn no_connection_is_nobodys_doing() {
        let mut world = World::new();
        for millis in 0..u64::from(THRESHOLD) {
            assert!(world.circuit.is_closed());
            world.silent(millis, None);
        }
        assert!(!world.circuit.is_closed());
    }

    #[test]
    fn one_probe_at_a_time_is_sent_ever_more_seldom_up_to_every_five_seconds() {
        let mut world = World::new().open();
        assert!(matches!(world.admit(500), Admission::Refused(_)));
        let mut at = 1010;
        for pause in [2000, 4000, 5000, 5000] {
            assert_eq!(world.admit(at - 1), Admission::Refused(Duration::from_millis(1)));
            assert_eq!(world.admit(at), Admission::Probe);
            // The others wait for it.
            assert_eq!(world.admit(at + 1), Admission::Refused(FIRST_PAUSE));
            let now = world.at(at);
            world.circuit.silent(now, now, None, true);
            at += pause;
        }
    }

    #[test]
    fn one_answer_closes_it_whoevers_it_is() {
        let mut world = World::new().open();
        assert_eq!(world.admit(1010), Admission::Probe);
        let now = world.at(1100);
        world.circuit.answered(now);
        assert_eq!(world.admit(1100), Admission::Free);

        // One that was under way all the time.
        let mut world = World::new().open();
        let now = world.at(500);
        world.circuit.answered(now);
        assert_eq!(world.admit(500), Admission::Free);
    }

    #[test]
    fn who_began_before_the_last_answer_says_nothing_new() {
        let mut world = World::new().open();
        let back = world.at(1000);
        world.circuit.answered(back);
        // Hundreds that hung until now.
        for _ in 0..300 {
            world.circuit.silent(world.at(900), world.at(4900), None, false);
        }
        assert!(world.circuit.is_closed());
        for _ in 0..THRESHOLD {
            world.circuit.silent(world.at(1001), world.at(5001), None, false);
        }
        assert!(!world.circuit.is_closed());
    }

    #[test]
    fn a_probe_that_never_asked_leaves_its_place_to_the_next() {
        let mut world = World::new().open();
        world.probe_in_vain(1010);
        assert_eq!(world.admit(3010), Admission::Probe);
        world.circuit.gave_up();
        assert_eq!(world.admit(3011), Admission::Probe);
    }

    #[test]
    fn those_that_were_under_way_do_not_put_off_the_probe() {
        let mut world = World::new().open();
        world.silent(900, None);
        assert_eq!(world.admit(1010), Admission::Probe);
        // Nor do they end it.
        world.silent(1011, None);
        assert!(world.circuit.is_probing());
    }
}
