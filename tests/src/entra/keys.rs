//! Signing keys: what is published, what signs, and how that changes.
//!
//! Published are, in no particular order, the key that signs, the one before it, one for later and one
//! that may sign for personal accounts only. Who takes the first key, or any key whose `issuer` is
//! another tenant's, finds out here.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use anyhow::{Context as _, Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jwt_simple::prelude::RS256KeyPair;
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256};
use ring::digest;
use ring::rand::SystemRandom;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
};
use serde_json::{Value, json};

/// The tenant of personal Microsoft accounts.
const PERSONAL_ACCOUNTS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// A key with its certificate.
pub(super) struct SigningKey {
    pub(super) id: String,
    pair: RsaKeyPair,
    n: String,
    e: String,
    certificate: Vec<u8>,
}

impl SigningKey {
    /// A new key with a new self-signed certificate, whose thumbprint is its id.
    pub(super) fn new() -> Result<Self> {
        let made = RS256KeyPair::generate(2048)?;
        let public = made.public_key().to_components();
        let pem = KeyPair::from_pkcs8_pem_and_sign_algo(&made.to_pem()?, &PKCS_RSA_SHA256)?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "accounts.accesscontrol.windows.net");
        let certificate = params.self_signed(&pem)?.der().to_vec();
        let pair = RsaKeyPair::from_pkcs8(&pem.serialize_der())
            .map_err(|error| anyhow!("RSA key: {error}"))?;
        let sha1 = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &certificate);
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        Ok(Self {
            id: encode(sha1.as_ref()),
            pair,
            n: encode(&public.n),
            e: encode(&public.e),
            certificate,
        })
    }

    fn jwk(&self, issuer: &str) -> Value {
        json!({
            "kty": "RSA",
            "use": "sig",
            "kid": self.id,
            "x5t": self.id,
            "n": self.n,
            "e": self.e,
            "x5c": [STANDARD.encode(&self.certificate)],
            "cloud_instance_name": "microsoftonline.com",
            "issuer": issuer,
        })
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
        let header = |nonce: &str| json!({"typ": "JWT", "nonce": nonce, "alg": "RS256", "x5t": self.id, "kid": self.id});
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

    /// Whether this key signed that.
    pub(super) fn verifies(&self, input: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.pair.public().as_ref())
            .verify(input, signature)
            .is_ok()
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

/// The emulator's keys.
pub struct Keys {
    ring: Mutex<Ring>,
    personal: Arc<SigningKey>,
    custom: OnceLock<Arc<SigningKey>>,
}

struct Ring {
    /// The first one signs; all are published.
    standard: Vec<Arc<SigningKey>>,
    /// The next one is already published.
    next: Arc<SigningKey>,
    /// Sign although they are not published.
    hidden: Vec<String>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("current", &self.current_id()).finish_non_exhaustive()
    }
}

impl Keys {
    pub(super) fn new() -> Result<Self> {
        // Making RSA keys takes long; keys that never sign are the same in all emulators of a process.
        static IDLE: OnceLock<[Arc<SigningKey>; 2]> = OnceLock::new();
        if IDLE.get().is_none() {
            let made = [Arc::new(SigningKey::new()?), Arc::new(SigningKey::new()?)];
            let _whoever_was_first = IDLE.set(made);
        }
        let [previous, personal] = IDLE.get().context("no idle keys")?;
        let [first, next] = [SigningKey::new()?, SigningKey::new()?].map(Arc::new);
        let ring = Ring { standard: vec![first, Arc::clone(previous)], next, hidden: Vec::new() };
        Ok(Self { ring: Mutex::new(ring), personal: Arc::clone(personal), custom: OnceLock::new() })
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The `kid` of the key that signs.
    pub fn current_id(&self) -> String {
        self.current().map_or_else(|_| String::new(), |key| key.id.clone())
    }

    /// The `kid`s that are published for a tenant, in the order in which they stand there.
    pub fn published(&self) -> Vec<String> {
        let set = self.set("", str::to_owned);
        let keys = set["keys"].as_array().into_iter().flatten();
        keys.filter_map(|key| key["kid"].as_str().map(str::to_owned)).collect()
    }

    /// The announced key signs from now on; the one that signed stays published.
    pub fn roll(&self) -> Result<()> {
        let new = Arc::new(SigningKey::new()?);
        let mut ring = self.ring();
        let announced = std::mem::replace(&mut ring.next, new);
        ring.standard.insert(0, announced);
        Ok(())
    }

    /// A key that was never announced signs from now on, and the one that signed stays published.
    pub fn roll_without_notice(&self) -> Result<()> {
        let new = Arc::new(SigningKey::new()?);
        self.ring().standard.insert(0, new);
        Ok(())
    }

    /// Emergency: a key that was never announced signs from now on, and the one that signed is gone. Its tokens are
    /// worth nothing here and to everybody who fetches the keys.
    pub fn remove_current(&self) -> Result<()> {
        let new = Arc::new(SigningKey::new()?);
        if let Some(first) = self.ring().standard.first_mut() {
            *first = new;
        }
        Ok(())
    }

    /// The keys that do not sign any more are no longer published: the end of a roll-over.
    pub fn retire_previous(&self) {
        self.ring().standard.truncate(1);
    }

    /// The key that signs goes on signing, but is not published, or is again.
    pub fn publish_current(&self, published: bool) {
        let id = self.current_id();
        let mut ring = self.ring();
        ring.hidden.retain(|hidden| *hidden != id);
        if !published {
            ring.hidden.push(id);
        }
    }

    /// The key that signs.
    pub(super) fn current(&self) -> Result<Arc<SigningKey>> {
        self.ring().standard.first().cloned().context("no signing key")
    }

    /// The key of an application that has one of its own.
    pub(super) fn custom(&self) -> Result<Arc<SigningKey>> {
        if let Some(key) = self.custom.get() {
            return Ok(Arc::clone(key));
        }
        let made = Arc::new(SigningKey::new()?);
        Ok(Arc::clone(self.custom.get_or_init(|| made)))
    }

    /// The key of this id that may sign for organizations: the current one or one before it.
    pub(super) fn standard(&self, id: &str) -> Option<Arc<SigningKey>> {
        self.ring().standard.iter().find(|key| key.id == id).cloned()
    }

    /// The key set in which each key says whose tokens it signs: `issuer` of this tenant, or of personal accounts.
    pub(super) fn set(&self, tenant: &str, issuer: impl Fn(&str) -> String) -> Value {
        let ring = self.ring();
        let (issuer, personal) = (issuer(tenant), issuer(PERSONAL_ACCOUNTS));
        let mut keys = vec![self.personal.jwk(&personal), ring.next.jwk(&issuer)];
        let shown = ring.standard.iter().filter(|key| !ring.hidden.contains(&key.id));
        keys.extend(shown.map(|key| key.jwk(&issuer)));
        // Neither the first nor the last is the one that signs, and the order tells nothing.
        keys.sort_by_key(|key| {
            digest::digest(&digest::SHA256, key["kid"].as_str().unwrap_or_default().as_bytes())
                .as_ref()
                .to_vec()
        });
        json!({"keys": keys})
    }
}
