//! Signed client assertions (RFC 7523 §2.2, §3).

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::common::KeyMetadata;
use jwt_simple::prelude::{
    Claims, Duration, ECDSAP256KeyPairLike as _, ES256KeyPair, JWTClaims, NoCustomClaims,
    PS256KeyPair, RS256KeyPair, RSAKeyPairLike as _,
};
use obolus_core::UnixSeconds;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::SecretString;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::reloaded::Reloaded;
use super::{CredentialError, Generation};

/// How long one assertion is good for. Keycloak takes up to 60 s; it is used at once or not at all.
const LIFE_SECONDS: u64 = 30;

/// What may sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum AssertionAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
}

/// The assertion cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client assertion cannot be signed")]
pub struct AssertionError;

/// A private key in a file, and how it is named to the identity provider.
#[derive(Debug)]
pub struct AssertionKey {
    key: Reloaded<Signer>,
}

enum Signer {
    Rs256(RS256KeyPair),
    Ps256(PS256KeyPair),
    Es256(ES256KeyPair),
}

impl AssertionKey {
    /// Reads the key, and again when it or its certificate changes. A certificate must be the key's, and is then named by its
    /// thumbprint (`x5t#S256`).
    ///
    /// # Errors
    /// When a file does not hold what it should, or they do not belong together.
    pub fn open(
        path: PathBuf,
        algorithm: AssertionAlgorithm,
        key_id: Option<String>,
        certificate: Option<PathBuf>,
    ) -> Result<Self, CredentialError> {
        let certificate_path = certificate.clone().unwrap_or_default();
        let key = Reloaded::open(path, certificate, move |path, bytes, certificate| {
            let wrong = || {
                CredentialError::new(
                    path,
                    format!("is no private key in PEM (PKCS#8) that can sign {algorithm:?}"),
                )
            };
            let pem = str::from_utf8(bytes).map_err(|_| wrong())?;
            let mut signer = Signer::from_pem(algorithm, pem).ok_or_else(wrong)?;
            if let Some(certificate) = certificate {
                let thumbprint = thumbprint_of_own(&certificate_path, certificate, &signer)?;
                signer.name_certificate(&thumbprint).ok_or_else(wrong)?;
            }
            Ok(match &key_id {
                Some(key_id) => signer.with_key_id(key_id),
                None => signer,
            })
        })?;
        Ok(Self { key })
    }

    pub(super) fn generation(&self) -> Generation {
        self.key.current().1
    }

    /// An assertion for one request: `iss` and `sub` are the client, `aud` is the issuer as one string (Keycloak
    /// refuses lists, and RFC 7523bis wants the issuer), `jti` is never used twice.
    pub(super) fn sign(
        &self,
        client_id: &str,
        issuer: &str,
        now: UnixSeconds,
    ) -> Result<SecretString, AssertionError> {
        let mut jti = [0u8; 16];
        ring::default_provider().secure_random.fill(&mut jti).map_err(|_| AssertionError)?;
        let mut claims: JWTClaims<NoCustomClaims> = Claims::create(Duration::from_secs(0))
            .with_issuer(client_id)
            .with_subject(client_id)
            .with_audience(issuer)
            .with_jwt_id(URL_SAFE_NO_PAD.encode(jti));
        claims.issued_at = Some(Duration::from_secs(now));
        claims.expires_at = Some(Duration::from_secs(now.saturating_add(LIFE_SECONDS)));
        // Nothing but a second clock's drift would make it matter.
        claims.invalid_before = None;
        let (signer, _) = self.key.current();
        match &*signer {
            Signer::Rs256(key) => key.sign(claims),
            Signer::Ps256(key) => key.sign(claims),
            Signer::Es256(key) => key.sign(claims),
        }
        .map(SecretString::from)
        .map_err(|_| AssertionError)
    }
}

impl Signer {
    fn from_pem(algorithm: AssertionAlgorithm, pem: &str) -> Option<Self> {
        match algorithm {
            AssertionAlgorithm::RS256 => RS256KeyPair::from_pem(pem).ok().map(Self::Rs256),
            AssertionAlgorithm::PS256 => PS256KeyPair::from_pem(pem).ok().map(Self::Ps256),
            AssertionAlgorithm::ES256 => ES256KeyPair::from_pem(pem).ok().map(Self::Es256),
        }
    }

    fn with_key_id(self, key_id: &str) -> Self {
        match self {
            Self::Rs256(key) => Self::Rs256(key.with_key_id(key_id)),
            Self::Ps256(key) => Self::Ps256(key.with_key_id(key_id)),
            Self::Es256(key) => Self::Es256(key.with_key_id(key_id)),
        }
    }

    fn name_certificate(&mut self, thumbprint: &str) -> Option<()> {
        let metadata =
            KeyMetadata::default().with_certificate_sha256_thumbprint(thumbprint).ok()?;
        match self {
            Self::Rs256(key) => key.attach_metadata(metadata),
            Self::Ps256(key) => key.attach_metadata(metadata),
            Self::Es256(key) => key.attach_metadata(metadata),
        }
        .ok()
    }

