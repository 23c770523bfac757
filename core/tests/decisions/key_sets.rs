//! Key sets: which keys of a document are believed, and what a change of them means.

use obolus_core::token::{Algorithm, KeySet, KeySetError, Profile};
use serde_json::{Value, json};

use crate::issuer::{KEYS, NOW, STRANGER, alice, b64, kid_for, rules, verify_with};

fn parse(keys: Value) -> Result<KeySet, KeySetError> {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
}

/// Whether this key is of use beside one that is: the document stands or falls by neither.
fn is_left_out(jwk: Value) -> bool {
    let good = KEYS.ed_jwk("good");
    let keys = parse(json!([jwk, good])).unwrap();
    assert!(keys.find("good", Algorithm::EdDSA).is_some());
    keys.len() == 1
}

fn with(mut jwk: Value, member: &str, value: Value) -> Value {
    jwk[member] = value;
    jwk
}

#[test]
fn a_key_of_every_type_is_read_and_serves_the_algorithms_of_its_type() {
    let keys = KeySet::parse(KEYS.jwks().to_string().as_bytes()).unwrap();
    assert_eq!(keys.len(), 4);
    assert!(!keys.is_empty());
    for algorithm in Algorithm::ALL {
        assert_eq!(keys.find(kid_for(algorithm), algorithm).unwrap().key_id(), kid_for(algorithm));
    }
}

#[test]
fn what_a_key_is_for_decides_whether_it_is_read() {
    let jwk = || KEYS.ec_jwk("k");
    for (member, value) in [
        ("use", json!("sig")),
        ("key_ops", json!(["verify"])),
        ("key_ops", json!(["sign", "verify"])),
        ("alg", json!("ES256")),
        ("x5c", json!(["MIIB"])),
        ("unknown", json!({"a": 1})),
        ("use", json!(null)),
    ] {
        assert!(!is_left_out(with(jwk(), member, value.clone())), "{member} {value}");
    }
    for (member, value) in [
        ("use", json!("enc")),
        ("use", json!("")),
        ("use", json!(["sig"])),
        ("key_ops", json!(["sign"])),
        ("key_ops", json!([])),
        ("key_ops", json!("verify")),
        ("alg", json!("ECDH-ES")),
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("alg", json!("ES384")),
        ("alg", json!("RS256")),
        ("alg", json!("es256")),
        ("alg", json!("")),
        ("kid", json!(null)),
        ("kid", json!(1)),
        ("crv", json!("P-384")),
        ("crv", json!("secp256k1")),
        ("crv", json!(null)),
        ("kty", json!("OKP")),
        ("kty", json!("RSA")),
        ("kty", json!("oct")),
        ("kty", json!(null)),
    ] {
        assert!(is_left_out(with(jwk(), member, value.clone())), "{member} {value}");
    }
    let secret = json!({"kty": "oct", "kid": "k", "k": b64(b"secret"), "alg": "HS256"});
    assert!(is_left_out(secret));
    let x = KEYS.ed_jwk("k")["x"].clone();
    let fields = json!(["OKP", "k", null, null, null, "Ed25519", null, null, x, null]);
    for no_object in [json!(null), json!("key"), json!([]), json!(1), fields] {
        assert!(is_left_out(no_object));
    }
}

#[test]
fn an_encryption_key_verifies_nothing_though_the_signature_is_right() {
    let token = KEYS.sign(Algorithm::RS256, &alice());
    let verify = |usage: &str| {
        let keys =
            parse(json!([with(KEYS.rsa_jwk("rsa"), "use", usage.into()), KEYS.ed_jwk("good"),]));
        verify_with(&token, &rules(Profile::Keycloak), &keys.unwrap(), NOW).map(drop)
    };
    assert_eq!(verify("sig"), Ok(()));
    assert_eq!(verify("enc"), Err(obolus_core::Reason::KeyUnknown));
}

#[test]
fn an_rsa_key_has_2048_to_4096_bits_and_the_usual_exponent() {
    let modulus = |bits: usize| {
        // Odd, and with the top bit set.
        let n = vec![0xa5; bits / 8];
        json!({"kty": "RSA", "kid": "k", "n": b64(&n), "e": "AQAB"})
    };
    for bits in [2048, 3072, 4096] {
        assert!(!is_left_out(modulus(bits)), "{bits}");
    }
    for bits in [0, 8, 512, 1024, 2040, 4104, 8192, 65_536] {
        assert!(is_left_out(modulus(bits)), "{bits}");
    }
    let padded = [&[0][..], &KEYS.rsa_public().to_components().n].concat();
    assert!(!is_left_out(with(KEYS.rsa_jwk("k"), "n", b64(&padded).into())), "a leading zero");
    let short = [&[0; 200][..], &[0xa5; 56]].concat();
    assert!(is_left_out(with(KEYS.rsa_jwk("k"), "n", b64(&short).into())), "zeros are no bits");
    let mut even = KEYS.rsa_public().to_components().n;
    *even.last_mut().unwrap() &= 0xfe;
    assert!(is_left_out(with(KEYS.rsa_jwk("k"), "n", b64(&even).into())), "even");
    for exponent in [&[][..], &[0], &[1], &[3], &[17], &[1, 0, 3], &[1, 0, 0, 1], &[0xff; 256]] {
        assert!(is_left_out(with(KEYS.rsa_jwk("k"), "e", b64(exponent).into())), "{exponent:?}");
    }
    assert!(!is_left_out(with(KEYS.rsa_jwk("k"), "e", b64(&[0, 1, 0, 1]).into())));
    for (member, value) in
        [("n", json!(null)), ("e", json!(null)), ("n", json!("%%")), ("e", json!("AQAB="))]
    {
        assert!(is_left_out(with(KEYS.rsa_jwk("k"), member, value.clone())), "{member} {value}");
    }
}

