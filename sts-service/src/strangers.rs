//! Who is turned away without a caller's credential: told in the log once a minute for each address, with how often, since
//! the log is not for strangers to write.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::network::network;

const TOLD_EVERY: Duration = Duration::from_secs(60);
/// Addresses that are told of in that time. What more of them do is counted by the metrics alone.
const MOST: usize = 1024;

/// See the module.
#[derive(Default)]
pub(crate) struct Strangers(Mutex<HashMap<IpAddr, Told>>);

struct Told {
    at: Instant,
    since: u64,
}

impl Strangers {
    /// One more request from there. Returns how many there were since the last that was told of, when it is time to tell.
    pub(crate) fn turned_away(&self, address: IpAddr, now: Instant) -> Option<u64> {
        let network = network(address);
        let is_over = |told: &Told| now.saturating_duration_since(told.at) >= TOLD_EVERY;
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(told) = all.get_mut(&network) {
            told.since += 1;
            return is_over(told).then(|| {
                told.at = now;
                std::mem::take(&mut told.since)
            });
        }
        if all.len() >= MOST {
            all.retain(|_, told| !is_over(told));
        }
        (all.len() < MOST).then(|| {
            all.insert(network, Told { at: now, since: 0 });
            1
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: usize) -> IpAddr {
        IpAddr::from(u32::try_from(number).unwrap().to_be_bytes())
    }

    #[test]
    fn an_address_is_told_of_at_once_and_then_each_minute_with_how_often() {
        let (strangers, begin) = (Strangers::default(), Instant::now());
        let lines = |seconds| {
            let now = begin + Duration::from_secs(seconds);
            (0..100).filter_map(|_| strangers.turned_away(address(1), now)).collect::<Vec<_>>()
        };
        assert_eq!(lines(0), [1]);
        assert!(lines(59).is_empty());
        assert_eq!(lines(60), [200]);
        assert_eq!(lines(120), [100]);
        assert_eq!(strangers.turned_away(address(2), begin), Some(1), "another address");
    }

    #[test]
    fn from_however_many_addresses_they_come_few_are_told_of_in_a_minute() {
        let (strangers, begin) = (Strangers::default(), Instant::now());
        let lines = |seconds, from| {
            let now = begin + Duration::from_secs(seconds);
            let some = from..from + 3 * MOST;
            some.filter_map(|number| strangers.turned_away(address(number), now)).count()
        };
        assert_eq!(lines(0, 0), MOST);
        assert_eq!(lines(59, 10_000), 0);
        assert_eq!(lines(60, 20_000), MOST);
        assert_eq!(strangers.0.lock().unwrap().len(), MOST);
    }
}
