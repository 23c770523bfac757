//! From a context to the connections that are made for it.

use std::net::IpAddr;

use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use secrecy::ExposeSecret as _;

use super::kubeconfig::{Certificate, Endpoint, known_proxy};
use crate::cluster::Wire;
use crate::tls;

/// How the API server is reached, and what is shown to it.
///
/// # Errors
/// When a file cannot be read, or is not what it should be.
pub(super) fn wire(endpoint: &Endpoint, certificate: Option<&Certificate>) -> Result<Wire, String> {
    let authority = endpoint.authority.as_ref().map(|pem| pem.read()).transpose()?;
    let authority = authority.as_ref().map(|pem| pem.expose_secret());
    let pair = match certificate {
        None => None,
        Some(pair) => Some((pair.chain.read()?, pair.key.read()?)),
    };
    let pair = pair.as_ref().map(|(chain, key)| (chain.expose_secret(), key.expose_secret()));
    let tls = tls::client_config_of_pem(authority, pair).map_err(|error| error.to_string())?;
    let proxy = match &endpoint.proxy {
        Some(proxy) => Some(proxy.clone()),
        None => environments_proxy(&endpoint.server)?,
    };
    Ok(Wire::through(tls, endpoint.server_name.clone(), proxy))
}

/// `HTTPS_PROXY`, unless `NO_PROXY` or this very machine is meant.
fn environments_proxy(server: &Uri) -> Result<Option<Intercept>, String> {
    let host = server.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_here =
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if is_here {
        return Ok(None);
    }
    let proxy = Matcher::from_env().intercept(server).map(known_proxy).transpose();
    proxy.map_err(|reason| format!("the proxy in the environment (HTTPS_PROXY) {reason}"))
}
