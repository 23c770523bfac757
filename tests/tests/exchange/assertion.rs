//! Client assertions that the STS would never make, signed with its key; and proofs of a client's own.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use obolus_tests::fixtures::idp::now;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};

/// A JWT of these claims, signed with this key as the algorithm has it.
pub(crate) fn sign(key: &str, algorithm: &str, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let input = format!("{}.{}", part(&json!({"alg": algorithm, "typ": "JWT"})), part(claims));
    let signature = if algorithm == "HS256" {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
        hmac::sign(&secret, input.as_bytes()).as_ref().to_vec()
    } else {
        let pair = RsaKeyPair::from_pkcs8(&der(key)).unwrap();
        let mut signature = vec![0; pair.public().modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input.as_bytes(), &mut signature)
            .unwrap();
        signature
    };
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A proof of possession of a new key for a request to the token endpoint (RFC 9449 §4.2).
pub(crate) fn dpop_proof(url: &str) -> String {
    let random = SystemRandom::new();
    let kind = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(kind, pkcs8.as_ref(), &random).unwrap();
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let jwk = json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)});
    let header = json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": jwk});
    let claims = json!({"jti": encode(x), "htm": "POST", "htu": url, "iat": now()});
    let part = |value: &Value| encode(value.to_string().as_bytes());
    let input = format!("{}.{}", part(&header), part(&claims));
    let signature = pair.sign(&random, input.as_bytes()).unwrap();
    format!("{input}.{}", encode(signature.as_ref()))
}

fn der(pem: &str) -> Vec<u8> {
    let lines: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(lines).unwrap()
}
