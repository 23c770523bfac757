//! Acting for people at an API server that does not know their identity provider: with this server's own credential, and
//! the names of the person in `Impersonate-…` headers (Kubernetes, "User impersonation").
//!
//! The API server believes these headers, so everything that it would verify of a token is verified here: no
//! [`Impersonated`] is made but by [`Impersonation::admit`], from a token whose signature, issuer, audience and time were
//! proved ([`proved`]). The person's token itself goes nowhere. Off unless configured.

mod credential;
mod keys;
#[cfg(test)]
mod minted;
mod names;
mod proved;

use std::path::PathBuf;
use std::sync::Arc;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use obolus_core::token::IssuerRules;

use crate::clock::UnixSeconds;
use crate::config::{ImpersonationConfig, NamesConfig};
use crate::failure::Failure;
use crate::person::Person;
use crate::tls::TlsError;
use crate::user_token::UserToken;
use credential::Credential;
pub(crate) use credential::check_token_file;
use keys::Keys;
pub(crate) use keys::check_key_file;

/// How people are impersonated at one cluster.
#[derive(Debug)]
pub(super) struct Impersonation {
    rules: Arc<IssuerRules>,
    audiences: Vec<String>,
    names: NamesConfig,
    keys: Arc<Keys>,
    credential: Arc<Credential>,
}

/// A person whose token was proved to be theirs, towards an API server that is told their names.
///
/// INVARIANT: only [`Impersonation::admit`] makes one. It holds no token of the person's.
#[derive(Debug, Clone)]
pub(crate) struct Impersonated(Arc<Proved>);

#[derive(Debug)]
struct Proved {
    /// `Impersonate-…`, and nothing else.
    names: HeaderMap,
    person: Person,
    expires: UnixSeconds,
    credential: Arc<Credential>,
}

impl Impersonation {
    /// Nothing is fetched before the first call.
    ///
    /// # Errors
    /// When the CAs cannot be read.
    pub(super) fn new(
        config: &ImpersonationConfig,
        audiences: &[String],
    ) -> Result<Self, TlsError> {
        Ok(Self {
            rules: Arc::clone(&config.rules),
            audiences: audiences.to_vec(),
            names: config.names.clone(),
            keys: Arc::new(Keys::new(config)?),
            credential: Arc::new(Credential::new(config.token_file.clone())),
        })
    }

    /// The file of the CAs that keys are fetched with.
    pub(super) fn certificate_authority(&self) -> Option<&PathBuf> {
        self.keys.certificate_authority()
    }

    /// Reads the CAs again. On error those of before stay.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(super) fn reload(&self) -> Result<(), TlsError> {
        self.keys.reload()
    }

    /// Verifies a token, and takes from it the names that its owner acts by. `cluster` is for texts.
    ///
    /// # Errors
    /// When the token is not good here, or has no names that may be sent. Nothing was sent to the API server then.
    pub(super) async fn admit(
        &self,
        token: &UserToken,
        cluster: String,
    ) -> Result<Impersonated, Failure> {
        let proved = proved::prove(token, &self.rules, &self.audiences, &self.keys).await;
        let proved = proved.map_err(|reason| {
            tracing::info!(
                token = %token.digest(),
                reason = reason.as_str(),
                "a token is refused for impersonation"
            );
            Failure::TokenRefused { cluster: cluster.clone(), reason }
        })?;
        let names = names::headers(&self.names, &proved).map_err(|unfit| {
            tracing::info!(token = %token.digest(), %unfit, "a person cannot be impersonated");
            Failure::NotImpersonated { cluster, unfit: unfit.to_string() }
        })?;
        Ok(Impersonated(Arc::new(Proved {
            names,
            person: token.person(),
            expires: proved.expires_at(),
            credential: Arc::clone(&self.credential),
        })))
    }
}

impl Impersonated {
    /// The server's own `Authorization`, and the person's names.
    ///
    /// # Errors
    /// When the server has no credential.
    pub(super) fn headers(&self, server: &str) -> Result<HeaderMap, Failure> {
        let mut headers = self.0.names.clone();
        headers.insert(AUTHORIZATION, self.0.credential.authorization(server)?);
        Ok(headers)
    }

    /// Whether there is another credential by now than the one in these headers.
    pub(super) fn renewed_after(&self, refused: &HeaderMap) -> bool {
        self.0.credential.renewed_after(refused.get(AUTHORIZATION))
    }

    pub(super) fn person(&self) -> Person {
        self.0.person.clone()
    }

    /// When the person's token ends, and all that was begun with it.
    pub(super) fn expires(&self) -> UnixSeconds {
        self.0.expires
    }

    /// `text` without the server's credential.
    pub(super) fn scrub(&self, text: &str) -> String {
        self.0.credential.scrub(text)
    }
}

#[cfg(test)]
mod tests;
