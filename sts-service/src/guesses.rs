//! How often an address may be wrong about a caller's credential: guessing is slow, and whoever is right is not hindered
//! by who is not.
//!
//! A connection that has just shown a right credential is judged in any case: a stranger behind the same NAT cannot lock
//! a gateway out of the connections that it has.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many at once: people try an old credential or two when one is replaced.
const BURST: u32 = 20;
/// And then one more after each of these.
const PAUSE: Duration = Duration::from_secs(1);
/// Addresses that are remembered. With more of them the one that has been quiet for longest is forgotten: secrets are too
/// long to be guessed from any number of addresses.
const MOST: usize = 1024;

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visitor {
    pub(crate) address: IpAddr,
    /// Whether the connection has shown a right credential, and no wrong one since.
    pub(crate) is_known: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Guesses(Mutex<HashMap<IpAddr, Wrong>>);

/// What somebody has left to be wrong about.
#[derive(Debug, Clone, Copy)]
struct Wrong {
    left: u32,
    at: Instant,
}

impl Wrong {
    fn at(self, now: Instant) -> Self {
        let pauses = now.saturating_duration_since(self.at).as_secs() / PAUSE.as_secs();
        let more = u32::try_from(pauses).unwrap_or(BURST).min(BURST);
        Self { left: (self.left + more).min(BURST), at: self.at + PAUSE * more }
    }
}

impl Guesses {
    /// Whether a credential from there is looked at.
    pub(crate) fn may_try(&self, visitor: Visitor, now: Instant) -> bool {
        let wrong = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        visitor.is_known
            || wrong.get(&network(visitor.address)).is_none_or(|wrong| wrong.at(now).left > 0)
    }

    /// It was wrong.
    pub(crate) fn was_wrong(&self, visitor: Visitor, now: Instant) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let network = network(visitor.address);
        if !all.contains_key(&network) && all.len() >= MOST {
            let longest = all.iter().min_by_key(|(_, wrong)| wrong.at).map(|(network, _)| *network);
            longest.and_then(|longest| all.remove(&longest));
        }
        let entry = all.entry(network).or_insert(Wrong { left: BURST, at: now });
        let so_far = entry.at(now);
        // Who was never out of guesses begins to get new ones only now.
        let at = if so_far.left == BURST { now } else { so_far.at };
        *entry = Wrong { left: so_far.left.saturating_sub(1), at };
    }
}

/// One site has at least all of an IPv6 /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stranger(address: &str) -> Visitor {
        Visitor { address: address.parse().unwrap(), is_known: false }
    }

    fn guess(guesses: &Guesses, visitor: Visitor, now: Instant) -> bool {
        let tries = guesses.may_try(visitor, now);
        if tries {
            guesses.was_wrong(visitor, now);
        }
        tries
    }

    #[test]
    fn who_is_wrong_twenty_times_may_be_wrong_once_a_second() {
        let (guesses, begin) = (Guesses::default(), Instant::now());
        let one = stranger("192.0.2.1");
        let wrong = |seconds| {
            let now = begin + Duration::from_secs(seconds);
            (0..100).filter(|_| guess(&guesses, one, now)).count()
        };
        assert_eq!(wrong(0), 20);
        for second in 1..5 {
            assert_eq!(wrong(second), 1, "{second}");
        }
        assert_eq!(wrong(10), 6);
        assert_eq!(wrong(1000), 20);
    }

    #[test]
    fn neither_another_address_nor_a_known_connection_is_hindered() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        let one = stranger("192.0.2.1");
        while guess(&guesses, one, now) {}
        assert!(!guesses.may_try(stranger("::ffff:192.0.2.1"), now), "another spelling");
        assert!(guesses.may_try(stranger("192.0.2.2"), now));
        assert!(guesses.may_try(Visitor { is_known: true, ..one }, now));
        while guess(&guesses, stranger("2001:db8::1"), now) {}
        assert!(!guesses.may_try(stranger("2001:db8::ffff"), now), "one network");
        assert!(guesses.may_try(stranger("2001:db8:0:1::1"), now));
    }

    #[test]
    fn however_many_addresses_there_are_few_are_remembered() {
        let (guesses, begin) = (Guesses::default(), Instant::now());
        for number in 0..3 * MOST {
            let address = IpAddr::from(u32::try_from(number).unwrap().to_be_bytes());
            let now = begin + Duration::from_millis(u64::try_from(number).unwrap());
            guesses.was_wrong(Visitor { address, is_known: false }, now);
        }
        assert_eq!(guesses.0.lock().unwrap().len(), MOST);
    }
}