    fn public_key(&self) -> Option<Vec<u8>> {
        match self {
            Self::Rs256(key) => key.public_key().to_der().ok(),
            Self::Ps256(key) => key.public_key().to_der().ok(),
            Self::Es256(key) => key.public_key().to_der().ok(),
        }
    }
}

/// SHA-256 of the certificate in base64url, if its public key is the signer's.
fn thumbprint_of_own(path: &Path, pem: &[u8], signer: &Signer) -> Result<String, CredentialError> {
    let wrong = |problem: &str| CredentialError::new(path, problem).of_certificate();
    let der = CertificateDer::from_pem_slice(pem).map_err(|_| wrong("is no certificate in PEM"))?;
    let certificate =
        webpki::EndEntityCert::try_from(&der).map_err(|_| wrong("is no X.509 certificate"))?;
    if signer.public_key().as_deref() != Some(certificate.subject_public_key_info().as_ref()) {
        return Err(wrong("is the certificate of another key"));
    }
    Ok(URL_SAFE_NO_PAD.encode(Sha256::digest(&der)))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use obolus_core::json;
    use secrecy::ExposeSecret as _;

    use super::*;

    fn part(assertion: &SecretString, index: usize) -> serde_json::Value {
        let part = assertion.expose_secret().split('.').nth(index).unwrap();
        json::parse(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    #[test]
    fn an_assertion_is_for_one_issuer_short_lived_named_and_never_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let (key_file, certificate_file) =
            (folder.path().join("key.pem"), folder.path().join("certificate.pem"));
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();
        std::fs::write(&key_file, key.serialize_pem()).unwrap();
        std::fs::write(&certificate_file, certificate.pem()).unwrap();
        let open = |key_id: Option<&str>, certificate| {
            AssertionKey::open(
                key_file.clone(),
                AssertionAlgorithm::ES256,
                key_id.map(str::to_owned),
                certificate,
            )
        };

        let named = open(Some("key-1"), Some(certificate_file.clone())).unwrap();
        let assertion = named.sign("sts", "https://issuer", 1000).unwrap();
        let header = part(&assertion, 0);
        assert_eq!(header["alg"], "ES256");
        assert_eq!(header["kid"], "key-1");
        assert_eq!(header["x5t#S256"], URL_SAFE_NO_PAD.encode(Sha256::digest(certificate.der())));
        let claims = part(&assertion, 1);
        assert_eq!(claims["aud"], "https://issuer");
        assert_eq!((&claims["iss"], &claims["sub"]), (&"sts".into(), &"sts".into()));
        assert_eq!((&claims["iat"], &claims["exp"]), (&1000.into(), &1030.into()));

        let bare = open(None, None).unwrap();
        let ids: HashSet<_> = (0..100)
            .map(|_| part(&bare.sign("sts", "https://issuer", 1).unwrap(), 1)["jti"].to_string())
            .collect();
        assert_eq!(ids.len(), 100);
        assert!(part(&bare.sign("sts", "i", 1).unwrap(), 0).get("kid").is_none());

        let other = rcgen::KeyPair::generate().unwrap();
        let foreign = rcgen::CertificateParams::default().self_signed(&other).unwrap();
        std::fs::write(&certificate_file, foreign.pem()).unwrap();
        let error = open(None, Some(certificate_file)).unwrap_err();
        assert_eq!(error.setting(), "certificate_file");
        assert!(AssertionKey::open(key_file, AssertionAlgorithm::RS256, None, None).is_err());
    }

    #[test]
    fn a_key_and_its_certificate_may_be_replaced_one_after_the_other_and_either_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (old, new) = (rcgen::KeyPair::generate().unwrap(), rcgen::KeyPair::generate().unwrap());
        let certify = |key: &rcgen::KeyPair| {
            let certificate = rcgen::CertificateParams::default().self_signed(key).unwrap();
            std::fs::write(path("certificate"), certificate.pem()).unwrap();
            URL_SAFE_NO_PAD.encode(Sha256::digest(certificate.der()))
        };
        let first = certify(&old);
        std::fs::write(path("key"), old.serialize_pem()).unwrap();
        let algorithm = AssertionAlgorithm::ES256;
        let key = AssertionKey::open(path("key"), algorithm, None, Some(path("certificate")));
        let key = key.unwrap();
        let named = || {
            key.key.forget_when_checked();
            let assertion = key.sign("sts", "https://issuer", 1).unwrap();
            part(&assertion, 0)["x5t#S256"].as_str().unwrap().to_owned()
        };
        assert_eq!(named(), first);
        let generation = key.generation();
        std::fs::write(path("key"), new.serialize_pem()).unwrap();
        assert_eq!([named(), named()], [first.clone(), first]);
        assert_eq!(key.generation(), generation);
        let second = certify(&new);
        assert_eq!(named(), second);
        assert_ne!(key.generation(), generation);
        let renewed = certify(&new);
        assert_ne!(renewed, second);
        assert_eq!(named(), renewed);
    }
}
