//! Loopback ports that nobody else takes between choosing and listening.
//!
//! Binding port 0, reading the number and closing the socket is a race: another test gets the same
//! number before the part listens on it. Here a port is *reserved* by an exclusive lock on a file
//! named after it, in a folder shared by all processes of this user. The kernel drops the lock when
//! the [`Port`] or the process ends, so nothing has to be cleaned up after a crash.
//!
//! The numbers lie below the kernel's ephemeral range, so no outgoing connection takes one either.
//! A reserved port that somebody without this module listens on is skipped.

use std::fmt;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Context as _, Result};

/// Below Linux' default `ip_local_port_range` (32768 to 60999), above the services people run.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A loopback TCP port that is ours until this value is dropped.
///
/// Keep it as long as the part may be started again on the same port.
pub struct Port {
    number: u16,
    _reservation: File,
}

impl Port {
    /// Reserves a port on which nobody listens.
    pub fn reserve() -> Result<Self> {
        /// Where the next search starts: processes spread out, so that they seldom meet.
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let spread = (std::process::id() as u16).wrapping_mul(61);

        let folder = folder()?;
        for _ in 0..COUNT {
            let step = NEXT.fetch_add(1, Ordering::Relaxed);
            let number = FIRST + spread.wrapping_add(step) % COUNT;
            if let Some(port) = Self::try_reserve(number, &folder)? {
                return Ok(port);
            }
        }
        anyhow::bail!("all ports from {FIRST} to {} are in use", FIRST + COUNT - 1)
    }

    /// Reserves `N` ports at once: `let [http, admin] = Port::reserve_all()?;`.
    pub fn reserve_all<const N: usize>() -> Result<[Self; N]> {
        let ports = (0..N).map(|_| Self::reserve()).collect::<Result<Vec<_>>>()?;
        ports.try_into().map_err(|_| anyhow::anyhow!("did not get {N} ports"))
    }

    fn try_reserve(number: u16, folder: &std::path::Path) -> Result<Option<Self>> {
        let path = folder.join(number.to_string());
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .with_context(|| format!("cannot open the port lock {}", path.display()))?;
        if file.try_lock().is_err() || TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_err() {
            return Ok(None);
        }
        Ok(Some(Self { number, _reservation: file }))
    }

    /// The port's number.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// `127.0.0.1:number`.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.number).into()
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number.fmt(f)
    }
}

impl fmt::Debug for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Port({})", self.number)
    }
}

/// In the user's cache folder, because a lock file of another user could not be opened.
fn folder() -> Result<PathBuf> {
    let folder = crate::parts::cache::root()?.join("ports");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn parallel_reservations_never_share_a_port_and_a_dropped_one_is_free_again() {
        let reserved: Vec<Port> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..8).map(|_| scope.spawn(|| Port::reserve_all::<10>().unwrap())).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        let distinct: HashSet<u16> = reserved.iter().map(Port::number).collect();
        assert_eq!(distinct.len(), 80);

        let folder = folder().unwrap();
        let number = reserved[0].number();
        assert!(Port::try_reserve(number, &folder).unwrap().is_none());
        drop(reserved);
        // Another process may be trying this very number.
        crate::deadline::eventually_blocking("the port", std::time::Duration::from_secs(5), || {
            Port::try_reserve(number, &folder)?.context("still reserved")
        })
        .unwrap();
    }

    #[test]
    fn a_port_on_which_somebody_listens_is_skipped() {
        let port = Port::reserve().unwrap();
        let (number, folder) = (port.number(), folder().unwrap());
        let stranger = TcpListener::bind(port.address()).unwrap();
        drop(port);
        assert!(Port::try_reserve(number, &folder).unwrap().is_none());
        drop(stranger);
    }
}
