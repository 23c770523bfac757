//! A closed loop over a few connections, with the time of each request.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};

/// A connection that stays, with one request at a time.
pub(crate) trait Connection: Send {
    /// Sends these bytes and reads the answer; one that is not a success is an error.
    fn call(&mut self, request: &[u8]) -> Result<()>;
}

/// What one window came to.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    pub(crate) requests: usize,
    pub(crate) took: Duration,
    /// Of the program under test, all threads.
    pub(crate) cpu: Duration,
    /// In order.
    latencies: Vec<Duration>,
}

impl Window {
    pub(crate) fn per_cpu_second(&self) -> f64 {
        self.requests as f64 / self.cpu.as_secs_f64()
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.requests as f64 / self.took.as_secs_f64()
    }

    /// In microseconds: the latency that this part of all requests did not exceed.
    pub(crate) fn latency(&self, part: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let place = (part * last as f64).round() as usize;
        self.latencies.get(place).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e6)
    }
}

/// Sends `requests` one after the other, again and again, over these connections.
pub(crate) fn run(
    connections: Vec<impl Connection>,
    requests: &[Vec<u8>],
    longest: Duration,
    cpu: impl Fn() -> Result<Duration>,
) -> Result<Window> {
    ensure!(!requests.is_empty(), "nothing to send");
    let (barrier, next) = (Barrier::new(connections.len() + 1), AtomicUsize::new(0));
    thread::scope(|scope| {
        let threads: Vec<_> = connections
            .into_iter()
            .map(|one| scope.spawn(|| connection(one, requests, longest, &barrier, &next)))
            .collect();
        let (before, since) = (cpu(), Instant::now());
        barrier.wait();
        barrier.wait();
        let (took, after) = (since.elapsed(), cpu());
        barrier.wait();
        let mut latencies = Vec::new();
        for thread in threads {
            latencies.extend(thread.join().map_err(|_| anyhow!("a thread panicked"))??);
        }
        latencies.sort_unstable();
        let cpu = after?.saturating_sub(before?);
        ensure!(!latencies.is_empty(), "not one request was sent");
        Ok(Window { requests: latencies.len(), took, cpu, latencies })
    })
}

/// Comes to every barrier, whatever happens to it. Connections are closed after the last.
fn connection(
    mut connected: impl Connection,
    requests: &[Vec<u8>],
    longest: Duration,
    barrier: &Barrier,
    next: &AtomicUsize,
) -> Result<Vec<Duration>> {
    barrier.wait();
    let until = Instant::now() + longest;
    let mut latencies = Vec::new();
    let outcome = loop {
        let begun = Instant::now();
        if begun >= until {
            break Ok(());
        }
        let place = next.fetch_add(1, Ordering::Relaxed) % requests.len();
        let Some(request) = requests.get(place) else { break Ok(()) };
        if let Err(error) = connected.call(request) {
            break Err(error);
        }
        latencies.push(begun.elapsed());
    };
    barrier.wait();
    barrier.wait();
    outcome.map(|()| latencies)
}
