//! Signatures of incoming tokens, verified by *ring*, which is here for TLS anyway: for RSA a fraction of what Rust alone
//! takes, so that every request's token is verified, also when the answer is remembered.

use der::asn1::BitStringRef;
use der::{Decode as _, Reader as _, SliceReader};
use obolus_core::token::{
    Algorithm, InvalidSignature, SignatureVerifier, SignedToken, VerificationKey,
};
use ring::signature::{self, UnparsedPublicKey, VerificationAlgorithm};

/// Every algorithm of [`Algorithm`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ring;

impl SignatureVerifier for Ring {
    fn verify(
        &self,
        key: &VerificationKey,
        algorithm: Algorithm,
        token: SignedToken<'_>,
    ) -> Result<(), InvalidSignature> {
        let key = public_key(key.spki_der()).map_err(|_| InvalidSignature)?;
        UnparsedPublicKey::new(of(algorithm), key)
            .verify(token.signing_input, token.signature)
            .map_err(|_| InvalidSignature)
    }
}

/// RFC 7518 §3.3 to §3.5: RSA of 2048 bits or more; the salt of PSS is as long as the digest; ECDSA is `r || s`.
fn of(algorithm: Algorithm) -> &'static dyn VerificationAlgorithm {
    match algorithm {
        Algorithm::RS256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::RS384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::RS512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::PS256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::PS384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::PS512 => &signature::RSA_PSS_2048_8192_SHA512,
        Algorithm::ES256 => &signature::ECDSA_P256_SHA256_FIXED,
        Algorithm::ES384 => &signature::ECDSA_P384_SHA384_FIXED,
        Algorithm::EdDSA => &signature::ED25519,
    }
}

