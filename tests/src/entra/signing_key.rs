//! A key, and what it signs.

use std::sync::{Arc, OnceLock};

use anyhow::{Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jwt_simple::prelude::RS256KeyPair;
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256};
use ring::digest;
use ring::rand::SystemRandom;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// 65537, which all keys here have.
const EXPONENT: [u8; 3] = [1, 0, 1];

/// What is published of a key.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct PublicKey {
    /// `kid`, the certificate's thumbprint.
    #[serde(rename = "kid")]
    pub(super) id: String,
    n: String,
    /// Its certificate, as the key set has it.
    x5c: String,
}

impl PublicKey {
    /// It as it stands in a key set. The service names no algorithm.
    pub(super) fn jwk(&self, issuer: &str) -> Value {
        json!({
            "kty": "RSA",
            "use": "sig",
            "kid": self.id,
            "x5t": self.id,
            "n": self.n,
            "e": URL_SAFE_NO_PAD.encode(EXPONENT),
            "x5c": [self.x5c],
            "cloud_instance_name": "microsoftonline.com",
            "issuer": issuer,
        })
    }

    /// Whether this key signed that, with RS256.
    pub(super) fn verifies(&self, input: &[u8], signature: &[u8]) -> bool {
        let Ok(n) = URL_SAFE_NO_PAD.decode(&self.n) else { return false };
        let components = RsaPublicKeyComponents { n: &n[..], e: &EXPONENT[..] };
        components.verify(&RSA_PKCS1_2048_8192_SHA256, input, signature).is_ok()
    }
}

/// A key that signs.
pub(super) struct SigningKey {
    pub(super) public: PublicKey,
    pair: RsaKeyPair,
}

impl SigningKey {
    /// A new key with a new self-signed certificate.
    pub(super) fn new() -> Result<Self> {
        let made = RS256KeyPair::generate(2048)?;
        let pem = KeyPair::from_pkcs8_pem_and_sign_algo(&made.to_pem()?, &PKCS_RSA_SHA256)?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "accounts.accesscontrol.windows.net");
        let certificate = params.self_signed(&pem)?.der().to_vec();
        let pair = RsaKeyPair::from_pkcs8(&pem.serialize_der())
            .map_err(|error| anyhow!("RSA key: {error}"))?;
        let sha1 = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &certificate);
        let public = PublicKey {
            id: URL_SAFE_NO_PAD.encode(sha1),
            n: URL_SAFE_NO_PAD.encode(made.public_key().to_components().n),
            x5c: STANDARD.encode(&certificate),
        };
        Ok(Self { public, pair })
    }

    /// `kid`.
    pub(super) fn id(&self) -> &str {
        &self.public.id
    }

    /// A token with this header and these claims.
    pub(super) fn sign(&self, header: &Value, claims: &Value) -> Result<String> {
        let input = signed_part(header, claims);
        let signature = self.signature(input.as_bytes())?;
        Ok(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// A token as Graph gets it: signed over the digest of the header's `nonce`, and shown with the nonce itself,
    /// so that nobody but Graph can check it.
    pub(super) fn sign_for_graph(&self, nonce: &str, claims: &Value) -> Result<String> {
        let id = self.id();
        let header = |nonce: &str| json!({"typ": "JWT", "nonce": nonce, "alg": "RS256", "x5t": id, "kid": id});
        let signature = self.signature(signed_part(&header(&hashed(nonce)), claims).as_bytes())?;
        let shown = signed_part(&header(nonce), claims);
        Ok(format!("{shown}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn signature(&self, input: &[u8]) -> Result<Vec<u8>> {
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input, &mut signature)
            .map_err(|_| anyhow!("cannot sign"))?;
        Ok(signature)
    }
}

/// What Graph's tokens are signed over in place of their `nonce`.
pub(super) fn hashed(nonce: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, nonce.as_bytes()))
}

fn signed_part(header: &Value, claims: &Value) -> String {
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    format!("{}.{}", encode(header), encode(claims))
}

/// A key that is being made: that takes long, and whoever needs it first waits.
#[derive(Clone, Default)]
pub(super) struct Coming(Arc<OnceLock<Arc<SigningKey>>>);

impl Coming {
    /// Begins.
    pub(super) fn begin() -> Self {
        let coming = Self::default();
        let made = coming.clone();
        std::thread::spawn(move || made.wait());
        coming
    }

    /// The key.
    ///
    /// # Panics
    /// When no RSA key can be made.
    #[expect(clippy::expect_used, reason = "without keys there is no test")]
    pub(super) fn wait(&self) -> Arc<SigningKey> {
        Arc::clone(self.0.get_or_init(|| Arc::new(SigningKey::new().expect("an RSA key"))))
    }
}
