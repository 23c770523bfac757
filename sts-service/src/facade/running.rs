//! Starting and stopping the façade.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use obolus_core::login::Facade;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::sync::watch::Sender;
use tokio::task::JoinSet;

use super::bucket::Bucket;
use super::config::FacadeConfig;
use super::metadata::Metadata;
use super::metrics::Metrics;
use super::routes::{Login, routes};
use crate::idp_client::IdpClient;
use crate::material::Watch;
use crate::metrics::Listens;
use crate::reply;
use crate::running::{LOOK_EVERY, OPERATIONS_CONNECTIONS, Running};
use crate::serve::Listener;
use crate::tls::TlsError;

/// How many token requests may be under way at the identity provider.
const CALLS: usize = 256;

/// A façade that listens.
#[derive(Debug)]
pub struct FacadeServer {
    /// What `/readyz` says.
    ending: Sender<bool>,
    serving: Running,
    operating: Running,
    /// Ended with this value.
    _background: JoinSet<()>,
}

impl FacadeServer {
    /// Binds both ports and serves. The identity provider need not be there yet.
    ///
    /// # Errors
    /// When a port cannot be had.
    pub async fn start(config: FacadeConfig) -> anyhow::Result<Self> {
        let metrics = Metrics::new();
        let bind = async |address: SocketAddr| {
            TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
        };
        let (tcp, operations) = (bind(config.listen).await?, bind(config.operations_listen).await?);
        let (service_address, operations_address) = (tcp.local_addr()?, operations.local_addr()?);

        let mut watched = Vec::new();
        let tls = match &config.tls {
            None => None,
            Some(files) => {
                let side = Arc::new(files.open()?);
                let held = side.current().context("no certificate")?;
                let shown = metrics.clone();
                let tell =
                    move |at: Option<u64>| at.into_iter().for_each(|at| shown.certificate_ends(at));
                tell(held.value.expires_at);
                let tls = Arc::new(ArcSwap::new(Arc::clone(&held.value.config)));
                let renewed = Arc::clone(&tls);
                watched.push(side.watched("server", move |held| {
                    renewed.store(Arc::clone(&held.value.config));
                    tell(held.value.expires_at);
                }));
                Some(tls)
            }
        };
        let trusted = config.upstream_tls.current().ok_or(TlsError::NoRoots)?;
        let client = IdpClient::new("obolus-facade", trusted, config.upstream_timeout)?;
        let renewed = client.clone();
        watched.extend(config.upstream_tls.watched("upstream", move |tls| {
            if let Err(error) = renewed.renew(&tls) {
                tracing::error!(%error, "the authorities of before are kept");
            }
        }));

        let metadata = Arc::new(Metadata::new(
            client.clone(),
            config.tenants,
            config.tenant,
            config.metadata_refresh,
            metrics.clone(),
        ));
        let mut background = JoinSet::new();
        background.spawn(Arc::clone(&metadata).keep_fresh());
        background.spawn(watch(Watch::new(watched)));
        let facade: Facade = config.facade;
        let issuer = facade.issuer.to_string();
        let login = Arc::new(Login {
            facade,
            allowed_origins: config.allowed_origins,
            metadata: Arc::clone(&metadata),
            client,
            places: Semaphore::new(CALLS),
            registrations: Bucket::new(config.registrations_per_minute, Instant::now()),
            metrics: metrics.clone(),
        });

        let ending = Sender::new(false);
        let serving = Running::start(Listener {
            tcp,
            tls,
            routes: routes(login),
            max_connections: config.connections,
            max_per_peer: config.connections_per_peer,
            counted: metrics.connections(Listens::Service),
        });
        let state = Operations { metadata, metrics: metrics.clone(), ending: ending.subscribe() };
        let operating = Running::start(Listener {
            tcp: operations,
            tls: None,
            routes: operations_routes(state),
            max_connections: OPERATIONS_CONNECTIONS,
            max_per_peer: OPERATIONS_CONNECTIONS / 4,
            counted: metrics.connections(Listens::Operations),
        });
        tracing::info!(service = %service_address, operations = %operations_address, issuer, "listening");
        Ok(Self { ending, serving, operating, _background: background })
    }

    /// From now on `/readyz` says that nobody should come here any more; everything is served as before.
    pub fn leave(&self) {
        self.ending.send_replace(true);
    }

    /// Takes no more connections, and returns when requests have ended or ten seconds have passed.
    pub async fn stop(self) {
        self.leave();
        self.serving.stop().await;
        self.operating.stop().await;
    }
}

/// Looks at all files, for as long as the task lives.
async fn watch(files: Watch) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        files.look().await;
    }
}

#[derive(Clone)]
struct Operations {
    metadata: Arc<Metadata>,
    metrics: Metrics,
    ending: tokio::sync::watch::Receiver<bool>,
}

fn operations_routes(state: Operations) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(ready))
        .route("/metrics", get(page_of_metrics))
        .fallback(async || reply::not_found())
        .method_not_allowed_fallback(reply::get_only)
        .with_state(state)
}

/// Ready once the identity provider's metadata have been read, and from then on.
async fn ready(State(state): State<Operations>) -> Response {
    let ending = *state.ending.borrow();
    let age = state.metadata.age();
    let ready = !ending && age.is_some();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = json!({
        "ready": ready,
        "ending": ending,
        "metadata": {"age_seconds": age.map(|age| age.as_secs()), "problem": state.metadata.problem()},
    });
    (status, Json(body)).into_response()
}

async fn page_of_metrics(State(state): State<Operations>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let text = state.metrics.text(state.metadata.age());
    ([(CONTENT_TYPE, kind)], text).into_response()
}