/// What *ring* wants of a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7): PKCS#1 for RSA, the point for the others. Which kind
/// of key it is was held against the algorithm before.
fn public_key(spki: &[u8]) -> der::Result<&[u8]> {
    let mut outer = SliceReader::new(spki)?;
    outer.sequence(|spki| {
        spki.tlv_bytes()?; // algorithm
        Ok(BitStringRef::decode(spki)?.raw_bytes())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jwt_simple::prelude::*;
    use obolus_core::Reason;
    use obolus_core::token::{
        IssuerRules, KeySet, Provider, PureRust, Unverified, UnverifiedToken,
    };
    use obolus_tests::fixtures::idp::now;
    use serde_json::json;

    use super::*;

    /// What a verifier says of a token.
    fn verdict(token: &str, keys: &KeySet, verifier: &dyn SignatureVerifier) -> Option<Reason> {
        let rules = IssuerRules {
            name: "idp".to_owned(),
            provider: Provider::Oidc("https://idp".to_owned()),
            algorithms: Algorithm::ALL.to_vec(),
            clock_skew_seconds: 0,
        };
        let token = UnverifiedToken::parse(token).unwrap();
        let checked = token.check(&[Arc::new(rules)], &["resource".to_owned()], now()).unwrap();
        match checked.verify(keys, verifier) {
            Ok(_) => None,
            Err(Unverified::Refused(reason)) => Some(reason),
            Err(Unverified::KeyUnknown(_)) => Some(Reason::KeyUnknown),
        }
    }

    /// With every character but its first and last of the signature changed in turn.
    fn forgeries(token: &str) -> impl Iterator<Item = String> {
        let begin = token.rfind('.').unwrap() + 2;
        let places = (begin..token.len() - 1).step_by(17);
        places.map(|place| {
            let other = if token.as_bytes()[place] == b'A' { "B" } else { "A" };
            format!("{}{other}{}", &token[..place], &token[place + 1..])
        })
    }

    #[test]
    fn each_algorithm_is_verified_as_rust_alone_does_it_and_no_forgery_is() {
        let rsa = RS256KeyPair::generate(2048).unwrap().to_der().unwrap();
        let encode = |bytes: &[u8]| Base64UrlSafeNoPadding::encode_to_string(bytes).unwrap();
        let claims = || {
            Claims::create(Duration::from_mins(1))
                .with_issuer("https://idp")
                .with_subject("alice")
                .with_audience("resource")
        };
        let components = RS256KeyPair::from_der(&rsa).unwrap().public_key().to_components();
        let rsa_jwk = json!({"kty": "RSA", "n": encode(&components.n), "e": encode(&components.e)});
        macro_rules! by_rsa {
            ($pair:ty) => {
                (
                    <$pair>::from_der(&rsa).unwrap().with_key_id("k").sign(claims()).unwrap(),
                    rsa_jwk.clone(),
                )
            };
        }
        let p256 = ES256KeyPair::generate();
        let point = p256.public_key().public_key().to_bytes_uncompressed();
        let p256_jwk = json!({"kty": "EC", "crv": "P-256", "x": encode(&point[1..33]), "y": encode(&point[33..])});
        let p384 = ES384KeyPair::generate();
        let point = p384.public_key().public_key().to_bytes_uncompressed();
        let p384_jwk = json!({"kty": "EC", "crv": "P-384", "x": encode(&point[1..49]), "y": encode(&point[49..])});
        let ed = Ed25519KeyPair::generate();
        let ed_jwk =
            json!({"kty": "OKP", "crv": "Ed25519", "x": encode(&ed.public_key().to_bytes())});
        for (algorithm, (token, mut jwk)) in Algorithm::ALL.into_iter().zip([
            by_rsa!(RS256KeyPair),
            by_rsa!(RS384KeyPair),
            by_rsa!(RS512KeyPair),
            by_rsa!(PS256KeyPair),
            by_rsa!(PS384KeyPair),
            by_rsa!(PS512KeyPair),
            (p256.with_key_id("k").sign(claims()).unwrap(), p256_jwk),
            (p384.with_key_id("k").sign(claims()).unwrap(), p384_jwk),
            (ed.with_key_id("k").sign(claims()).unwrap(), ed_jwk),
        ]) {
            jwk["kid"] = json!("k");
            let keys = KeySet::parse(json!({"keys": [jwk]}).to_string().as_bytes()).unwrap();
            let verifiers: [&dyn SignatureVerifier; 2] = [&Ring, &PureRust];
            for verifier in verifiers {
                assert_eq!(verdict(&token, &keys, verifier), None, "{algorithm:?}");
            }
            let mut forged = 0;
            for forgery in forgeries(&token) {
                let seen = verdict(&forgery, &keys, &Ring);
                assert_eq!(seen, Some(Reason::SignatureInvalid), "{algorithm:?}");
                forged += 1;
            }
            assert!(forged > 3);
            // Another token's signature.
            let other = KeySet::parse(json!({"keys": [other_of(&jwk)]}).to_string().as_bytes());
            let seen = verdict(&token, &other.unwrap(), &Ring);
            assert_eq!(seen, Some(Reason::SignatureInvalid), "{algorithm:?}: another's key");
        }
    }

    /// Another key of this one's kind.
    fn other_of(jwk: &serde_json::Value) -> serde_json::Value {
        use obolus_tests::fixtures::idp::Key;
        let mut other = match jwk["crv"].as_str() {
            Some("P-384") => {
                let point =
                    ES384KeyPair::generate().public_key().public_key().to_bytes_uncompressed();
                let encode =
                    |bytes: &[u8]| Base64UrlSafeNoPadding::encode_to_string(bytes).unwrap();
                json!({"kty": "EC", "crv": "P-384", "x": encode(&point[1..49]), "y": encode(&point[49..])})
            }
            Some("P-256") => Key::new("ES256", "k").unwrap().jwk().clone(),
            Some(_) => Key::new("EdDSA", "k").unwrap().jwk().clone(),
            None => Key::new("RS256", "k").unwrap().jwk().clone(),
        };
        for name in ["alg", "use"] {
            other.as_object_mut().unwrap().remove(name);
        }
        other["kid"] = json!("k");
        other
    }
}
