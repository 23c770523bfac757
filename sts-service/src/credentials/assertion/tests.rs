use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use obolus_core::json;
use obolus_core::token::application::is_guid;
use obolus_tests::pki::{KeyKind, self_signed};
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};

use super::*;

fn rules(algorithm: AssertionAlgorithm, key_id: Option<&str>) -> AssertionRules {
    let key_id = key_id.map(str::to_owned);
    AssertionRules { reader: Reader::Keycloak, algorithm, key_id, thumbprint: Thumbprint::Sha256 }
}

fn part(assertion: &SecretString, index: usize) -> serde_json::Value {
    let part = assertion.expose_secret().split('.').nth(index).unwrap();
    json::parse(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test]
async fn an_assertion_is_for_one_issuer_short_lived_named_and_never_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (key_file, certificate_file) =
        (folder.path().join("key.pem"), folder.path().join("certificate.pem"));
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();
    std::fs::write(&key_file, key.serialize_pem()).unwrap();
    std::fs::write(&certificate_file, certificate.pem()).unwrap();
    let open = |key_id: Option<&str>, certificate| {
        let rules = rules(AssertionAlgorithm::ES256, key_id);
        AssertionKey::open(key_file.clone(), certificate, rules)
    };

    let named = open(Some("key-1"), Some(certificate_file.clone())).unwrap();
    let assertion = named.sign("sts", "https://issuer", 1000).await.unwrap();
    let header = part(&assertion, 0);
    assert_eq!(header["alg"], "ES256");
    assert_eq!(header["kid"], "key-1");
    assert_eq!(header["x5t#S256"], URL_SAFE_NO_PAD.encode(Sha256::digest(certificate.der())));
    let claims = part(&assertion, 1);
    assert_eq!(claims["aud"], "https://issuer");
    assert_eq!((&claims["iss"], &claims["sub"]), (&"sts".into(), &"sts".into()));
    assert_eq!((&claims["iat"], &claims["exp"]), (&1000.into(), &1030.into()));

    let bare = open(None, None).unwrap();
    let mut ids = HashSet::new();
    for _ in 0..100 {
        let assertion = bare.sign("sts", "https://issuer", 1).await.unwrap();
        ids.insert(part(&assertion, 1)["jti"].to_string());
    }
    assert_eq!(ids.len(), 100);
    assert!(part(&bare.sign("sts", "i", 1).await.unwrap(), 0).get("kid").is_none());

    let other = rcgen::KeyPair::generate().unwrap();
    let foreign = rcgen::CertificateParams::default().self_signed(&other).unwrap();
    std::fs::write(&certificate_file, foreign.pem()).unwrap();
    let error = open(None, Some(certificate_file)).unwrap_err();
    assert_eq!(error.setting(), "certificate_file");
    let rsa = rules(AssertionAlgorithm::RS256, None);
    assert!(AssertionKey::open(key_file, None, rsa).is_err());
}

#[tokio::test]
async fn a_key_and_its_certificate_may_be_replaced_one_after_the_other_and_either_alone() {
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
    let rules = rules(AssertionAlgorithm::ES256, None);
    let key = AssertionKey::open(path("key"), Some(path("certificate")), rules).unwrap();
    let named = async || {
        key.key.look();
        let assertion = key.sign("sts", "https://issuer", 1).await.unwrap();
        part(&assertion, 0)["x5t#S256"].as_str().unwrap().to_owned()
    };
    assert_eq!(named().await, first);
    let generation = key.generation();
    std::fs::write(path("key"), new.serialize_pem()).unwrap();
    assert_eq!([named().await, named().await], [first.clone(), first]);
    assert_eq!(key.generation(), generation);
    let second = certify(&new);
    assert_eq!(named().await, second);
    assert_ne!(key.generation(), generation);
    let renewed = certify(&new);
    assert_ne!(renewed, second);
    assert_eq!(named().await, renewed);
}

