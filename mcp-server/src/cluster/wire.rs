//! How connections to an API server are made: whom they believe, what they show, and which way they go.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use http::Uri;
use http_body_util::Full;
use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::proxy::matcher::Intercept;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tower::Service;

/// Connections to one API server, which anybody's request may use.
pub(super) type Pool = Client<HttpsConnector<Way>, Full<Bytes>>;

/// All connections to one API server.
#[derive(Debug)]
pub(super) struct Pools {
    /// For requests and their answers: HTTP/2 where the API server has it.
    pub(super) shared: Pool,
    /// For requests that turn their connection into a WebSocket, which HTTP/1.1 does: one connection each, and nobody's
    /// afterwards.
    pub(super) upgrading: Pool,
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const IDLE_CONNECTION: Duration = Duration::from_secs(90);
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// What connections are made with.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    tls: ClientConfig,
    server_name: Option<ServerName<'static>>,
    proxy: Option<Intercept>,
}

impl Wire {
    /// Directly, to whom the URL names.
    pub(crate) fn direct(tls: ClientConfig) -> Self {
        Self { tls, server_name: None, proxy: None }
    }

    /// To whom `server_name` names, through a proxy of HTTP or SOCKS 5: the person's own connections, never a server's.
    pub(crate) fn through(
        tls: ClientConfig,
        server_name: Option<ServerName<'static>>,
        proxy: Option<Intercept>,
    ) -> Self {
        Self { tls, server_name, proxy }
    }

    /// No connection is made before the first call.
    pub(super) fn pools(self) -> Pools {
        let upgrading = self.clone();
        Pools { shared: self.shared(), upgrading: upgrading.upgrading() }
    }

    fn shared(self) -> Pool {
        let builder = HttpsConnectorBuilder::new().with_tls_config(self.tls).https_only();
        let builder = match self.server_name {
            Some(name) => builder.with_server_name_resolver(FixedServerNameResolver::new(name)),
            None => builder,
        };
        let connector = builder.enable_all_versions().wrap_connector(Way::new(self.proxy));
        Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_CONNECTION)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .http2_keep_alive_timeout(CONNECT_TIMEOUT)
            .build(connector)
    }

    fn upgrading(self) -> Pool {
        let builder = HttpsConnectorBuilder::new().with_tls_config(self.tls).https_only();
        let builder = match self.server_name {
            Some(name) => builder.with_server_name_resolver(FixedServerNameResolver::new(name)),
            None => builder,
        };
        let connector = builder.enable_http1().wrap_connector(Way::new(self.proxy));
        Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector)
    }
}

/// From here to the API server's port, before TLS.
#[derive(Debug, Clone)]
pub(super) enum Way {
    Direct(HttpConnector),
    Tunnel(Tunnel<HttpConnector>),
    Socks(SocksV5<HttpConnector>),
}

type Failed = Box<dyn Error + Send + Sync>;

impl Way {
    fn new(proxy: Option<Intercept>) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let Some(proxy) = proxy else { return Self::Direct(tcp) };
        let uri = proxy.uri().clone();
        if uri.scheme_str() == Some("http") {
            let tunnel = Tunnel::new(uri, tcp);
            return Self::Tunnel(match proxy.basic_auth() {
                Some(authorization) => tunnel.with_auth(authorization.clone()),
                None => tunnel,
            });
        }
        let socks = SocksV5::new(uri, tcp);
        Self::Socks(match proxy.raw_auth() {
            Some((user, password)) => socks.with_auth(user.to_owned(), password.to_owned()),
            None => socks,
        })
    }
}

impl Service<Uri> for Way {
    type Response = TokioIo<TcpStream>;
    type Error = Failed;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Failed>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        match self {
            Self::Direct(tcp) => tcp.poll_ready(context).map_err(Into::into),
            Self::Tunnel(tunnel) => tunnel.poll_ready(context).map_err(Into::into),
            Self::Socks(socks) => socks.poll_ready(context).map_err(Into::into),
        }
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        match self {
            Self::Direct(tcp) => {
                let connecting = tcp.call(to);
                Box::pin(async move { connecting.await.map_err(Into::into) })
            }
            Self::Tunnel(tunnel) => {
                let connecting = tunnel.call(to);
                Box::pin(async move { connecting.await.map_err(Into::into) })
            }
            Self::Socks(socks) => {
                let connecting = socks.call(to);
                Box::pin(async move { connecting.await.map_err(Into::into) })
            }
        }
    }
}
