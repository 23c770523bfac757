//! A pretend issuer: its keys, its key set, and tokens that say whatever a test wants them to say.

use std::sync::{Arc, LazyLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::prelude::*;
use obolus_core::Reason;
use obolus_core::token::{
    Algorithm, IssuerRules, KeySet, Principal, Profile, Provider, PureRust, Unverified,
    UnverifiedToken,
};
use serde_json::{Map, Value, json};

pub(crate) const ISSUER: &str = "https://idp.example.com/realms/obolus";
pub(crate) const RESOURCE: &str = "https://mcp.example.com/mcp";
/// The only clock of these tests.
pub(crate) const NOW: u64 = 1_800_000_000;

/// The issuer's private keys; each `kid` names the family.
pub(crate) struct Keys {
    rsa: Vec<u8>,
    pub(crate) es256: ES256KeyPair,
    pub(crate) es384: ES384KeyPair,
    pub(crate) ed25519: Ed25519KeyPair,
}

/// RSA keys take a second to make: one, for all six algorithms.
pub(crate) static KEYS: LazyLock<Keys> = LazyLock::new(Keys::generate);

/// Keys that the issuer knows nothing of.
pub(crate) static STRANGER: LazyLock<Keys> = LazyLock::new(Keys::generate);

impl Keys {
    fn generate() -> Self {
        Self {
            rsa: RS256KeyPair::generate(2048).unwrap().to_der().unwrap(),
            es256: ES256KeyPair::generate(),
            es384: ES384KeyPair::generate(),
            ed25519: Ed25519KeyPair::generate(),
        }
    }

    pub(crate) fn rsa_public(&self) -> RS256PublicKey {
        RS256KeyPair::from_der(&self.rsa).unwrap().public_key()
    }

    /// The members of the RSA key's JWK.
    pub(crate) fn rsa_jwk(&self, kid: &str) -> Value {
        let parts = self.rsa_public().to_components();
        json!({"kty": "RSA", "kid": kid, "n": b64(&parts.n), "e": b64(&parts.e)})
    }

    pub(crate) fn ec_jwk(&self, kid: &str) -> Value {
        let point = self.es256.public_key().public_key().to_bytes_uncompressed();
        json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": b64(&point[1..33]), "y": b64(&point[33..])})
    }

    pub(crate) fn p384_jwk(&self, kid: &str) -> Value {
        let point = self.es384.public_key().public_key().to_bytes_uncompressed();
        json!({"kty": "EC", "crv": "P-384", "kid": kid, "x": b64(&point[1..49]), "y": b64(&point[49..])})
    }

    pub(crate) fn ed_jwk(&self, kid: &str) -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": b64(&self.ed25519.public_key().to_bytes())})
    }

    pub(crate) fn jwks(&self) -> Value {
        json!({"keys": [
            self.rsa_jwk("rsa"), self.ec_jwk("p256"), self.p384_jwk("p384"), self.ed_jwk("ed25519"),
        ]})
    }

    /// Signs with the key that fits, as jwt-simple words it.
    pub(crate) fn sign(&self, algorithm: Algorithm, claims: &Value) -> String {
        self.sign_as(algorithm, kid_for(algorithm), None, claims)
    }

    pub(crate) fn sign_as(
        &self,
        algorithm: Algorithm,
        kid: &str,
        typ: Option<&str>,
        claims: &Value,
    ) -> String {
        let options =
            HeaderOptions { signature_type: typ.map(str::to_owned), ..HeaderOptions::default() };
        macro_rules! rsa {
            ($pair:ty) => {
                <$pair>::from_der(&self.rsa)
                    .unwrap()
                    .with_key_id(kid)
                    .sign_with_options(custom(claims), &options)
            };
        }
        match algorithm {
            Algorithm::RS256 => rsa!(RS256KeyPair),
            Algorithm::RS384 => rsa!(RS384KeyPair),
            Algorithm::RS512 => rsa!(RS512KeyPair),
            Algorithm::PS256 => rsa!(PS256KeyPair),
            Algorithm::PS384 => rsa!(PS384KeyPair),
            Algorithm::PS512 => rsa!(PS512KeyPair),
            Algorithm::ES256 => ES256KeyPair::from_bytes(&self.es256.to_bytes())
                .unwrap()
                .with_key_id(kid)
                .sign_with_options(custom(claims), &options),
            Algorithm::ES384 => ES384KeyPair::from_bytes(&self.es384.to_bytes())
                .unwrap()
                .with_key_id(kid)
                .sign_with_options(custom(claims), &options),
            Algorithm::EdDSA => {
                self.ed25519.clone().with_key_id(kid).sign_with_options(custom(claims), &options)
            }
        }
        .unwrap()
    }

    /// Signs any header and any claims, byte for byte, with the P-256 key.
    pub(crate) fn sign_text(&self, header: &str, claims: &str) -> String {
        use p256::ecdsa::signature::Signer as _;
        let key = p256::ecdsa::SigningKey::from_slice(&self.es256.to_bytes()).unwrap();
        let input = format!("{}.{}", b64(header.as_bytes()), b64(claims.as_bytes()));
        let signature: p256::ecdsa::Signature = key.sign(input.as_bytes());
        format!("{input}.{}", b64(&signature.to_bytes()))
    }
}

