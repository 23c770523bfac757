//! Signed client assertions (RFC 7523 §2.2, §3).

use std::path::{Path, PathBuf};

use jwt_simple::prelude::{Claims, Duration, JWTClaims, NoCustomClaims};
use obolus_core::UnixSeconds;
use secrecy::SecretString;

use super::certificate::Certificate;
use super::reloaded::Reloaded;
use super::signer::Signer;
use super::{AssertionAlgorithm, AuthenticationError, CredentialError, Generation, Thumbprint};
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
    key: Reloaded<Held>,
    reader: Reader,
}

struct Held {
    signer: Signer,
    expires_at: Option<UnixSeconds>,
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
        let certificate_path = certificate.clone().unwrap_or_default();
        let key = Reloaded::open(path, certificate, move |path, bytes, certificate| {
            held(path, bytes, certificate.map(|bytes| (certificate_path.as_path(), bytes)), &rules)
        })?;
        Ok(Self { key, reader })
    }

    pub(super) fn generation(&self) -> Generation {
        self.key.current().1
    }

    /// When the certificate ends.
    pub(super) fn expires_at(&self) -> Option<UnixSeconds> {
        self.key.current().0.expires_at
    }

    /// An assertion for one request: `iss` and `sub` are the client, `aud` is one string (Keycloak refuses lists), `jti`
    /// is never used twice.
    pub(super) fn sign(
        &self,
        client_id: &str,
        audience: &str,
        now: UnixSeconds,
    ) -> Result<SecretString, AuthenticationError> {
        let jti = guid::random().ok_or(AuthenticationError::Unsigned)?;
        let mut claims: JWTClaims<NoCustomClaims> = Claims::create(Duration::from_secs(0))
            .with_issuer(client_id)
            .with_subject(client_id)
            .with_audience(audience)
            .with_jwt_id(jti);
        claims.issued_at = Some(Duration::from_secs(now));
        claims.expires_at =
            Some(Duration::from_secs(now.saturating_add(self.reader.life_seconds())));
        claims.invalid_before = match self.reader {
            // Nothing but a second clock's drift would make it matter.
            Reader::Keycloak => None,
            Reader::Entra => Some(Duration::from_secs(now)),
        };
        let (held, _) = self.key.current();
        let signed = held.signer.sign(claims).ok_or(AuthenticationError::Unsigned)?;
        Ok(SecretString::from(signed))
    }
}

fn held(
    path: &Path,
    bytes: &[u8],
    certificate: Option<(&Path, &[u8])>,
    rules: &AssertionRules,
) -> Result<Held, CredentialError> {
    let AssertionRules { reader, algorithm, key_id, thumbprint } = rules;
    let wrong = || {
        let mut problem = format!("is no private key in PEM (PKCS#8) that can sign {algorithm:?}");
        if *reader == Reader::Entra {
            problem += ": Entra takes RSA of 2048 bits or more: make such a key, and register its certificate";
        }
        CredentialError::new(path, problem)
    };
    let pem = str::from_utf8(bytes).map_err(|_| wrong())?;
    let mut signer = Signer::from_pem(*algorithm, pem).ok_or_else(wrong)?;
    let mut expires_at = None;
    if let Some((certificate_path, bytes)) = certificate {
        let certificate = Certificate::read(certificate_path, bytes)?;
        certificate.must_be_of(certificate_path, &signer.public_key().ok_or_else(wrong)?)?;
        if *reader == Reader::Entra {
            certificate.must_be_good_at(certificate_path, clock::now())?;
        }
        signer
            .name_certificate(*thumbprint, &certificate.thumbprint(*thumbprint))
            .ok_or_else(wrong)?;
        tracing::info!(
            path = %certificate_path.display(),
            thumbprint = certificate.portal_thumbprint(),
            expires_at = certificate.expires_at(),
            "the certificate of client assertions"
        );
        expires_at = Some(certificate.expires_at());
    }
    if let Some(key_id) = key_id {
        signer = signer.with_key_id(key_id);
    }
    Ok(Held { signer, expires_at })
}

#[cfg(test)]
mod tests;
