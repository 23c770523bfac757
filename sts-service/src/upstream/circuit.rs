//! Whether an identity provider is asked at all: not while it does not answer, except by one probe at a time.
//!
//! Silence counts as its own only if it cannot be the doing of one person, or of two: a provider that breaks over some
//! people's tokens answers everybody else's. So nobody's silences count more than twice, and who was the probe in vain
//! is not so again before those who ask, too, and were it longer ago or never. What is left to two people is to be
//! answered slowly themselves: a provider that hangs while nobody else asks is not given up.

use std::time::Duration;

use tokio::time::Instant;

use super::probes::Probes;

/// So many silences in a row, and it is given up for a while.
const THRESHOLD: usize = 5;
/// Of them, one person's. Three people at least are needed.
const EACH: usize = 2;
/// Until the first probe; doubled after each in vain.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Until each probe at most, so that nobody waits long for a provider that is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// See the module. `P` tells persons apart.
#[derive(Debug)]
pub(super) struct Circuit<P> {
    state: State,
    /// That count, and whose they were if they may have been that person's doing.
    silences: Vec<Option<P>>,
    probes: Probes<P>,
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

impl<P: PartialEq + Clone> Circuit<P> {
    pub(super) fn new() -> Self {
        let (silences, probes) = (Vec::new(), Probes::default());
        Self { state: State::Closed, silences, probes, answered: None }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    pub(super) fn is_probing(&self) -> bool {
        matches!(self.state, State::Open { probing: true, .. })
    }

    /// Whether this person may ask now. Who is the probe tells what came of it, or [gives up](Self::gave_up).
    pub(super) fn admit(&mut self, now: Instant, who: &P) -> Admission {
        let State::Open { probe_at, probing, .. } = &mut self.state else {
            return Admission::Free;
        };
        let wait = if *probing {
            FIRST_PAUSE
        } else if now < *probe_at {
            probe_at.duration_since(now)
        } else {
            self.probes.wait(who, *probe_at, now)
        };
        if wait.is_zero() {
            *probing = true;
            return Admission::Probe;
        }
        self.probes.asked(who, now);
        Admission::Refused(wait)
    }

    /// Any attempt was answered, whenever it began.
    pub(super) fn answered(&mut self, now: Instant) {
        (self.state, self.answered) = (State::Closed, Some(now));
        self.silences.clear();
        self.probes.nobody_waits();
    }

    /// An attempt that began then was not answered. It may be the doing of this person, if one is named.
    pub(super) fn silent(&mut self, begun: Instant, now: Instant, whose: Option<P>, probe: bool) {
        let counted = |silences: &[Option<P>]| silences.iter().filter(|one| **one == whose).count();
        match &mut self.state {
            State::Open { pause, probe_at, probing } if probe => {
                *pause = (*pause * 2).min(LONGEST_PAUSE);
                (*probe_at, *probing) = (now + *pause, false);
                if let Some(whose) = whose {
                    self.probes.in_vain(whose);
                }
            }
            // Of those that were under way when it was given up.
            State::Open { .. } => {}
            // Somebody has got an answer since: nothing new.
            State::Closed if self.answered.is_some_and(|answered| begun <= answered) => {}
            // One of a person's that has proved as much as that person can.
            State::Closed if whose.is_some() && counted(&self.silences) >= EACH => {}
            State::Closed => {
                self.silences.push(whose);
                if self.silences.len() >= THRESHOLD {
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
            self.admit_as("anybody", millis)
        }

        fn admit_as(&mut self, who: &'static str, millis: u64) -> Admission {
            self.circuit.admit(self.at(millis), &who)
        }

        /// This person is the probe, and gets no answer.
        fn probes_in_vain(&mut self, who: &'static str, millis: u64) {
            assert_eq!(self.admit_as(who, millis), Admission::Probe, "{who} at {millis}");
            let at = self.at(millis);
            self.circuit.silent(at, at, Some(who), true);
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
    fn neither_one_person_nor_two_open_it_and_three_do() {
        let mut world = World::new();
        for millis in 0..100 {
            world.silent(millis, Some("alice"));
        }
        for millis in 100..200 {
            world.silent(millis, Some(["alice", "bob"][usize::from(millis % 2 == 0)]));
        }
        assert!(world.circuit.is_closed());
        world.silent(200, Some("carol"));
        assert!(!world.circuit.is_closed());
    }

    /// Whoever asks most often would be the probe each time.
    #[test]
    fn who_was_the_probe_in_vain_lets_everybody_go_first_who_asks_too() {
        for poison in [["mallory", "mallory"], ["mallory", "trudy"]] {
            let mut world = World::new().open();
            world.probes_in_vain(poison[0], 1010);
            // From before the probe's time on, without a pause.
            assert!(matches!(world.admit_as("victim", 1020), Admission::Refused(_)));
            if poison[1] != poison[0] {
                assert!(matches!(world.admit_as(poison[1], 3010), Admission::Probe));
                let at = world.at(3010);
                world.circuit.silent(at, at, Some(poison[1]), true);
            }
            for millis in (3010..12_000).step_by(100) {
                for who in poison {
                    let seen = world.admit_as(who, millis);
                    assert!(matches!(seen, Admission::Refused(_)), "{who} {millis}");
                }
            }
            assert_eq!(world.admit_as("victim", 12_000), Admission::Probe);
        }
    }

    #[test]
    fn who_asks_alone_is_the_probe_each_time() {
        let mut world = World::new().open();
        for millis in [1010, 3010, 7010, 12_010, 17_010] {
            assert!(matches!(world.admit_as("alice", millis - 1), Admission::Refused(_)));
            world.probes_in_vain("alice", millis);
        }
    }

    #[test]
    fn who_has_gone_away_is_not_waited_for_without_end() {
        let mut world = World::new().open();
        world.probes_in_vain("alice", 1010);
        assert!(matches!(world.admit_as("bob", 1020), Admission::Refused(_)));
        assert_eq!(world.admit_as("alice", 3010), Admission::Refused(super::super::probes::TURN));
        world.probes_in_vain("alice", 3010 + 10_000);
        // Nor for ever, whenever that was.
        assert!(matches!(world.admit_as("bob", 13_020), Admission::Refused(_)));
        assert_eq!(world.admit_as("alice", 60_000), Admission::Probe);
    }

    #[test]
    fn no_connection_is_nobodys_doing() {
        let mut world = World::new();
        for millis in 0..5 {
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
