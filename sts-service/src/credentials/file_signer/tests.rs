use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jwt_simple::prelude::{
    ECDSAP256PublicKeyLike as _, ES256PublicKey, PS256PublicKey, RS256PublicKey,
    RSAPublicKeyLike as _,
};
use obolus_tests::pki::{KeyKind, self_signed};
use rcgen::PublicKeyData as _;

use super::*;

fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let lines: Vec<_> = body.as_bytes().chunks(64).map(|l| str::from_utf8(l).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

/// PKCS#8 (RFC 5208 §5) holds PKCS#1 as the octet string at its end.
fn pkcs1(pkcs8: &[u8]) -> &[u8] {
    let inner = pkcs8.windows(4).skip(8).position(|w| w[..2] == [0x30, 0x82]).unwrap() + 8;
    &pkcs8[inner..]
}

fn der(parts: &[&[u8]], tag: u8) -> Vec<u8> {
    let body = parts.concat();
    [&[tag, u8::try_from(body.len()).unwrap()], body.as_slice()].concat()
}

/// As `openssl ecparam -genkey` writes it.
fn sec1(key: &rcgen::KeyPair, curve: &[u8]) -> Vec<u8> {
    let pkcs8 = key.serialize_der();
    let at = pkcs8.windows(5).position(|w| w == b"\x02\x01\x01\x04\x20").unwrap() + 5;
    let scalar = [SCALAR, &pkcs8[at..at + 32]].concat();
    let point = der(&[&der(&[&[0], key.public_key_raw()], 0x03)], 0xa1);
    der(&[b"\x02\x01\x01", &scalar, curve, &point], 0x30)
}

fn signs(algorithm: AssertionAlgorithm, pem: &str) -> Result<FileSigner, NoKey> {
    FileSigner::from_pem(algorithm, pem.as_bytes())
}

#[tokio::test]
async fn each_form_of_a_key_signs_what_its_public_half_verifies() {
    let rsa = self_signed("rsa", KeyKind::Rsa).unwrap();
    let der = PrivateKeyDer::from_pem_slice(rsa.key.as_bytes()).unwrap();
    let rsa_forms = [rsa.key.clone(), pem("RSA PRIVATE KEY", pkcs1(der.secret_der()))];
    let ec = rcgen::KeyPair::generate().unwrap();
    let parameters = pem("EC PARAMETERS", b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07");
    let sec1 = pem("EC PRIVATE KEY", &sec1(&ec, P256));
    let ec_forms = [ec.serialize_pem(), sec1.clone(), parameters + &sec1];
    let certificate = &rsa.certificate;
    let bundles = |forms: &[String]| -> Vec<String> {
        let around = |form: &String| {
            [form.clone(), format!("{certificate}{form}"), format!("{form}{certificate}")]
        };
        forms.iter().flat_map(around).collect()
    };
    for algorithm in [AssertionAlgorithm::RS256, AssertionAlgorithm::PS256] {
        for form in bundles(&rsa_forms) {
            let key = signs(algorithm, &form).unwrap();
            let token = token(&key).await;
            let good = match algorithm {
                AssertionAlgorithm::RS256 => RS256PublicKey::from_der(key.public_key())
                    .unwrap()
                    .verify_token::<serde_json::Value>(&token, None),
                _ => PS256PublicKey::from_der(key.public_key())
                    .unwrap()
                    .verify_token::<serde_json::Value>(&token, None),
            };
            good.unwrap();
        }
        for form in [&ec_forms[0], &ec_forms[1]] {
            assert_eq!(signs(algorithm, form).err(), Some(NoKey::Unfit(PrivateKind::Ec)));
        }
    }
    for form in bundles(&ec_forms) {
        let key = signs(AssertionAlgorithm::ES256, &form).unwrap();
        assert_eq!(key.public_key(), ec.subject_public_key_info());
        let public = ES256PublicKey::from_der(key.public_key()).unwrap();
        public.verify_token::<serde_json::Value>(&token(&key).await, None).unwrap();
    }
    for form in &rsa_forms {
        let refused = signs(AssertionAlgorithm::ES256, form).err();
        assert_eq!(refused, Some(NoKey::Unfit(PrivateKind::Rsa(2048))));
    }
}

/// A JWS of this signer's, whatever it says.
async fn token(key: &FileSigner) -> String {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let header = format!(r#"{{"alg":"{}","typ":"JWT"}}"#, key.algorithm().as_str());
    let input = [header.as_str(), "{}"].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    let signature = key.sign(input.as_bytes()).await.unwrap();
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn a_key_that_is_of_no_use_is_refused_by_what_is_the_matter() {
    let algorithm = AssertionAlgorithm::ES256;
    let (one, other) = (rcgen::KeyPair::generate().unwrap(), rcgen::KeyPair::generate().unwrap());
    let refused = |text: &str| signs(algorithm, text).err();
    assert_eq!(refused(&one.serialize_pem()), None);
    assert_eq!(refused(&(one.serialize_pem() + &other.serialize_pem())), Some(NoKey::Several));
    let encrypted = pem("ENCRYPTED PRIVATE KEY", b"whatever");
    let missing = |text: &str, word: &str| match refused(text) {
        Some(NoKey::Missing(found)) => assert!(found.contains(word), "{found}"),
        other => panic!("{text} {other:?}"),
    };
    missing(&encrypted, "passphrase");
    missing(&self_signed("sts", KeyKind::Rsa).unwrap().certificate, "is it the other file");
    missing(&format!("\u{feff}{}", one.serialize_pem()), "byte order mark");
    missing(&pem("PUBLIC KEY", b"x"), "a public key");
    // secp256k1: as many bytes, another curve. And a key that does not say which.
    let other_curve = b"\xa0\x07\x06\x05\x2b\x81\x04\x00\x0a";
    for curve in [&other_curve[..], b""] {
        let text = pem("EC PRIVATE KEY", &sec1(&one, curve));
        assert_eq!(refused(&text), Some(NoKey::Unfit(PrivateKind::Ec)));
    }
    assert_eq!(refused(&pem("EC PRIVATE KEY", &sec1(&one, P256))), None);
    for (text, word) in
        [("", "is empty"), ("x", "is not PEM"), ("-----BEGIN PRIVATE KEY-----\n", "damaged")]
    {
        missing(text, word);
    }
    assert_eq!(refused(&pem("PRIVATE KEY", b"no")), Some(NoKey::Unfit(PrivateKind::Other)));
    let whole = sec1(&one, P256);
    for end in 0..whole.len() {
        assert!(p256_scalar(&whole[..end]).is_err(), "{end}");
    }
}
