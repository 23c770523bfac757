//! Tokens of an issuer of our own, for tests.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use obolus_core::token::{Algorithm, IssuerRules, Provider};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};

use super::keys::Keys;
use crate::clock;
use crate::config::{ImpersonationConfig, KeysFrom, Named, NamesConfig};
use crate::user_token::UserToken;

pub(super) const ISSUER: &str = "https://idp.example.com";
pub(super) const AUDIENCE: &str = "kubernetes";

pub(super) struct Key {
    key: SigningKey,
    id: String,
}

impl Key {
    /// The same for the same number.
    pub(super) fn new(number: u8) -> Self {
        Self { key: SigningKey::from_slice(&[number; 32]).unwrap(), id: format!("key-{number}") }
    }

    pub(super) fn jwk(&self) -> Value {
        let point = self.key.verifying_key().to_sec1_point(false);
        let point = point.as_bytes();
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({
            "kty": "EC", "crv": "P-256", "kid": self.id, "alg": "ES256",
            "x": encode(&point[1..33]), "y": encode(&point[33..]),
        })
    }

    pub(super) fn sign(&self, claims: &Value) -> UserToken {
        self.sign_as(&json!({"alg": "ES256", "kid": self.id, "typ": "JWT"}), claims)
    }

    pub(super) fn sign_as(&self, header: &Value, claims: &Value) -> UserToken {
        let encode = |text: String| URL_SAFE_NO_PAD.encode(text);
        let input = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature: Signature = self.key.sign(input.as_bytes());
        UserToken::new(&format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes())))
    }
}

pub(super) fn set(keys: &[&Key]) -> String {
    json!({"keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>()}).to_string()
}

/// Alice's, good for five minutes.
pub(super) fn claims() -> Value {
    let now = clock::now();
    json!({
        "iss": ISSUER, "sub": "alice", "aud": AUDIENCE, "azp": "client", "iat": now, "exp": now + 300,
        "groups": ["developers"],
    })
}

pub(super) fn rules() -> IssuerRules {
    IssuerRules {
        name: "impersonation".to_owned(),
        provider: Provider::Oidc(ISSUER.to_owned()),
        algorithms: vec![Algorithm::ES256],
        clock_skew_seconds: 30,
    }
}

pub(super) fn named(claim: &str) -> Named {
    Named { claim: claim.to_owned(), prefix: "kc:".try_into().unwrap() }
}

/// With `sub`, `groups`, and keys in a file of this folder.
pub(super) fn config(folder: &std::path::Path) -> ImpersonationConfig {
    ImpersonationConfig {
        token_file: folder.join("token"),
        rules: Arc::new(rules()),
        keys: KeysFrom::File(keys_file(folder)),
        keys_refresh: Duration::from_secs(60),
        keys_max_stale: Duration::from_secs(600),
        names: NamesConfig {
            username: named("sub"),
            groups: Some(named("groups")),
            allowed_groups: None,
            uid_claim: None,
        },
    }
}

pub(super) fn keys_file(folder: &std::path::Path) -> PathBuf {
    folder.join("keys.json")
}

/// Keys in a folder of their own.
pub(super) fn keys(published: &[&Key]) -> (tempfile::TempDir, Arc<Keys>) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(keys_file(folder.path()), set(published)).unwrap();
    let keys = Arc::new(Keys::new(&config(folder.path())).unwrap());
    (folder, keys)
}
