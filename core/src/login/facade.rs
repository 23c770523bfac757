//! What one façade is.

use super::redirect_uri::{self, ConfiguredRedirect};
use super::{FacadeIssuer, Refusal, Resources, VettedRedirectUri};

/// One façade: an issuer of its own before one tenant, and one public client that stands for all.
#[derive(Debug, Clone)]
pub struct Facade {
    /// Who it is to clients.
    pub issuer: FacadeIssuer,
    /// The client that is registered with the identity provider.
    pub client_id: String,
    /// What tokens may be asked for.
    pub resources: Resources,
    /// Redirect URIs besides the table.
    pub redirects: Vec<ConfiguredRedirect>,
    /// Whether clients may register themselves, as which they get `client_id`.
    pub registers: bool,
}

impl Facade {
    /// The client of a request is the registered one.
    pub(super) fn check_client(&self, client_id: Option<&str>) -> Result<(), Refusal> {
        let is_ours = client_id == Some(self.client_id.as_str());
        if is_ours { Ok(()) } else { Err(Refusal::ClientUnknown) }
    }

    /// Whether a code may be sent there.
    pub(super) fn vet(&self, uri: Option<&str>) -> Result<VettedRedirectUri, Refusal> {
        let uri = uri.ok_or(Refusal::RedirectUriMissing)?;
        redirect_uri::vet(uri, &self.redirects).map_err(|_| Refusal::RedirectUriRefused)
    }
}
