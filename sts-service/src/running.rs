//! Starting and stopping.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use axum::Router;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::watch::Sender;
use tokio::task::JoinSet;

use crate::config::Config;
use crate::material::Watch;
use crate::metrics::Listens;
use crate::reload::{Configuration, Current};
use crate::serve::Listener;
use crate::service::Service;
use crate::telemetry::Telemetry;
use crate::{groups, keys, ops, reload, reply, token};

/// How long a changed file may go unnoticed.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long we still serve after we were asked to end: until whoever sends us requests has seen by `/readyz` that we do,
/// and sends them elsewhere. Kubernetes takes a pod out of its Services at once, and gateways learn of it a moment later.
pub const LEAVE: Duration = Duration::from_secs(5);
/// For spans that have not been sent when we end.
const LAST_SPANS: Duration = Duration::from_secs(2);
/// Scrapers and probes.
pub(crate) const OPERATIONS_CONNECTIONS: usize = 64;

/// A service that listens.
#[derive(Debug)]
pub struct Sts {
    service: SocketAddr,
    operations: SocketAddr,
    /// What `/readyz` says.
    ending: Sender<bool>,
    serving: Running,
    operating: Running,
    telemetry: Telemetry,
    /// Ended with this value.
    _background: JoinSet<()>,
}

/// One listener at work, ended with this value.
#[derive(Debug)]
pub(crate) struct Running {
    stop: Sender<bool>,
    tasks: JoinSet<()>,
}

impl Running {
    pub(crate) fn start(listener: Listener) -> Self {
        let stop = Sender::new(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(listener.serve(stop.subscribe()));
        Self { stop, tasks }
    }

    /// Takes no more connections, and returns when requests have ended or ten seconds have passed.
    pub(crate) async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

impl Sts {
    /// Binds both ports and serves. Issuers need not be there yet.
    ///
    /// # Errors
    /// When a port cannot be had.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        Self::run(config, None).await
    }

    /// The same by a file, which is read again when it changes.
    ///
    /// # Errors
    /// When the file is not good, or a port cannot be had.
    pub async fn start_by(path: PathBuf) -> anyhow::Result<Self> {
        let file = reload::open(path).map_err(anyhow::Error::msg)?;
        // What is to be noticed at a start has been said.
        let (config, _) = file.first().context("no configuration")?;
        Self::run(config, Some(file)).await
    }

    async fn run(config: Config, file: Option<Configuration>) -> anyhow::Result<Self> {
        let server = config.server.clone();
        let side = Arc::new(server.tls.open()?);
        let tls = side.current().context("no certificate")?.value.config.clone();
        let tls = Arc::new(ArcSwap::new(tls));
        let bind = async |address: SocketAddr| {
            TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
        };
        let (tcp, operations) = (bind(server.listen).await?, bind(server.operations_listen).await?);
        let (service_address, operations_address) = (tcp.local_addr()?, operations.local_addr()?);
        let max_connections = config.limits.connections;
        let max_per_peer = config.limits.connections_per_peer;
        let (service, collector) = Service::new(config)?;
        let (telemetry, metrics) = (service.telemetry.clone(), service.metrics.clone());
        let service = Arc::new(ArcSwap::from_pointee(service));

        let mut background = JoinSet::new();
        if let Some(collector) = collector {
            background.spawn(collector.run());
        }
        for mirror in service.load().mirrors.values() {
            background.spawn(Arc::clone(mirror).keep_fresh());
        }
        let renewed = Arc::clone(&tls);
        let certificate =
            side.watched("server", move |held| renewed.store(Arc::clone(&held.value.config)));
        let file = file.map(|file| file.watched(Arc::clone(&service)));
        let own = Arc::new(Watch::new([certificate].into_iter().chain(file)));
        let ending = Sender::new(false);
        let current = Current { service, own, ending: ending.subscribe() };
        background.spawn(watch(current.clone()));

        let serving = Running::start(Listener {
            tcp,
            tls: Some(tls),
            routes: routes(current.clone()),
            max_connections,
            max_per_peer,
            counted: metrics.connections(Listens::Service),
        });
        let operating = Running::start(Listener {
            tcp: operations,
            tls: None,
            routes: ops::routes(current),
            max_connections: OPERATIONS_CONNECTIONS,
            max_per_peer: OPERATIONS_CONNECTIONS / 4,
            counted: metrics.connections(Listens::Operations),
        });
        tracing::info!(service = %service_address, operations = %operations_address, "listening");
        Ok(Self {
            service: service_address,
            operations: operations_address,
            ending,
            serving,
            operating,
            telemetry,
            _background: background,
        })
    }

    /// Where `/exchange`, `/groups` and `/keys` are.
    #[must_use]
    pub fn service_address(&self) -> SocketAddr {
        self.service
    }

    /// Where `/healthz`, `/readyz` and `/metrics` are.
    #[must_use]
    pub fn operations_address(&self) -> SocketAddr {
        self.operations
    }

    /// From now on `/readyz` says that nobody should come here any more; everything is served as before.
    pub fn leave(&self) {
        self.ending.send_replace(true);
    }

    /// Takes no more connections, and returns when requests have ended or ten seconds have passed. The operations port is
    /// there to the end: whoever asks it is told that we are not ready, and metrics are not lost before the last request.
    pub async fn stop(self) {
        self.leave();
        let Self { serving, operating, telemetry, .. } = self;
        serving.stop().await;
        if tokio::time::timeout(LAST_SPANS, telemetry.flush()).await.is_err() {
            tracing::warn!("the last spans were not sent");
        }
        operating.stop().await;
    }
}

fn routes(current: Current) -> Router {
    Router::new()
        .route("/exchange", post(token::exchange).fallback(reply::post_only))
        .route("/groups", post(groups::groups).fallback(reply::post_only))
        .route("/keys/{name}", get(keys::keys).fallback(reply::get_only))
        .route("/keys/{name}/{tenant}", get(keys::keys).fallback(reply::get_only))
        .fallback(async || reply::not_found())
        .with_state(current)
}

/// Looks at all files, for as long as the task lives.
async fn watch(current: Current) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        current.look().await;
    }
}
