//! From a configuration to two listeners, and back to none.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::middleware::{from_fn, from_fn_with_state};
use axum::{Extension, Router};
use axum_server::Handle;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::RustlsConfig;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::config::{Config, LogLevel};
use crate::confirmation::{KeyError, Seal};
use crate::front::require_bearer;
use crate::generation::Generation;
use crate::limits::take_turns;
use crate::live::Live;
use crate::metrics::Metrics;
use crate::operations::{self, Operations};
use crate::rate::hold_rates;
use crate::reload;
use crate::server::{McpServer, Shared};
use crate::sessions::own_sessions;
use crate::strict_body::require_strict_body;
use crate::surroundings::Surroundings;
use crate::telemetry::{self, Telemetry};
use crate::tls::{self, TlsError};
use crate::written_list::put_written_list;

/// How long calls under way get to finish after the signal to stop.
const GRACE: Duration = Duration::from_secs(20);
/// Requests at a time on one connection: as many as are served at all, with as many that wait.
const MAX_STREAMS: u32 = 128;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address is taken, or not ours.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, #[source] io::Error),
    /// A certificate, key or CA cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// No key for confirmations.
    #[error("confirmation_key_file: {0}")]
    Key(#[from] KeyError),
    /// A tool's schema is no schema.
    #[error("tools: {0}")]
    Tools(String),
}

/// A server that accepts connections.
#[derive(Debug)]
pub struct Running {
    /// Where `/mcp` is; the port is the real one also when the configuration said 0.
    pub mcp: SocketAddr,
    /// Where `/healthz`, `/readyz` and `/metrics` are.
    pub operations: SocketAddr,
    level: tokio::sync::watch::Receiver<LogLevel>,
    ready: Arc<AtomicBool>,
    reload: Arc<Notify>,
    mcp_handle: Handle<SocketAddr>,
    operations_handle: Handle<SocketAddr>,
    tasks: JoinSet<io::Result<()>>,
    telemetry: Telemetry,
    /// What is nobody's to wait for.
    background: JoinSet<()>,
}

impl Running {
    /// Starts listening. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When an address cannot be bound or a file cannot be used.
    pub fn start(config: &Config) -> Result<Self, StartError> {
        let metrics = Arc::new(Metrics::default());
        let seal = match &config.confirmation.key_file {
            Some(path) => Seal::of_file(path),
            None => Seal::new(None),
        };
        let (telemetry, collector) = telemetry::start(config.telemetry.as_ref(), &metrics)?;
        let shared = Arc::new(Shared::new(Arc::clone(&metrics), seal?, telemetry.clone()));
        let live = Arc::new(Live::new(config, shared)?);
        let ready = Arc::new(AtomicBool::new(true));
        let (mcp_listener, mcp) = bind(config.listen)?;
        let (operations_listener, operations) = bind(config.operations)?;
        let (mcp_handle, operations_handle) = (Handle::new(), Handle::new());
        let mut tasks = JoinSet::new();
        let mut background = JoinSet::new();
        if let Some(collector) = collector {
            background.spawn(collector.run());
        }

        let app = live.service();
        let certificate = match &config.tls {
            Some(files) => Some(RustlsConfig::from_config(Arc::new(tls::server_config(files)?))),
            None => None,
        };
        let bounds = Bounds { header_timeout: config.header_timeout };
        tasks.spawn(serve_mcp(mcp_listener, certificate.clone(), mcp_handle.clone(), app, bounds));
        let app = operations::router(Operations { metrics, ready: Arc::clone(&ready) });
        tasks.spawn(serve(operations_listener, operations_handle.clone(), app, bounds));
        let reload = Arc::new(Notify::new());
        reload::watch(
            &mut tasks,
            Arc::clone(&reload),
            Arc::clone(&live),
            config.file.clone(),
            config.tls.clone().zip(certificate),
        );

        Ok(Self {
            level: live.level(),
            mcp,
            operations,
            ready,
            reload,
            mcp_handle,
            operations_handle,
            tasks,
            telemetry,
            background,
        })
    }

