//! Signatures: every algorithm with the key that fits, and every way to bring another key or another algorithm.

use jwt_simple::prelude::*;
use obolus_core::Reason;
use obolus_core::token::{Algorithm, KeySet, Profile};
use serde_json::{Map, Value, json};

use crate::issuer::{KEYS, NOW, STRANGER, alice, b64, kid_for, rules, verify, verify_with};

fn key_set(keys: Value) -> KeySet {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

#[test]
fn every_algorithm_verifies_with_the_key_that_fits_and_names_the_same_person() {
    for algorithm in Algorithm::ALL {
        let principal = verify(&KEYS.sign(algorithm, &alice())).unwrap();
        assert_eq!(principal.identity().issuer, crate::issuer::ISSUER, "{algorithm:?}");
        assert_eq!(principal.identity().subject, "5c9d2f6e-alice");
        assert_eq!(principal.issuer_name(), "keycloak");
        assert_eq!(principal.client(), Some("mcp-client"));
        assert_eq!(principal.audiences(), [crate::issuer::RESOURCE, "obolus-sts"]);
        assert_eq!(principal.scopes().iter().collect::<Vec<_>>(), ["mcp:tools", "openid"]);
        assert_eq!(principal.expires_at(), NOW + 300);
        assert_eq!(principal.token_id(), Some("onrtac:1"));
    }
}

#[test]
fn a_stranger_who_uses_our_key_ids_is_refused_in_every_algorithm() {
    for algorithm in Algorithm::ALL {
        assert!(verify(&KEYS.sign(algorithm, &alice())).is_ok(), "{algorithm:?}");
        let forged = STRANGER.sign(algorithm, &alice());
        assert_eq!(verify(&forged), Err(Reason::SignatureInvalid), "{algorithm:?}");
    }
}

#[test]
fn a_flipped_bit_in_any_part_is_refused_in_every_algorithm() {
    for algorithm in Algorithm::ALL {
        let token = KEYS.sign(algorithm, &alice());
        let parts: Vec<_> = token.split('.').collect();
        let signature = decode(parts[2]);
        for at in [0, signature.len() / 2, signature.len() - 1] {
            let mut flipped = signature.clone();
            flipped[at] ^= 1;
            let token = format!("{}.{}.{}", parts[0], parts[1], b64(&flipped));
            assert_eq!(verify(&token), Err(Reason::SignatureInvalid), "{algorithm:?} {at}");
        }
        // The same meaning in other bytes is not what was signed.
        let respelt = |part: &str| {
            let text = String::from_utf8(decode(part)).unwrap();
            b64(text.replacen("\":", "\" :", 1).as_bytes())
        };
        for token in [
            format!("{}.{}.{}", respelt(parts[0]), parts[1], parts[2]),
            format!("{}.{}.{}", parts[0], respelt(parts[1]), parts[2]),
        ] {
            assert_eq!(verify(&token), Err(Reason::SignatureInvalid), "{algorithm:?}");
        }
        // Somebody else's claims under alice's signature.
        let bob = String::from_utf8(decode(parts[1])).unwrap().replace("alice", "bobby");
        let token = format!("{}.{}.{}", parts[0], b64(bob.as_bytes()), parts[2]);
        assert_eq!(verify(&token), Err(Reason::SignatureInvalid), "{algorithm:?}");
    }
}

#[test]
fn a_signature_of_any_length_and_any_filling_is_refused_without_a_panic() {
    // A panic in the filter's VM would take every request of the worker with it.
    for algorithm in Algorithm::ALL {
        let token = KEYS.sign(algorithm, &alice());
        let input = token.rsplit_once('.').unwrap().0;
        for length in [0, 1, 2, 32, 63, 64, 65, 72, 95, 96, 97, 128, 255, 256, 257, 512, 1024] {
            for filling in [0x00, 0x01, 0x7f, 0x80, 0xff] {
                let token = format!("{input}.{}", b64(&vec![filling; length]));
                assert_eq!(
                    verify(&token),
                    Err(Reason::SignatureInvalid),
                    "{algorithm:?} {length} {filling}"
                );
            }
        }
    }
}

#[test]
fn an_unsigned_token_is_refused_with_and_without_a_signature() {
    let signed = KEYS.sign_text(r#"{"alg":"ES256","kid":"p256"}"#, &alice().to_string());
    assert!(verify(&signed).is_ok());
    let parts: Vec<_> = signed.split('.').collect();
    for name in ["none", "None", "NONE", "nOnE", ""] {
        let header = b64(json!({"alg": name, "kid": "p256"}).to_string().as_bytes());
        for signature in ["", parts[2]] {
            let token = format!("{header}.{}.{signature}", parts[1]);
            assert_eq!(verify(&token), Err(Reason::AlgorithmNotAllowed), "{name} {signature}");
        }
    }
    assert_eq!(
        verify(&format!("{}.{}.", parts[0], parts[1])),
        Err(Reason::SignatureInvalid),
        "stripped"
    );
    assert_eq!(verify(&format!("{}.{}", parts[0], parts[1])), Err(Reason::TokenMalformed));
}

#[test]
fn a_public_key_is_no_hmac_secret_in_any_encoding() {
    let public = KEYS.rsa_public();
    let secrets = [
        public.to_pem().unwrap().into_bytes(),
        public.to_pem().unwrap().trim().as_bytes().to_vec(),
        public.to_der().unwrap(),
        public.to_components().n,
        KEYS.jwks().to_string().into_bytes(),
    ];
    for secret in secrets {
        macro_rules! refused {
            ($key:ty) => {
                let claims = JWTClaims {
                    issued_at: None,
                    expires_at: None,
                    invalid_before: None,
                    issuer: None,
                    subject: None,
                    audiences: None,
                    jwt_id: None,
                    nonce: None,
                    custom: alice().as_object().cloned().unwrap_or_else(Map::new),
                };
                let token =
                    <$key>::from_bytes(&secret).with_key_id("rsa").authenticate(claims).unwrap();
                assert_eq!(verify(&token), Err(Reason::AlgorithmNotAllowed));
                // The same MAC under a name that is allowed proves nothing either.
                let parts: Vec<_> = token.split('.').collect();
                let header = b64(br#"{"alg":"RS256","kid":"rsa"}"#);
                let renamed = format!("{header}.{}.{}", parts[1], parts[2]);
                assert_eq!(verify(&renamed), Err(Reason::SignatureInvalid));
            };
        }
        refused!(HS256Key);
        refused!(HS384Key);
        refused!(HS512Key);
    }
}

#[test]
fn an_algorithm_needs_a_key_of_its_own_family() {
    for algorithm in Algorithm::ALL {
        for kid in ["rsa", "p256", "p384", "ed25519"] {
            let token = KEYS.sign_as(algorithm, kid, None, &alice());
            let expected = if kid == kid_for(algorithm) { Ok(()) } else { Err(Reason::KeyUnknown) };
            assert_eq!(verify(&token).map(drop), expected, "{algorithm:?} {kid}");
        }
    }
}

#[test]
fn a_key_that_names_its_algorithm_serves_no_other() {
    for only in Algorithm::ALL {
        let mut jwk = match kid_for(only) {
            "p256" => KEYS.ec_jwk("k"),
            "p384" => KEYS.p384_jwk("k"),
            "ed25519" => KEYS.ed_jwk("k"),
            _ => KEYS.rsa_jwk("k"),
        };
        jwk["alg"] = only.name().into();
        let keys = key_set(json!([jwk]));
        for algorithm in Algorithm::ALL {
            let token = KEYS.sign_as(algorithm, "k", None, &alice());
            let verified = verify_with(&token, &rules(Profile::Keycloak), &keys, NOW).map(drop);
            let expected = if algorithm == only { Ok(()) } else { Err(Reason::KeyUnknown) };
            assert_eq!(verified, expected, "{algorithm:?} with a key for {only:?}");
        }
    }
}

#[test]
fn one_family_member_does_not_stand_in_for_another() {
    // Signed with one algorithm, announced as another of the same key type.
    let all = [
        Algorithm::RS256,
        Algorithm::RS384,
        Algorithm::RS512,
        Algorithm::PS256,
        Algorithm::PS384,
        Algorithm::PS512,
    ];
    for signed in all {
        let token = KEYS.sign(signed, &alice());
        let parts: Vec<_> = token.split('.').collect();
        for announced in all.into_iter().filter(|other| *other != signed) {
            let header = json!({"alg": announced.name(), "kid": "rsa"}).to_string();
            let token = format!("{}.{}.{}", b64(header.as_bytes()), parts[1], parts[2]);
            assert_eq!(
                verify(&token),
                Err(Reason::SignatureInvalid),
                "{signed:?} as {announced:?}"
            );
        }
    }
}

#[test]
fn an_algorithm_that_the_issuer_may_not_use_is_refused_though_the_key_fits() {
    let mut only_ps = rules(Profile::Keycloak).as_ref().clone();
    only_ps.algorithms = vec![Algorithm::PS256];
    let only_ps = std::sync::Arc::new(only_ps);
    let verify = |algorithm| {
        verify_with(&KEYS.sign(algorithm, &alice()), &only_ps, &crate::issuer::KEY_SET, NOW)
            .map(drop)
    };
    assert_eq!(verify(Algorithm::PS256), Ok(()));
    for algorithm in Algorithm::ALL.into_iter().filter(|other| *other != Algorithm::PS256) {
        assert_eq!(verify(algorithm), Err(Reason::AlgorithmNotAllowed), "{algorithm:?}");
    }
}

#[test]
fn a_key_is_found_by_its_exact_id_and_not_at_all_without_one() {
    let claims = alice().to_string();
    let with = |header: Value| verify(&KEYS.sign_text(&header.to_string(), &claims)).map(drop);
    assert_eq!(with(json!({"alg": "ES256", "kid": "p256"})), Ok(()));
    for kid in ["P256", "p256 ", "p25", "p256\0", "", "../p256"] {
        assert_eq!(with(json!({"alg": "ES256", "kid": kid})), Err(Reason::KeyUnknown), "{kid:?}");
    }
    assert_eq!(with(json!({"alg": "ES256"})), Err(Reason::KeyUnknown));
    assert_eq!(with(json!({"alg": "ES256", "kid": null})), Err(Reason::KeyUnknown));
    assert_eq!(with(json!({"alg": "ES256", "kid": 1})), Err(Reason::TokenMalformed));
    assert_eq!(with(json!({"alg": "ES256", "kid": ["p256"]})), Err(Reason::TokenMalformed));
}

#[test]
fn a_key_that_the_token_brings_along_is_not_used() {
    let claims = alice().to_string();
    let brought = STRANGER.ec_jwk("p256");
    for header in [
        json!({"alg": "ES256", "kid": "p256", "jwk": brought}),
        json!({"alg": "ES256", "kid": "p256", "jwk": brought.to_string()}),
        json!({"alg": "ES256", "kid": "p256", "jku": "https://evil.example/keys"}),
        json!({"alg": "ES256", "kid": "p256", "x5u": "https://evil.example/cert"}),
        json!({"alg": "ES256", "kid": "p256", "x5c": ["MIIB"]}),
        json!({"alg": "ES256", "kid": "p256", "x5t#S256": "x"}),
    ] {
        let forged = STRANGER.sign_text(&header.to_string(), &claims);
        assert_eq!(verify(&forged), Err(Reason::SignatureInvalid), "{header}");
    }
    // An issuer that names where its key stands is no worse for it.
    for header in [
        json!({"alg": "ES256", "kid": "p256", "jku": "https://idp.example.com/keys"}),
        json!({"alg": "ES256", "kid": "p256", "x5c": ["MIIB"], "x5t": "x", "x5t#S256": "x"}),
    ] {
        assert!(verify(&KEYS.sign_text(&header.to_string(), &claims)).is_ok(), "{header}");
    }
    let other_kid = json!({"alg": "ES256", "kid": "evil", "jwk": STRANGER.ec_jwk("evil")});
    assert_eq!(
        verify(&STRANGER.sign_text(&other_kid.to_string(), &claims)),
        Err(Reason::KeyUnknown)
    );
}

fn decode(part: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap()
}
