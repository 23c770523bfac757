//! Signed client assertions (RFC 7523 §2.2, §3).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use obolus_core::UnixSeconds;
use secrecy::SecretString;
use serde::Serialize;

use super::certificate::Certificate;
use super::file_signer::{FileSigner, NoKey};
use super::signer::Signer;
use super::{
    AssertionAlgorithm, AuthenticationError, CredentialError, Generation, Thumbprint, files,
};
use crate::material::{Content, Material, Watched};
use crate::{clock, guid};

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
    key: Arc<Material<Held, CredentialError>>,
    reader: Reader,
}

struct Held {
    signer: Box<dyn Signer>,
    /// The JOSE header, encoded.
    header: String,
    expires_at: Option<UnixSeconds>,
}

/// RFC 7515 §4.1.
#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
    #[serde(rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(rename = "x5t", skip_serializing_if = "Option::is_none")]
    sha1: Option<String>,
}

/// RFC 7523 §3.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    jti: &'a str,
    iat: UnixSeconds,
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<UnixSeconds>,
    exp: UnixSeconds,
}

impl Reader {
    fn life_seconds(self) -> u64 {
        match self {
            Self::Keycloak => 30,
            Self::Entra => 300,
        }
    }
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
        let reader = rules.reader;
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
                held(&path, content.file(0), certificate, &rules)
            },
        )?;
        Ok(Self { key: Arc::new(key.ending(|held| held.expires_at)), reader })
    }

    pub(super) fn generation(&self) -> Generation {
        self.key.current().map(|held| held.generation).unwrap_or_default()
    }

    /// When the certificate ends.
    pub(super) fn expires_at(&self) -> Option<UnixSeconds> {
        self.key.current()?.value.expires_at
    }

    pub(super) fn watched(&self, target: &str) -> Watched {
        self.key.watched(target, |_| {})
    }

    /// An assertion for one request: `iss` and `sub` are the client, `aud` is one string (Keycloak refuses lists), `jti`
    /// is never used twice.
    pub(super) async fn sign(
        &self,
        client_id: &str,
        audience: &str,
        now: UnixSeconds,
    ) -> Result<SecretString, AuthenticationError> {
        let jti = guid::random().ok_or(AuthenticationError::Unsigned)?;
        let claims = Claims {
            iss: client_id,
            sub: client_id,
            aud: audience,
            jti: &jti,
            iat: now,
            nbf: match self.reader {
                // Nothing but a second clock's drift would make it matter.
                Reader::Keycloak => None,
                Reader::Entra => Some(now),
            },
            exp: now.saturating_add(self.reader.life_seconds()),
        };
        let claims = encoded(&claims).ok_or(AuthenticationError::Unsigned)?;
        let held = self.key.current().ok_or(AuthenticationError::Unsigned)?;
        let input = format!("{}.{claims}", held.value.header);
        let signature = held.value.signer.sign(input.as_bytes()).await;
        let signature = signature.map_err(|_| AuthenticationError::Unsigned)?;
        Ok(SecretString::from(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }
}

/// A part of a compact JWS.
fn encoded(part: &impl Serialize) -> Option<String> {
    serde_json::to_vec(part).ok().map(|json| URL_SAFE_NO_PAD.encode(json))
}

fn held(
    path: &Path,
    bytes: &[u8],
    certificate: Option<(&Path, &[u8])>,
    rules: &AssertionRules,
) -> Result<Held, CredentialError> {
    let AssertionRules { reader, algorithm, key_id, thumbprint } = rules;
    let signer = FileSigner::from_pem(*algorithm, bytes)
        .map_err(|fault| CredentialError::new(path, told(&fault, *algorithm, *reader)))?;
    let mut header = Header {
        alg: algorithm.as_str(),
        typ: "JWT",
        kid: key_id.as_deref(),
        sha256: None,
        sha1: None,
    };
    let mut expires_at = None;
    if let Some((certificate_path, bytes)) = certificate {
        let certificate = Certificate::of_key(certificate_path, bytes, signer.public_key())?;
        if *reader == Reader::Entra {
            certificate.must_be_good_at(certificate_path, clock::now())?;
        }
        let name = match thumbprint {
            Thumbprint::Sha256 => &mut header.sha256,
            Thumbprint::Sha1 => &mut header.sha1,
        };
        *name = Some(certificate.thumbprint(*thumbprint));
        tracing::info!(
            path = %certificate_path.display(),
            thumbprint = certificate.portal_thumbprint(),
            expires_at = certificate.expires_at(),
            "the certificate of client assertions"
        );
        expires_at = Some(certificate.expires_at());
    }
    let header = encoded(&header).ok_or_else(|| CredentialError::new(path, "cannot be named"))?;
    Ok(Held { signer: Box::new(signer), header, expires_at })
}

fn told(fault: &NoKey, algorithm: AssertionAlgorithm, reader: Reader) -> String {
    match fault {
        NoKey::Encrypted => "is behind a passphrase, and nobody is there to type it in: write the key without one, and \
                             let the file's permissions protect it"
            .to_owned(),
        NoKey::Several => "holds several private keys: leave the one that is registered".to_owned(),
        NoKey::Unfit => {
            let name = algorithm.as_str();
            let mut text = match algorithm {
                AssertionAlgorithm::ES256 => format!(
                    "holds no private key in PEM (PKCS#8 or SEC1) on P-256, which {name} signs with"
                ),
                AssertionAlgorithm::RS256 | AssertionAlgorithm::PS256 => format!(
                    "holds no private key in PEM (PKCS#8 or PKCS#1) that is RSA of 2048 to 4096 bits, which {name} signs with"
                ),
            };
            if reader == Reader::Entra {
                text += ": Entra takes RSA: make such a key, and register its certificate";
            }
            text
        }
    }
}

#[cfg(test)]
mod tests;