#[test]
fn a_point_is_on_its_curve_and_as_long_as_it_must_be() {
    for (jwk, size) in [(KEYS.ec_jwk("k"), 32), (KEYS.p384_jwk("k"), 48)] {
        assert!(!is_left_out(jwk.clone()));
        for coordinate in ["x", "y"] {
            let bytes = decode(&jwk[coordinate]);
            let mut off = bytes.clone();
            off[size - 1] ^= 1;
            for wrong in [
                off,
                vec![0; size],
                vec![0xff; size],
                bytes[1..].to_vec(),
                [&[0][..], &bytes].concat(),
                Vec::new(),
            ] {
                let wrong = with(jwk.clone(), coordinate, b64(&wrong).into());
                assert!(is_left_out(wrong.clone()), "{wrong}");
            }
        }
        let (x, y) = (decode(&jwk["x"]), decode(&jwk["y"]));
        let (short, long) = x.split_at(size - 1);
        let shifted = with(jwk.clone(), "x", b64(short).into());
        let shifted = with(shifted, "y", b64(&[long, &y].concat()).into());
        assert!(is_left_out(shifted), "the same bytes, cut elsewhere");
        let infinity =
            with(with(jwk, "x", b64(&vec![0; size]).into()), "y", b64(&vec![0; size]).into());
        assert!(is_left_out(infinity));
    }
    for weak in [
        vec![0; 32],
        [&[1][..], &[0; 31]].concat(),
        vec![0xff; 32],
        vec![7; 31],
        vec![7; 33],
        Vec::new(),
    ] {
        assert!(is_left_out(with(KEYS.ed_jwk("k"), "x", b64(&weak).into())), "{weak:?}");
    }
}

#[test]
fn a_set_has_at_most_256_keys() {
    let keys = |count: usize| parse((0..count).map(|n| KEYS.ed_jwk(&n.to_string())).collect());
    assert_eq!(keys(256).unwrap().len(), 256);
    assert_eq!(keys(257), Err(KeySetError::TooManyKeys));
    // Keys of no use to us do not count: an issuer may publish many, and its news must still be read.
    let useless = (0..257).map(|_| json!({"kty": "oct"})).chain([KEYS.ed_jwk("k")]).collect();
    assert_eq!(parse(useless).unwrap().len(), 1);
}

#[test]
fn a_document_that_is_no_key_set_replaces_nothing() {
    // No usable key is news, too: the issuer has withdrawn what it had.
    assert_eq!(parse(json!([])), Ok(KeySet::default()));
    assert_eq!(parse(json!([{"kty": "oct", "k": "AA"}])), Ok(KeySet::default()));
    for text in
        ["", "{}", "[]", "null", "<html>", r#"{"keys":{}}"#, r#"{"keys":null}"#, r#"{"keys":[]} x"#]
    {
        assert_eq!(KeySet::parse(text.as_bytes()), Err(KeySetError::Malformed), "{text}");
    }
    let key = KEYS.ed_jwk("k");
    for text in [format!(r#"{{"keys":[{key}],"keys":[]}}"#), format!("[[{key}]]")] {
        assert_eq!(KeySet::parse(text.as_bytes()), Err(KeySetError::Malformed), "{text}");
    }
}

#[test]
fn the_first_of_two_keys_with_one_id_counts() {
    let keys = parse(json!([KEYS.ec_jwk("k"), STRANGER.ec_jwk("k")])).unwrap();
    let verify = |token: &str| verify_with(token, &rules(Profile::Keycloak), &keys, NOW).map(drop);
    assert_eq!(verify(&KEYS.sign_as(Algorithm::ES256, "k", None, &alice())), Ok(()));
    assert_eq!(
        verify(&STRANGER.sign_as(Algorithm::ES256, "k", None, &alice())),
        Err(obolus_core::Reason::SignatureInvalid)
    );
    // Of another type, the second is another key.
    let keys = parse(json!([KEYS.ec_jwk("k"), KEYS.ed_jwk("k")])).unwrap();
    assert!(
        keys.find("k", Algorithm::ES256).is_some() && keys.find("k", Algorithm::EdDSA).is_some()
    );
    assert!(keys.find("k", Algorithm::RS256).is_none());
}

#[test]
fn a_key_that_is_gone_changed_or_narrowed_is_lost_and_a_new_one_loses_none() {
    let older = parse(json!([KEYS.ec_jwk("a"), KEYS.ed_jwk("b")])).unwrap();
    for (newer, lost) in [
        (json!([KEYS.ec_jwk("a"), KEYS.ed_jwk("b")]), false),
        (json!([KEYS.ed_jwk("b"), KEYS.ec_jwk("a")]), false),
        (json!([KEYS.ec_jwk("a"), KEYS.ed_jwk("b"), KEYS.p384_jwk("c")]), false),
        (json!([KEYS.ec_jwk("a")]), true),
        (json!([KEYS.ec_jwk("a"), KEYS.ed_jwk("renamed")]), true),
        (json!([STRANGER.ec_jwk("a"), KEYS.ed_jwk("b")]), true),
        (json!([with(KEYS.ec_jwk("a"), "alg", "ES256".into()), KEYS.ed_jwk("b")]), true),
        (json!([with(KEYS.ec_jwk("a"), "use", "enc".into()), KEYS.ed_jwk("b")]), true),
    ] {
        assert_eq!(parse(newer.clone()).unwrap().has_lost_any_of(&older), lost, "{newer}");
    }
}

fn decode(part: &Value) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part.as_str().unwrap()).unwrap()
}
