//! From a context to the connections that are made for it.

use secrecy::ExposeSecret as _;

use super::kubeconfig::{Certificate, Endpoint};
use crate::cluster::Wire;
use crate::tls;

/// How the API server is reached, and what is shown to it.
///
/// # Errors
/// When a file cannot be read, or is not what it should be.
pub(super) fn wire(
    endpoint: &Endpoint,
    certificate: Option<&Certificate>,
) -> Result<Wire, String> {
    let authority = endpoint.authority.as_ref().map(|pem| pem.read()).transpose()?;
    let authority = authority.as_ref().map(|pem| pem.expose_secret());
    let pair = match certificate {
        None => None,
        Some(pair) => Some((pair.chain.read()?, pair.key.read()?)),
    };
    let pair = pair.as_ref().map(|(chain, key)| (chain.expose_secret(), key.expose_secret()));
    let tls = tls::client_config_of_pem(authority, pair).map_err(|error| error.to_string())?;
    Ok(Wire::new(tls, endpoint.server_name.clone(), endpoint.proxy.clone()))
}
