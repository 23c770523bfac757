//! The emulator as tests hold it.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Context as _, Result, bail};
use axum_server::tls_rustls::RustlsConfig;
use serde_json::{Value, json};

use super::directory::Directory;
use super::faults::Faults;
use super::keys::Keys;
use super::listening::Listening;
use super::record::Requests;
use super::world::World;
use crate::https;
use crate::pki::{Authority, Leaf};
use crate::ports::Port;

/// Where an emulator is.
pub struct Place {
    /// On what it listens.
    pub listener: TcpListener,
    /// What it calls itself: `https://host:port`, without a slash at the end.
    pub url: String,
    /// The server's certificate and those above it, PEM.
    pub chain: String,
    /// Its key, PEM.
    pub key: String,
    /// What clients have to trust, PEM.
    pub authority: String,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Entra ID on a loopback port, until it is dropped.
pub struct Emulator {
    pub(super) world: Arc<World>,
    pub(super) authority: String,
    listening: Listening,
    _port: Option<Port>,
}

impl std::fmt::Debug for Emulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Emulator").field("host", &self.world.host).finish_non_exhaustive()
    }
}

impl Emulator {
    /// Starts it on a free loopback port with a certificate of this authority.
    pub async fn start(authority: &Authority, directory: Directory) -> Result<Self> {
        let port = Port::reserve()?;
        let listener = TcpListener::bind(port.address())
            .with_context(|| format!("cannot listen on {}", port.address()))?;
        let leaf = authority.server()?;
        let url = format!("https://localhost:{port}");
        let place =
            Place { listener, url, chain: leaf.chain, key: leaf.key, authority: authority.pem() };
        let mut started = Self::serve(place, directory).await?;
        started._port = Some(port);
        Ok(started)
    }

    /// Starts it at this place.
    pub async fn serve(place: Place, directory: Directory) -> Result<Self> {
        let problems = directory.problems();
        if !problems.is_empty() {
            bail!("the directory has problems:\n- {}", problems.join("\n- "));
        }
        https::install_crypto();
        let Place { listener, url, chain, key, authority } = place;
        let keys = tokio::task::spawn_blocking(Keys::new).await??;
        let world = Arc::new(World::new(url, directory, keys));
        let tls = RustlsConfig::from_pem(chain.into(), key.into())
            .await
            .context("the server's certificate and key")?;
        let listening = Listening::new(listener, tls, Arc::clone(&world))?;
        Ok(Self { world, authority, listening, _port: None })
    }

    /// From now on, `/emulator/…` lets anybody who reaches it switch faults, change keys and see requests.
    pub fn open_admin(&self) {
        self.world.admin.store(true, Ordering::Relaxed);
    }

    /// `https://localhost:port`: what an `authority_host` is set to. Graph is there too, below `/v1.0`.
    pub fn authority_host(&self) -> String {
        self.world.host.clone()
    }

    /// The v2 issuer of this tenant (by name, id or domain).
    pub fn issuer(&self, tenant: &str) -> String {
        format!("{}/{}/v2.0", self.world.host, self.tenant_id(tenant))
    }

    /// The v1 issuer of this tenant, which is at `sts.windows.net` wherever the emulator is.
    pub fn v1_issuer(&self, tenant: &str) -> String {
        format!("https://sts.windows.net/{}/", self.tenant_id(tenant))
    }

    /// The v2 token endpoint of this tenant.
    pub fn token_endpoint(&self, tenant: &str) -> String {
        format!("{}/{}/oauth2/v2.0/token", self.world.host, self.tenant_id(tenant))
    }

    /// The v2 authorization endpoint of this tenant.
    pub fn authorization_endpoint(&self, tenant: &str) -> String {
        format!("{}/{}/oauth2/v2.0/authorize", self.world.host, self.tenant_id(tenant))
    }

    /// Where this tenant's keys are.
    pub fn keys_uri(&self, tenant: &str) -> String {
        format!("{}/{}/discovery/v2.0/keys", self.world.host, self.tenant_id(tenant))
    }

    /// Signing keys, and what can be done to them.
    pub fn keys(&self) -> &Keys {
        &self.world.keys
    }

    /// Faults, to be switched on and off.
    pub fn faults(&self) -> &Faults {
        &self.world.faults
    }

    /// The requests so far.
    pub fn requests(&self) -> &Requests {
        &self.world.requests
    }

    /// The directory as it is now.
    pub fn directory(&self) -> Arc<Directory> {
        self.world.directory()
    }

    /// Changes the directory for later requests.
    pub fn change(&self, change: impl FnOnce(&mut Directory)) {
        self.world.change(change);
    }

    /// Sign-ins of this user so far count no more: their tokens are refused with 50173, later ones are not.
    pub fn revoke_sessions(&self, user: &str) {
        self.world.sessions.revoke(user);
    }

    /// Refuses connections from now on, until [`Self::listen_again`].
    pub async fn hang_up(&self) -> Result<()> {
        self.listening.hang_up().await
    }

    /// Listens again, as if nothing had been.
    pub fn listen_again(&self) -> Result<()> {
        self.listening.listen_again()
    }

    /// From now on, new connections are shown this certificate.
    pub async fn present(&self, leaf: &Leaf) -> Result<()> {
        self.listening.present(leaf).await
    }

    /// Prints a line for each request that is answered, without anything secret.
    pub fn print_requests(&self) {
        self.world.requests.print();
    }

    /// The authority (PEM) that clients have to trust.
    pub fn ca(&self) -> &str {
        &self.authority
    }

    fn tenant_id(&self, tenant: &str) -> String {
        self.directory()
            .tenant(tenant)
            .map_or_else(|| tenant.to_owned(), |tenant| tenant.id.clone())
    }

    /// A token with these claims, whatever they are, signed by the key that signs now.
    pub fn mint(&self, claims: &Value) -> Result<String> {
        let key = self.world.keys.current()?;
        key.sign(&json!({"typ": "JWT", "alg": "RS256", "kid": key.id()}), claims)
    }

    /// The same with members of the header changed; null takes one out.
    pub fn mint_with_header(&self, header: &Value, claims: &Value) -> Result<String> {
        let key = self.world.keys.current()?;
        let mut whole = json!({"typ": "JWT", "alg": "RS256", "kid": key.id()});
        for (name, value) in header.as_object().into_iter().flatten() {
            whole[name] = value.clone();
        }
        if let Some(whole) = whole.as_object_mut() {
            whole.retain(|_, value| !value.is_null());
        }
        key.sign(&whole, claims)
    }
}