pub(crate) fn kid_for(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::ES256 => "p256",
        Algorithm::ES384 => "p384",
        Algorithm::EdDSA => "ed25519",
        _ => "rsa",
    }
}

pub(crate) fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// No claim of jwt-simple's own making, only these.
fn custom(claims: &Value) -> JWTClaims<Map<String, Value>> {
    JWTClaims {
        issued_at: None,
        expires_at: None,
        invalid_before: None,
        issuer: None,
        subject: None,
        audiences: None,
        jwt_id: None,
        nonce: None,
        custom: claims.as_object().unwrap().clone(),
    }
}

/// What Keycloak says of alice.
pub(crate) fn alice() -> Value {
    json!({
        "iss": ISSUER,
        "sub": "5c9d2f6e-alice",
        "aud": [RESOURCE, "obolus-sts"],
        "azp": "mcp-client",
        "typ": "Bearer",
        "scope": "openid mcp:tools",
        "jti": "onrtac:1",
        "sid": "session-of-alice",
        "iat": NOW - 10,
        "exp": NOW + 300,
    })
}

/// Alice's claims with some of them replaced; `null` takes a claim away.
pub(crate) fn alice_but(changes: Value) -> Value {
    let mut claims = alice();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

pub(crate) fn rules(profile: Profile) -> Arc<IssuerRules> {
    Arc::new(IssuerRules {
        name: "keycloak".to_owned(),
        provider: match profile {
            Profile::Keycloak => Provider::Keycloak(ISSUER.to_owned()),
            _ => Provider::Oidc(ISSUER.to_owned()),
        },
        algorithms: Algorithm::ALL.to_vec(),
        clock_skew_seconds: 30,
    })
}

pub(crate) static KEY_SET: LazyLock<KeySet> =
    LazyLock::new(|| KeySet::parse(KEYS.jwks().to_string().as_bytes()).unwrap());

/// Every check that a token goes through, as the shells run them.
pub(crate) fn verify_with(
    token: &str,
    rules: &Arc<IssuerRules>,
    keys: &KeySet,
    now: u64,
) -> Result<Principal, Reason> {
    let checked = UnverifiedToken::parse(token)?.check(
        std::slice::from_ref(rules),
        &[RESOURCE.to_owned()],
        now,
    )?;
    assert_eq!(checked.issuer_name(), "keycloak");
    checked.verify(keys, &PureRust).map_err(|unverified| match unverified {
        Unverified::KeyUnknown(_) => Reason::KeyUnknown,
        Unverified::Refused(reason) => reason,
    })
}

pub(crate) fn verify(token: &str) -> Result<Principal, Reason> {
    verify_with(token, &rules(Profile::Keycloak), &KEY_SET, NOW)
}

/// A principal who was verified like any other; the same claims make the same token.
pub(crate) fn principal(claims: &Value) -> Principal {
    verify(&KEYS.sign_text(HEADER, &claims.to_string())).unwrap()
}

/// The header that [`Keys::sign_text`] fits.
pub(crate) const HEADER: &str = r#"{"alg":"ES256","kid":"p256","typ":"JWT"}"#;

/// What becomes of alice's token with these changes.
pub(crate) fn verify_alice_but(changes: Value) -> Result<(), Reason> {
    verify_text(&alice_but(changes).to_string())
}

/// What becomes of claims that only text can say.
pub(crate) fn verify_text(claims: &str) -> Result<(), Reason> {
    verify(&KEYS.sign_text(HEADER, claims)).map(drop)
}
