//! How many connections each address has: one that takes them all would lock out everybody else.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::network::network;

/// An address that is turned away comes again and again, and the log is not for it alone.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// See the module.
pub(crate) struct Peers {
    most: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connections: HashMap<IpAddr, usize>,
    told: Option<Instant>,
}

/// One connection of an address, until it is dropped.
pub(crate) struct Peer {
    peers: Arc<Peers>,
    address: IpAddr,
}

impl Peers {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, state: Mutex::default() }
    }

    /// One more connection from there; `None` if there are enough.
    pub(crate) fn admit(peers: &Arc<Self>, address: IpAddr) -> Option<Peer> {
        let address = network(address);
        let mut state = peers.state();
        let count = state.connections.get(&address).copied().unwrap_or(0);
        if count >= peers.most {
            if state.told.is_none_or(|told| told.elapsed() >= TOLD_EVERY) {
                state.told = Some(Instant::now());
                tracing::warn!(%address, connections = count, "an address has all connections that it may have");
            }
            return None;
        }
        state.connections.insert(address, count + 1);
        drop(state);
        Some(Peer { peers: Arc::clone(peers), address })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let mut state = self.peers.state();
        match state.connections.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(state.connections.remove(&self.address)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_its_share_and_leaves_nothing_behind() {
        let peers = Arc::new(Peers::new(2));
        let [one, mapped, other] = ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"]
            .map(|text| text.parse::<IpAddr>().unwrap());
        let first = Peers::admit(&peers, one).unwrap();
        let second = Peers::admit(&peers, mapped).unwrap();
        assert!(Peers::admit(&peers, one).is_none());
        let third = Peers::admit(&peers, other).unwrap();
        drop(first);
        let again = Peers::admit(&peers, one).unwrap();
        drop((second, third, again));
        assert!(peers.state().connections.is_empty());
    }

    #[test]
    fn however_many_addresses_one_ipv6_site_has_it_has_one_share() {
        let peers = Arc::new(Peers::new(2));
        let admit = |text: &str| Peers::admit(&peers, text.parse().unwrap());
        let _all = ["2001:db8::1", "2001:db8::2"].map(|text| admit(text).unwrap());
        assert!(admit("2001:db8::3").is_none());
        let _other = admit("2001:db8:0:1::1").unwrap();
    }
}