    /// How much is to be logged, whenever a reload of the configuration changes that.
    #[must_use]
    pub fn level(&self) -> tokio::sync::watch::Receiver<LogLevel> {
        self.level.clone()
    }

    /// Looks at the configuration, certificates and CAs now, rather than at the next of the regular times.
    pub fn reload(&self) {
        self.reload.notify_one();
    }

    /// Stops: unready at once, no new connections, calls under way get a while to finish.
    pub async fn stop(mut self) {
        self.ready.store(false, Ordering::Relaxed);
        self.mcp_handle.graceful_shutdown(Some(GRACE));
        // The first to end is the MCP listener; until then probes see why.
        self.tasks.join_next().await;
        telemetry::flush(&self.telemetry).await;
        self.background.shutdown().await;
        self.operations_handle.shutdown();
        self.tasks.shutdown().await;
    }
}

/// The application that one configuration makes.
pub(crate) fn router(
    config: &Config,
    generation: &Arc<Generation>,
    surroundings: &Surroundings,
) -> Router {
    let Surroundings { shared, limits, rates, sessions } = surroundings;
    let metrics = &shared.metrics;
    let transport = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(config.sessions)
        .with_json_response(true)
        .with_allowed_hosts(config.allowed_hosts.iter().cloned())
        .with_allowed_origins(config.allowed_origins.iter().cloned())
        .enforce_origin_validation()
        .with_max_request_body_bytes(config.max_body_bytes);
    let server = McpServer::new(Arc::clone(generation), Arc::clone(shared));
    let under_way = server.under_way();
    let make = move || Ok(server.clone());
    // The last comes first.
    let app = if config.sessions {
        let manager = Arc::clone(&sessions.manager);
        Router::new()
            .route_service("/mcp", StreamableHttpService::new(make, manager, transport))
            .layer(from_fn_with_state((Arc::clone(sessions), Arc::clone(metrics)), own_sessions))
    } else {
        let never = Arc::new(NeverSessionManager::default());
        Router::new()
            .route_service("/mcp", StreamableHttpService::new(make, never, transport))
            .layer(from_fn(put_written_list))
    };
    let app = app
        .layer(Extension(Arc::clone(generation)))
        .layer(from_fn_with_state(
            (config.max_body_bytes, under_way, Arc::clone(metrics)),
            require_strict_body,
        ))
        .layer(from_fn_with_state((Arc::clone(limits), Arc::clone(metrics)), take_turns));
    let app = match config.rate_limit {
        Some(limit) => {
            let state = (Arc::clone(rates), limit, Arc::clone(metrics));
            app.layer(from_fn_with_state(state, hold_rates))
        }
        None => app,
    };
    app.layer(from_fn_with_state(Arc::clone(metrics), require_bearer))
}

fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let bound = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    bound.map_err(|error| StartError::Listen(address, error))
}

/// What a connection may cost.
#[derive(Clone, Copy)]
struct Bounds {
    header_timeout: Duration,
}

async fn serve_mcp(
    listener: TcpListener,
    certificate: Option<RustlsConfig>,
    handle: Handle<SocketAddr>,
    app: Router,
    bounds: Bounds,
) -> io::Result<()> {
    let Some(certificate) = certificate else { return serve(listener, handle, app, bounds).await };
    let mut server = axum_server::from_tcp_rustls(listener, certificate)?
        .map(|tls| tls.acceptor(NoDelayAcceptor::new()))
        .handle(handle);
    bound(server.http_builder(), bounds);
    server.serve(app.into_make_service()).await
}

async fn serve(
    listener: TcpListener,
    handle: Handle<SocketAddr>,
    app: Router,
    bounds: Bounds,
) -> io::Result<()> {
    // An event of a stream must not wait until the client has acknowledged the one before it.
    let mut server =
        axum_server::from_tcp(listener)?.acceptor(NoDelayAcceptor::new()).handle(handle);
    bound(server.http_builder(), bounds);
    server.serve(app.into_make_service()).await
}

fn bound(http: &mut Builder<TokioExecutor>, bounds: Bounds) {
    http.http1().timer(TokioTimer::new()).header_read_timeout(bounds.header_timeout);
    http.http2().max_concurrent_streams(MAX_STREAMS);
}
