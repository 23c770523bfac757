//! One API server, and how calls reach it: on shared connections, each with its own caller's token.
//!
//! Connections are pooled by address alone. Identity is a header of each request ([`as_caller`]), so sharing a
//! connection shares nothing else; a pool, a cache or a client that belonged to a person does not exist here.

mod answer;
mod as_caller;
mod caller;
mod discovery;
mod identity;
mod known;
mod list;
mod object;
mod operation;
mod redact;
mod url;
mod verbs;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::body::Bytes;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::config::{ClusterConfig, Denied};
use crate::tls::{self, TlsError};
pub(crate) use caller::Caller;
pub(crate) use discovery::Resource;
pub(crate) use identity::Identity;
use known::Known;
pub(crate) use list::{ListQuery, RawList};
pub(crate) use object::{Noise, RawObject, Shown};
pub use redact::ShownSecrets;
pub(crate) use redact::redacted;
use url::ApiServer;
pub(crate) use verbs::{LogQuery, MAX_LOG_BYTES};

/// Connections to one API server, which anybody's request may use.
type Pool = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const IDLE_CONNECTION: Duration = Duration::from_secs(90);
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// One API server.
#[derive(Debug)]
pub struct Cluster {
    server: ApiServer,
    certificate_authority: Option<PathBuf>,
    request_timeout: Duration,
    denied: Denied,
    shown_secrets: Arc<ShownSecrets>,
    known: Known,
    pool: ArcSwap<Pool>,
}

impl Cluster {
    /// Prepares the pool; no connection is made before the first call.
    ///
    /// # Errors
    /// When the CAs cannot be read.
    pub fn new(config: &ClusterConfig) -> Result<Self, TlsError> {
        let pool = pool(config.certificate_authority.as_ref())?;
        Ok(Self {
            server: ApiServer::new(&config.server),
            certificate_authority: config.certificate_authority.clone(),
            request_timeout: config.request_timeout,
            denied: config.denied.clone(),
            shown_secrets: Arc::new(config.shown_secrets.clone()),
            known: Known::default(),
            pool: ArcSwap::from_pointee(pool),
        })
    }

    /// Reads the CAs again. On error the pool of before stays; on success new calls get a new one.
    ///
    /// # Errors
    /// When the CAs cannot be read.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.pool.store(Arc::new(pool(self.certificate_authority.as_ref())?));
        Ok(())
    }

    /// The file that [`Cluster::reload`] reads.
    #[must_use]
    pub fn certificate_authority(&self) -> Option<&PathBuf> {
        self.certificate_authority.as_ref()
    }

    /// This cluster as one person sees it.
    pub(crate) fn caller(self: &Arc<Self>, identity: Identity) -> Caller {
        Caller::new(Arc::clone(self), identity)
    }
}

fn pool(certificate_authority: Option<&PathBuf>) -> Result<Pool, TlsError> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls::client_config(certificate_authority.map(PathBuf::as_path))?)
        .https_only()
        .enable_all_versions()
        .wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_CONNECTION)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .http2_keep_alive_timeout(CONNECT_TIMEOUT)
        .build(connector))
}