#[tokio::test]
async fn entra_gets_a_guid_the_endpoint_numbers_and_the_thumbprint_that_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let leaf = self_signed("sts", KeyKind::Rsa).unwrap();
    std::fs::write(path("key"), &leaf.key).unwrap();
    std::fs::write(path("certificate"), &leaf.certificate).unwrap();
    let open = |algorithm, thumbprint| {
        let reader = Reader::Entra;
        let rules = AssertionRules { reader, algorithm, key_id: None, thumbprint };
        AssertionKey::open(path("key"), Some(path("certificate")), rules)
    };
    let endpoint = "https://login.microsoftonline.com/t/oauth2/v2.0/token";
    let sha1 = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, &leaf.der);
    for (algorithm, thumbprint, alg, own, other, digest) in [
        (
            AssertionAlgorithm::PS256,
            Thumbprint::Sha256,
            "PS256",
            "x5t#S256",
            "x5t",
            URL_SAFE_NO_PAD.encode(Sha256::digest(&leaf.der)),
        ),
        (
            AssertionAlgorithm::RS256,
            Thumbprint::Sha1,
            "RS256",
            "x5t",
            "x5t#S256",
            URL_SAFE_NO_PAD.encode(sha1),
        ),
    ] {
        let key = open(algorithm, thumbprint).unwrap();
        let assertion = key.sign("client", endpoint, 1000).await.unwrap();
        let header = part(&assertion, 0);
        assert_eq!((&header["alg"], &header["typ"]), (&alg.into(), &"JWT".into()));
        assert_eq!(header[own], digest);
        assert!(header.get(other).is_none() && header.get("kid").is_none(), "{header}");
        let claims = part(&assertion, 1);
        assert_eq!(claims["aud"], endpoint);
        assert_eq!((&claims["iss"], &claims["sub"]), (&"client".into(), &"client".into()));
        let times = ["nbf", "iat", "exp"].map(|name| claims[name].as_u64());
        assert_eq!(times, [Some(1000), Some(1000), Some(1300)]);
        assert!(is_guid(claims["jti"].as_str().unwrap()), "{claims}");
        assert!(key.expires_at().is_some());
    }

    let ec = self_signed("sts", KeyKind::Ec).unwrap();
    std::fs::write(path("key"), &ec.key).unwrap();
    let error = open(AssertionAlgorithm::PS256, Thumbprint::Sha256).unwrap_err();
    assert!(error.to_string().contains("Entra takes RSA"), "{error}");
    assert_eq!(error.setting(), "key_file");
}

#[test]
fn an_expired_certificate_is_no_use_to_entra_and_keycloak_does_not_look() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let leaf = self_signed("sts", KeyKind::Rsa).unwrap();
    let key =
        rcgen::KeyPair::from_pkcs8_pem_and_sign_algo(&leaf.key, &rcgen::PKCS_RSA_SHA256).unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.not_before = rcgen::date_time_ymd(2001, 1, 1);
    params.not_after = rcgen::date_time_ymd(2001, 1, 2);
    std::fs::write(path("key"), &leaf.key).unwrap();
    std::fs::write(path("certificate"), params.self_signed(&key).unwrap().pem()).unwrap();
    let open = |reader| {
        let rules = AssertionRules { reader, ..rules(AssertionAlgorithm::PS256, None) };
        AssertionKey::open(path("key"), Some(path("certificate")), rules)
    };
    assert!(open(Reader::Keycloak).is_ok());
    let error = open(Reader::Entra).unwrap_err();
    assert!(error.to_string().contains("has expired"), "{error}");
    assert_eq!(error.setting(), "certificate_file");
    std::fs::write(path("certificate"), &leaf.certificate).unwrap();
    assert!(open(Reader::Entra).is_ok());
}

#[tokio::test]
async fn of_all_certificates_in_a_bundle_the_keys_own_that_ends_last_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bundle.pem");
    let (key, other) = (rcgen::KeyPair::generate().unwrap(), rcgen::KeyPair::generate().unwrap());
    let certify = |key: &rcgen::KeyPair, year: i32| {
        let mut params = rcgen::CertificateParams::default();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        params.self_signed(key).unwrap()
    };
    let (old, new, foreign) = (certify(&key, 2040), certify(&key, 2050), certify(&other, 2060));
    let own = URL_SAFE_NO_PAD.encode(Sha256::digest(new.der()));
    let parts = [key.serialize_pem(), old.pem(), new.pem(), foreign.pem()];
    for turn in 0..parts.len() {
        let mut turned = parts.clone();
        turned.rotate_left(turn);
        std::fs::write(&file, turned.concat()).unwrap();
        let rules = rules(AssertionAlgorithm::ES256, None);
        let key = AssertionKey::open(file.clone(), Some(file.clone()), rules).unwrap();
        let assertion = key.sign("sts", "https://issuer", 1).await.unwrap();
        assert_eq!(part(&assertion, 0)["x5t#S256"], own.as_str());
        assert_eq!(key.expires_at(), Some(2_524_608_000));
    }
    std::fs::write(&file, key.serialize_pem() + &foreign.pem()).unwrap();
    let rules = rules(AssertionAlgorithm::ES256, None);
    let error = AssertionKey::open(file.clone(), Some(file), rules).unwrap_err();
    assert_eq!(error.setting(), "certificate_file");
}
