//! Signatures of all kinds over whatever a test wants signed: honest ones, and those of an attacker.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use obolus_tests::pki::Leaf;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
    RSA_PSS_SHA256, RSA_PSS_SHA384, RsaEncoding, RsaKeyPair,
};
use ring::{digest, hmac};
use serde_json::Value;

/// The part of a JWS that is signed.
pub(crate) fn signing_input(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

/// A token whose header's `alg` decides how the leaf's key is used: `none` signs nothing, and `HS256` takes the
/// certificate, which everybody knows, as the secret.
pub(crate) fn sign(leaf: &Leaf, header: &Value, claims: &Value) -> String {
    let input = signing_input(header, claims);
    let signature = signature(leaf, header["alg"].as_str().unwrap_or_default(), input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn signature(leaf: &Leaf, algorithm: &str, input: &[u8]) -> Vec<u8> {
    let random = SystemRandom::new();
    match algorithm {
        "ES256" => {
            let kind = &ECDSA_P256_SHA256_FIXED_SIGNING;
            let key = EcdsaKeyPair::from_pkcs8(kind, &der(&leaf.key), &random).unwrap();
            key.sign(&random, input).unwrap().as_ref().to_vec()
        }
        "HS256" => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, leaf.certificate.as_bytes());
            hmac::sign(&key, input).as_ref().to_vec()
        }
        "none" | "None" | "NONE" => Vec::new(),
        name => {
            let padding: &dyn RsaEncoding = match name {
                "PS256" | "ps256" => &RSA_PSS_SHA256,
                "PS384" => &RSA_PSS_SHA384,
                "RS384" => &RSA_PKCS1_SHA384,
                _ => &RSA_PKCS1_SHA256,
            };
            let key = RsaKeyPair::from_pkcs8(&der(&leaf.key)).unwrap();
            let mut signature = vec![0; key.public().modulus_len()];
            key.sign(padding, &random, input, &mut signature).unwrap();
            signature
        }
    }
}

/// `x5t`: SHA-1 of the certificate, in base64url.
pub(crate) fn x5t(leaf: &Leaf) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &leaf.der))
}

/// `x5t#S256`: SHA-256 of the certificate, in base64url.
pub(crate) fn x5t_s256(leaf: &Leaf) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &leaf.der))
}

/// SHA-1 of the certificate as the portal shows it: upper-case hexadecimal.
pub(crate) fn thumbprint(leaf: &Leaf) -> String {
    let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &leaf.der);
    digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect()
}

fn der(pem: &str) -> Vec<u8> {
    let lines: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(lines).unwrap()
}

/// The same token with one bit of its signature changed.
pub(crate) fn forged(token: &str) -> String {
    let (input, signature) = token.rsplit_once('.').unwrap();
    let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    bytes[0] ^= 1;
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// The same signature under other claims.
pub(crate) fn with_claims(token: &str, claims: &Value) -> String {
    let mut parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    parts[1] = URL_SAFE_NO_PAD.encode(claims.to_string());
    parts.join(".")
}
