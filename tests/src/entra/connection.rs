//! Connections that can be reset under the answer that is being given on them.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::Extension;
use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tower::Layer as _;

/// A connection, as the handler of a request on it sees it.
#[derive(Debug, Clone, Default)]
pub(super) struct Connection(Arc<AtomicBool>);

impl Connection {
    /// From the next read or write on, the connection is broken.
    pub(super) fn reset(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::Relaxed) {
            Err(io::ErrorKind::ConnectionReset.into())
        } else {
            Ok(())
        }
    }
}

/// Accepts connections that can be reset, below TLS.
#[derive(Debug, Clone, Copy)]
pub(super) struct Breakable;

type Accepted<S> = Pin<Box<dyn Future<Output = io::Result<(Stream, S)>> + Send>>;

impl<S: Send + 'static> Accept<TcpStream, S> for Breakable {
    type Stream = Stream;
    type Service = <Extension<Connection> as tower::Layer<S>>::Service;
    type Future = Accepted<Self::Service>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let connection = Connection::default();
        let service = Extension(connection.clone()).layer(service);
        Box::pin(async move {
            stream.set_nodelay(true)?;
            Ok((Stream { stream, connection }, service))
        })
    }
}

/// A TCP connection that breaks when it is told to.
#[derive(Debug)]
pub(super) struct Stream {
    stream: TcpStream,
    connection: Connection,
}

impl Stream {
    fn check(&self) -> io::Result<()> {
        self.connection.check().inspect_err(|_| {
            // So that the kernel sends a reset in place of an orderly end.
            let _as_good_as_it_gets = self.stream.set_zero_linger();
        })
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
