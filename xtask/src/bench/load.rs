//! A closed loop of requests over a few connections that stay.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};

use super::http1::Message;

/// Enough that a worker of Envoy always has something to do.
pub(crate) const CONNECTIONS: usize = 8;

/// What is sent.
#[derive(Clone, Copy)]
pub(crate) struct Load<'a> {
    /// The listener.
    pub(crate) to: SocketAddr,
    /// Sent before anything is measured, again and again.
    pub(crate) warm_up: &'a [u8],
    /// Sent one after the other.
    pub(crate) requests: &'a [Vec<u8>],
    /// When all are sent: from the beginning, or the end.
    pub(crate) again: bool,
    /// The status that every answer must have.
    pub(crate) status: u16,
}

/// What was measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub(crate) requests: u64,
    pub(crate) took: Duration,
}

/// Requests of the warm-up, per connection.
const WARM_UP: usize = 40;

/// Sends for that long at most. `at_start` and `at_end` are called when connections are warm and nothing is
/// under way.
pub(crate) fn run<T>(
    load: Load<'_>,
    longest: Duration,
    at_start: impl FnOnce() -> Result<T>,
    at_end: impl FnOnce() -> Result<T>,
) -> Result<(T, T, Run)> {
    let (barrier, next) = (Barrier::new(CONNECTIONS + 1), AtomicUsize::new(0));
    thread::scope(|scope| {
        let threads: Vec<_> = (0..CONNECTIONS)
            .map(|_| scope.spawn(|| connection(load, longest, &barrier, &next)))
            .collect();
        barrier.wait();
        let (start, since) = (at_start(), Instant::now());
        barrier.wait();
        barrier.wait();
        let (took, end) = (since.elapsed(), at_end());
        barrier.wait();
        let mut requests = 0;
        for thread in threads {
            requests += thread.join().map_err(|_| anyhow!("a connection's thread panicked"))??;
        }
        ensure!(requests > 0, "not one request was sent");
        Ok((start?, end?, Run { requests, took }))
    })
}

/// One connection. It comes to every barrier, whatever happens to it.
fn connection(
    load: Load<'_>,
    longest: Duration,
    barrier: &Barrier,
    next: &AtomicUsize,
) -> Result<u64> {
    let client = Client::connect(load.to).and_then(|mut client| {
        for _ in 0..WARM_UP {
            client.call(load.warm_up, load.status)?;
        }
        client.stays()?;
        Ok(client)
    });
    barrier.wait();
    barrier.wait();
    let outcome = client.and_then(|mut client| {
        let count = send_all(load, longest, &mut client, next)?;
        Ok((client, count))
    });
    barrier.wait();
    // Connections are closed when the measurement is over.
    barrier.wait();
    Ok(outcome?.1)
}

fn send_all(
    load: Load<'_>,
    longest: Duration,
    client: &mut Client,
    next: &AtomicUsize,
) -> Result<u64> {
    let until = Instant::now() + longest;
    let mut count = 0;
    while Instant::now() < until {
        let place = next.fetch_add(1, Ordering::Relaxed);
        let place = if load.again { place % load.requests.len().max(1) } else { place };
        let Some(request) = load.requests.get(place) else { break };
        client.call(request, load.status)?;
        count += 1;
    }
    client.stays()?;
    Ok(count)
}

/// One connection, one request at a time.
struct Client {
    stream: TcpStream,
    answer: Message,
}

impl Client {
    fn connect(to: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        Ok(Self { stream, answer: Message::default() })
    }

    /// An answer of another status is an error.
    fn call(&mut self, request: &[u8], status: u16) -> Result<()> {
        self.stream.write_all(request)?;
        let answered = self.answer.read(&mut self.stream).context("no answer")?;
        ensure!(answered, "the connection was closed instead of an answer");
        let as_expected = self.answer.status()? == status;
        ensure!(as_expected, "expected {status}, got\n{}", self.answer.text());
        Ok(())
    }

    /// What closes the connection would be measured with the cost of a new one.
    fn stays(&self) -> Result<()> {
        let closes = self.answer.header("connection").is_some();
        ensure!(!closes, "an answer that closes the connection\n{}", self.answer.text());
        Ok(())
    }
}

/// One request on a connection of its own.
pub(crate) fn once(to: SocketAddr, request: &[u8], status: u16) -> Result<()> {
    Client::connect(to)?.call(request, status)
}
