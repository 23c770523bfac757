//! Signed client assertions (RFC 7523 §2.2, §3).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use obolus_core::UnixSeconds;
use secrecy::SecretString;

use super::assertor::Assertor;
use super::certificate::Certificate;
use super::file_signer::{FileSigner, NoKey, PrivateKind};
use super::signer::Signer;
use super::{
    AssertionAlgorithm, AuthenticationError, CredentialError, Generation, Thumbprint, files,
};
use crate::clock;
use crate::material::{Content, Material, Watched};

/// Who reads the assertions of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Keycloak takes up to 60 s of life; an assertion is used at once or not at all.
    Keycloak,
    /// Entra wants five to ten minutes, `nbf`, and the certificate that the key was registered with.
    Entra,
}

/// How a key signs, and how it is named.
#[derive(Debug, Clone)]
pub struct AssertionRules {
    /// For whom.
    pub reader: Reader,
    /// What signs.
    pub algorithm: AssertionAlgorithm,
    /// `kid`.
    pub key_id: Option<String>,
    /// By what the certificate is named, if there is one.
    pub thumbprint: Thumbprint,
}

/// A private key in a file, and how it is named to the identity provider.
#[derive(Debug)]
pub struct AssertionKey {
    key: Arc<Material<Assertor, CredentialError>>,
}

impl AssertionKey {
    /// Reads the key, and again when it or its certificate changes. A certificate must be the key's, and is then named by its
    /// thumbprint. One that Entra reads must not have expired.
    ///
    /// # Errors
    /// When a file does not hold what it should, or they do not belong together.
    pub fn open(
        path: PathBuf,
        certificate: Option<PathBuf>,
        rules: AssertionRules,
    ) -> Result<Self, CredentialError> {
        let shown = path.clone();
        let both = (path.clone(), certificate.clone());
        let key = Material::open(
            "client_key",
            shown,
            move || {
                let key = files::read(&both.0)?;
                let certificate = both.1.as_deref().map(files::read).transpose();
                let certificate = certificate.map_err(CredentialError::of_certificate)?;
                Ok(Content::new([key].into_iter().chain(certificate).collect()))
            },
            move |content| {
                let certificate = certificate.as_deref().map(|path| (path, content.file(1)));
                assertor(&path, content.file(0), certificate, &rules)
            },
        )?;
        Ok(Self { key: Arc::new(key.ending(Assertor::expires_at)) })
    }

    pub(super) fn generation(&self) -> Generation {
        self.key.current().map(|held| held.generation).unwrap_or_default()
    }

    /// When the certificate ends.
    pub(super) fn expires_at(&self) -> Option<UnixSeconds> {
        self.key.current()?.value.expires_at()
    }

    pub(super) fn watched(&self, target: &str) -> Watched {
        self.key.watched(target, |_| {})
    }

    /// An assertion for one request, by the newest good key.
    pub(super) async fn sign(
        &self,
        client_id: &str,
        audience: &str,
        now: UnixSeconds,
    ) -> Result<SecretString, AuthenticationError> {
        let held = self.key.current().ok_or(AuthenticationError::Unsigned)?;
        held.value.sign(client_id, audience, now).await
    }
}

fn assertor(
    path: &Path,
    bytes: &[u8],
    certificate: Option<(&Path, &[u8])>,
    rules: &AssertionRules,
) -> Result<Assertor, CredentialError> {
    let AssertionRules { reader, algorithm, .. } = rules;
    let signer = FileSigner::from_pem(*algorithm, bytes)
        .map_err(|fault| CredentialError::new(path, told(&fault, *algorithm, *reader)))?;
    let certificate = certificate
        .map(|(path, bytes)| {
            let certificate = Certificate::of_key(path, bytes, signer.public_key())?;
            if *reader == Reader::Entra {
                certificate.must_be_good_at(path, clock::now())?;
            }
            tracing::info!(
                path = %path.display(),
                thumbprint = certificate.portal_thumbprint(),
                expires_at = certificate.expires_at(),
                "the certificate of client assertions"
            );
            Ok(certificate)
        })
        .transpose()?;
    Assertor::new(Box::new(signer), certificate.as_ref(), rules)
        .ok_or_else(|| CredentialError::new(path, "cannot be named in a header"))
}

fn told(fault: &NoKey, algorithm: AssertionAlgorithm, reader: Reader) -> String {
    match fault {
        NoKey::Missing(found) => found.clone(),
        NoKey::Several => "holds several private keys: leave the one that is registered".to_owned(),
        NoKey::Unfit(kind) => {
            let name = algorithm.as_str();
            let found = match kind {
                PrivateKind::Rsa(bits) => format!("an RSA key of {bits} bits"),
                PrivateKind::Ec => "a key on an elliptic curve".to_owned(),
                PrivateKind::Other => "a key of another kind, or a damaged one".to_owned(),
            };
            let wanted = match algorithm {
                AssertionAlgorithm::ES256 => "a key on P-256 (PKCS#8 or SEC1)",
                AssertionAlgorithm::RS256 | AssertionAlgorithm::PS256 => {
                    "RSA of 2048 to 4096 bits (PKCS#8 or PKCS#1)"
                }
            };
            let mut text = format!("holds {found}, and {name} signs with {wanted}");
            if reader == Reader::Entra {
                text += ": Entra takes RSA: make such a key, and register its certificate";
            }
            text
        }
    }
}

#[cfg(test)]
mod tests;
