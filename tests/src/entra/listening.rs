//! The emulator's port: open, or closed for a while.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};

use super::connection::Breakable;
use super::endpoints;
use super::world::World;
use crate::deadline::eventually;
use crate::pki::Leaf;

type Server = axum_server::Handle<SocketAddr>;

/// Who listens.
pub(super) struct Listening {
    address: SocketAddr,
    tls: RustlsConfig,
    world: Arc<World>,
    server: Mutex<Server>,
}

impl Listening {
    /// Serves on this listener from now on.
    pub(super) fn new(listener: TcpListener, tls: RustlsConfig, world: Arc<World>) -> Result<Self> {
        let address = listener.local_addr()?;
        let server = Mutex::new(serve(listener, &tls, &world)?);
        Ok(Self { address, tls, world, server })
    }

    fn server(&self) -> MutexGuard<'_, Server> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes all connections and the port.
    pub(super) async fn hang_up(&self) -> Result<()> {
        self.server().shutdown();
        let what = format!("the end of {}", self.address);
        eventually(&what, Duration::from_secs(10), || async {
            TcpListener::bind(self.address).map(drop).context("it still listens")
        })
        .await
    }

    /// From now on, new connections are shown this certificate.
    pub(super) async fn present(&self, leaf: &Leaf) -> Result<()> {
        let (chain, key) = (leaf.chain.clone(), leaf.key.clone());
        Ok(self.tls.reload_from_pem(chain.into(), key.into()).await?)
    }

    /// Opens the port again.
    pub(super) fn listen_again(&self) -> Result<()> {
        let listener = TcpListener::bind(self.address)
            .with_context(|| format!("cannot listen on {}", self.address))?;
        *self.server() = serve(listener, &self.tls, &self.world)?;
        Ok(())
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.server().shutdown();
    }
}

fn serve(listener: TcpListener, tls: &RustlsConfig, world: &Arc<World>) -> Result<Server> {
    listener.set_nonblocking(true)?;
    let service = endpoints::router(Arc::clone(world)).into_make_service();
    let server = Server::new();
    let acceptor = RustlsAcceptor::new(tls.clone()).acceptor(Breakable);
    let listening = axum_server::from_tcp(listener)?.handle(server.clone()).acceptor(acceptor);
    tokio::spawn(listening.serve(service));
    Ok(server)
}
