//! HTTP clients that trust one test authority and nothing else.

use std::time::Duration;

use anyhow::{Context as _, Result};

/// A client for servers with certificates of this authority (PEM).
///
/// It follows no redirects and uses no proxy of the environment: tests look at each answer.
pub fn client(authority: &str) -> Result<reqwest::Client> {
    let authority = reqwest::Certificate::from_pem(authority.as_bytes())
        .context("the authority's certificate is not PEM")?;
    Ok(builder().tls_certs_only([authority]).build()?)
}

/// A client for plain HTTP.
pub fn plain_client() -> Result<reqwest::Client> {
    Ok(builder().tls_certs_only([]).build()?)
}

/// The common settings, for clients with a certificate of their own or another protocol.
pub fn builder() -> reqwest::ClientBuilder {
    install_crypto();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        // A kept connection belongs to the runtime of the test that made it, and parts are shared.
        .pool_max_idle_per_host(0)
        .timeout(Duration::from_secs(60))
}

/// Makes *ring* this process's TLS implementation; later calls change nothing.
pub fn install_crypto() {
    // An error means that it was done before.
    let _before = rustls::crypto::ring::default_provider().install_default();
}
