//! Whether an address guesses at callers' credentials.
//!
//! It is the length of a credential that keeps guessers out, not this: one as the README makes it has 256 random bits. A
//! right one is therefore always taken, however many wrong ones come from the same address: behind a sidecar or a NAT
//! all gateways have one address, and none of them locks out the others. What this is for: a guesser is told to come
//! back later, is counted apart from a gateway that has an old credential, and cannot make us do or write more than one
//! digest and one comparison for each try. The same wrong credential again is no new guess, and is told each time that it
//! is wrong, since whoever runs that gateway has to see it.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use crate::network::network;

/// So many at once: people try an old credential or two when one is replaced.
const BURST: u32 = 20;
/// And then one more after each of these.
const PAUSE: Duration = Duration::from_secs(1);
/// Addresses that are remembered. With more of them the one that has been quiet for longest is forgotten: credentials are
/// too long to be guessed from any number of addresses.
const MOST: usize = 1024;
/// Wrong credentials of one address that are told apart from new ones: as many gateways as may sit behind it with
/// different old ones.
const KNOWN: usize = 8;

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visitor {
    pub(crate) address: IpAddr,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Guesses(Mutex<HashMap<IpAddr, Wrong>>);

/// What somebody has left to be wrong about, and was wrong about.
struct Wrong {
    left: u32,
    at: Instant,
    known: VecDeque<[u8; 32]>,
}

impl Wrong {
    /// What is left now, and since when it is counted.
    fn at(&self, now: Instant) -> (u32, Instant) {
        let pauses = now.saturating_duration_since(self.at).as_secs() / PAUSE.as_secs();
        let more = u32::try_from(pauses).unwrap_or(BURST).min(BURST);
        ((self.left + more).min(BURST), self.at + PAUSE * more)
    }
}

impl Guesses {
    /// This, from there, was wrong. Returns whether that is to be told: it is not where somebody guesses.
    pub(crate) fn may_be_wrong(&self, visitor: Visitor, sent: &[u8], now: Instant) -> bool {
        let (network, sent) = (network(visitor.address), Sha256::digest(sent).into());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(&network) && all.len() >= MOST {
            let longest = all.iter().min_by_key(|(_, wrong)| wrong.at).map(|(network, _)| *network);
            longest.and_then(|longest| all.remove(&longest));
        }
        let entry = all.entry(network).or_insert_with(|| Wrong {
            left: BURST,
            at: now,
            known: VecDeque::with_capacity(KNOWN),
        });
        if entry.known.contains(&sent) {
            return true;
        }
        let (left, at) = entry.at(now);
        // Who was never out of guesses begins to get new ones only now.
        entry.at = if left == BURST { now } else { at };
        entry.left = left.saturating_sub(1);
        if left == 0 {
            return false;
        }
        if entry.known.len() == KNOWN {
            entry.known.pop_front();
        }
        entry.known.push_back(sent);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visitor(address: &str) -> Visitor {
        Visitor { address: address.parse().unwrap() }
    }

    /// How many of a hundred new guesses are told that they are wrong.
    fn told(guesses: &Guesses, from: Visitor, now: Instant, name: &str) -> usize {
        let new = |number: &i32| format!("{name} {number}");
        (0..100).filter(|number| guesses.may_be_wrong(from, new(number).as_bytes(), now)).count()
    }

    #[test]
    fn who_is_wrong_twenty_times_may_be_wrong_once_a_second() {
        let (guesses, begin) = (Guesses::default(), Instant::now());
        let one = visitor("192.0.2.1");
        let wrong = |seconds: u64| {
            let now = begin + Duration::from_secs(seconds);
            told(&guesses, one, now, &seconds.to_string())
        };
        assert_eq!(wrong(0), 20);
        for second in 1..5 {
            assert_eq!(wrong(second), 1, "{second}");
        }
        assert_eq!(wrong(10), 6);
        assert_eq!(wrong(1000), 20);
    }

    #[test]
    fn the_same_again_is_no_new_guess_and_another_is() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        let one = visitor("192.0.2.1");
        for _ in 0..1000 {
            assert!(guesses.may_be_wrong(one, b"old", now));
        }
        assert_eq!(told(&guesses, one, now, "another"), 19);
        assert_eq!(told(&guesses, one, now, "more"), 0);
        // So many others later, nobody remembers which of them was old.
        assert!(!guesses.may_be_wrong(one, b"old", now));
    }

    #[test]
    fn another_address_has_guesses_of_its_own_and_one_site_has_not() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        assert_eq!(told(&guesses, visitor("192.0.2.1"), now, "a"), 20);
        assert_eq!(told(&guesses, visitor("::ffff:192.0.2.1"), now, "b"), 0, "another spelling");
        assert_eq!(told(&guesses, visitor("192.0.2.2"), now, "c"), 20);
        assert_eq!(told(&guesses, visitor("2001:db8::1"), now, "d"), 20);
        assert_eq!(told(&guesses, visitor("2001:db8::ffff"), now, "e"), 0, "one network");
        assert_eq!(told(&guesses, visitor("2001:db8:0:1::1"), now, "f"), 20);
    }

    #[test]
    fn however_many_addresses_there_are_few_are_remembered() {
        let (guesses, begin) = (Guesses::default(), Instant::now());
        for number in 0..3 * MOST {
            let address = IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
            let now = begin + Duration::from_millis(u64::try_from(number).unwrap());
            assert!(guesses.may_be_wrong(Visitor { address }, b"wrong", now));
        }
        assert_eq!(guesses.0.lock().unwrap().len(), MOST);
    }
}
