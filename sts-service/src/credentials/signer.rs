//! A private key that signs with one algorithm.

use jwt_simple::common::KeyMetadata;
use jwt_simple::prelude::{
    ECDSAP256KeyPairLike as _, ES256KeyPair, JWTClaims, NoCustomClaims, PS256KeyPair, RS256KeyPair,
    RSAKeyPairLike as _,
};
use serde::Deserialize;

use super::Thumbprint;

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

pub(super) enum Signer {
    Rs256(RS256KeyPair),
    Ps256(PS256KeyPair),
    Es256(ES256KeyPair),
}

impl Signer {
    /// PKCS#8; for RSA also PKCS#1.
    pub(super) fn from_pem(algorithm: AssertionAlgorithm, pem: &str) -> Option<Self> {
        match algorithm {
            AssertionAlgorithm::RS256 => RS256KeyPair::from_pem(pem).ok().map(Self::Rs256),
            AssertionAlgorithm::PS256 => PS256KeyPair::from_pem(pem).ok().map(Self::Ps256),
            AssertionAlgorithm::ES256 => ES256KeyPair::from_pem(pem).ok().map(Self::Es256),
        }
    }

    pub(super) fn with_key_id(self, key_id: &str) -> Self {
        match self {
            Self::Rs256(key) => Self::Rs256(key.with_key_id(key_id)),
            Self::Ps256(key) => Self::Ps256(key.with_key_id(key_id)),
            Self::Es256(key) => Self::Es256(key.with_key_id(key_id)),
        }
    }

    /// Names the certificate in the header of whatever is signed.
    pub(super) fn name_certificate(&mut self, kind: Thumbprint, thumbprint: &str) -> Option<()> {
        let metadata = KeyMetadata::default();
        let metadata = match kind {
            Thumbprint::Sha256 => metadata.with_certificate_sha256_thumbprint(thumbprint),
            Thumbprint::Sha1 => metadata.with_certificate_sha1_thumbprint(thumbprint),
        }
        .ok()?;
        match self {
            Self::Rs256(key) => key.attach_metadata(metadata),
            Self::Ps256(key) => key.attach_metadata(metadata),
            Self::Es256(key) => key.attach_metadata(metadata),
        }
        .ok()
    }

    /// SubjectPublicKeyInfo.
    pub(super) fn public_key(&self) -> Option<Vec<u8>> {
        match self {
            Self::Rs256(key) => key.public_key().to_der().ok(),
            Self::Ps256(key) => key.public_key().to_der().ok(),
            Self::Es256(key) => key.public_key().to_der().ok(),
        }
    }

    /// A compact JWS.
    pub(super) fn sign(&self, claims: JWTClaims<NoCustomClaims>) -> Option<String> {
        match self {
            Self::Rs256(key) => key.sign(claims),
            Self::Ps256(key) => key.sign(claims),
            Self::Es256(key) => key.sign(claims),
        }
        .ok()
    }
}
