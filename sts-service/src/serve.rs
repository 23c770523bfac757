//! Connections: how many, for how long, with how much patience.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use crate::metrics::Connections;
use crate::peers::Peers;
pub(crate) use crate::standing::KnownCaller;
use crate::standing::{SILENCE, Standing};

/// For a TLS handshake as a whole.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How often a quiet HTTP/2 client is asked whether it is still there.
const PING: Duration = Duration::from_secs(20);
/// For requests that are under way when we are asked to end.
const GRACE: Duration = Duration::from_secs(10);
const MAX_HEADERS: usize = 64;
const MAX_HEADER_BYTES: u32 = 32 * 1024;
/// Envoy opens another connection for more.
const MAX_STREAMS: u32 = 32;

/// One listener and what it serves.
pub(crate) struct Listener {
    pub(crate) tcp: TcpListener,
    /// Replaced when the certificate is; `None` for plain HTTP.
    pub(crate) tls: Option<Arc<ArcSwap<ServerConfig>>>,
    pub(crate) routes: Router,
    pub(crate) max_connections: usize,
    /// How many of them one address may have.
    pub(crate) max_per_peer: usize,
    pub(crate) counted: Connections,
}

impl Listener {
    /// Serves until `stop` turns true, then lets requests end.
    pub(crate) async fn serve(self, mut stop: watch::Receiver<bool>) {
        let connections = Arc::new(Semaphore::new(self.max_connections));
        let peers = Arc::new(Peers::new(self.max_per_peer));
        let graceful = GracefulShutdown::new();
        let http = Arc::new(http());
        let stopped = async move {
            // An error means that nobody is left who could stop us.
            let _ = stop.wait_for(|stop| *stop).await;
        };
        tokio::pin!(stopped);
        loop {
            let next = async {
                if connections.available_permits() == 0 {
                    self.counted.all_are_taken();
                }
                let connection = Arc::clone(&connections).acquire_owned().await.ok()?;
                Some((self.tcp.accept().await, connection))
            };
            let (accepted, connection) = tokio::select! {
                () = &mut stopped => break,
                next = next => match next {
                    Some(next) => next,
                    None => break,
                },
            };
            let (stream, address, peer) = match accepted {
                Ok((stream, address)) => match Peers::admit(&peers, address.ip()) {
                    Some(peer) => (stream, address.ip(), peer),
                    None => {
                        self.counted.peer_has_enough();
                        continue;
                    }
                },
                Err(error) => {
                    // Out of file descriptors, most likely: nothing to be gained by asking again at once.
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let open = self.counted.opened();
            let tls = self.tls.as_ref().map(|tls| TlsAcceptor::from(tls.load_full()));
            let (http, routes, watcher) =
                (Arc::clone(&http), self.routes.clone(), graceful.watcher());
            tokio::spawn(async move {
                let standing = Arc::new(Standing::new(address));
                serve_stream(stream, tls, &http, standing.watch(routes), &standing, watcher).await;
                drop((connection, peer, open));
            });
        }
        drop(self.tcp);
        if tokio::time::timeout(GRACE, graceful.shutdown()).await.is_err() {
            tracing::warn!("requests were cut off at the end");
        }
    }
}

fn http() -> Builder<TokioExecutor> {
    let mut http = Builder::new(TokioExecutor::new());
    http.http1()
        .timer(TokioTimer::new())
        .header_read_timeout(SILENCE)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEADER_BYTES as usize);
    http.http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADER_BYTES)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    http
}

async fn serve_stream(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    http: &Builder<TokioExecutor>,
    routes: Router,
    standing: &Standing,
    watcher: Watcher,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY");
    }
    match tls {
        None => serve_http(stream, http, routes, standing, watcher).await,
        Some(acceptor) => match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => serve_http(stream, http, routes, standing, watcher).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake took too long"),
        },
    }
}

async fn serve_http(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    http: &Builder<TokioExecutor>,
    routes: Router,
    standing: &Standing,
    watcher: Watcher,
) {
    let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    tokio::select! {
        ended = watcher.watch(connection.into_owned()) => if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        },
        () = standing.lost() => tracing::debug!("a connection was of no use for too long"),
    }
}
