//! Starting and stopping.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use axum::Router;
use axum::routing::{get, post};
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::Config;
use crate::serve::Listener;
use crate::service::Service;
use crate::tls::{ServerFiles, server_config};
use crate::{keys, ops, reply, token};

/// How long a renewed certificate may wait.
const CERTIFICATE_CHECK: Duration = Duration::from_secs(30);
/// Scrapers and probes.
const OPERATIONS_CONNECTIONS: usize = 64;

/// A service that listens.
#[derive(Debug)]
pub struct Sts {
    service: SocketAddr,
    operations: SocketAddr,
    stop: watch::Sender<bool>,
    listeners: JoinSet<()>,
    /// Ended with this value.
    _background: JoinSet<()>,
}

impl Sts {
    /// Binds both ports and serves. Issuers need not be there yet.
    ///
    /// # Errors
    /// When a port cannot be had.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        let server = config.server.clone();
        let tls = Arc::new(ArcSwap::from_pointee(server_config(&server.tls)?));
        let bind = async |address: SocketAddr| {
            TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
        };
        let (tcp, operations) = (bind(server.listen).await?, bind(server.operations_listen).await?);
        let (service_address, operations_address) = (tcp.local_addr()?, operations.local_addr()?);
        let max_connections = config.limits.connections;
        let max_per_peer = config.limits.connections_per_peer;
        let service = Arc::new(Service::new(config)?);

        let mut background = JoinSet::new();
        for mirror in service.mirrors.values() {
            background.spawn(Arc::clone(mirror).keep_fresh());
        }
        background.spawn(renew(server.tls, Arc::clone(&tls)));

        let stop = watch::Sender::new(false);
        let mut listeners = JoinSet::new();
        let listener = Listener {
            tcp,
            tls: Some(tls),
            routes: routes(Arc::clone(&service)),
            max_connections,
            max_per_peer,
        };
        listeners.spawn(listener.serve(stop.subscribe()));
        let listener = Listener {
            tcp: operations,
            tls: None,
            routes: ops::routes(service),
            max_connections: OPERATIONS_CONNECTIONS,
            max_per_peer: OPERATIONS_CONNECTIONS / 4,
        };
        listeners.spawn(listener.serve(stop.subscribe()));
        tracing::info!(service = %service_address, operations = %operations_address, "listening");
        Ok(Self {
            service: service_address,
            operations: operations_address,
            stop,
            listeners,
            _background: background,
        })
    }

    /// Where `/exchange` and `/keys` are.
    #[must_use]
    pub fn service_address(&self) -> SocketAddr {
        self.service
    }

    /// Where `/healthz`, `/readyz` and `/metrics` are.
    #[must_use]
    pub fn operations_address(&self) -> SocketAddr {
        self.operations
    }

    /// Takes no more connections, and returns when requests have ended or ten seconds have passed.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.listeners.join_next().await.is_some() {}
    }
}

fn routes(service: Arc<Service>) -> Router {
    Router::new()
        .route("/exchange", post(token::exchange).fallback(reply::post_only))
        .route("/keys/{name}", get(keys::keys).fallback(reply::get_only))
        .route("/keys/{name}/{tenant}", get(keys::keys).fallback(reply::get_only))
        .fallback(async || reply::not_found())
        .with_state(service)
}

/// Takes a renewed certificate, or other names of clients' CAs, for new connections; keeps the last good one.
async fn renew(files: ServerFiles, tls: Arc<ArcSwap<ServerConfig>>) {
    loop {
        tokio::time::sleep(CERTIFICATE_CHECK).await;
        match server_config(&files) {
            Ok(config) => tls.store(Arc::new(config)),
            Err(error) => tracing::warn!(%error, "the last good certificate is kept"),
        }
    }
}
