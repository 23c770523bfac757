//! Forms: what is taken for a token at all, and what it costs to find out.

use obolus_core::Reason;
use obolus_core::token::{MAX_TOKEN_BYTES, Profile, UnverifiedToken};
use serde_json::json;

use crate::issuer::{HEADER, KEYS, NOW, RESOURCE, alice, alice_but, rules, verify, verify_text};

#[test]
fn a_token_is_looked_at_up_to_16_kib() {
    let sized = |extra: usize| {
        let claims = alice_but(json!({"filling": "x".repeat(extra)})).to_string();
        KEYS.sign_text(HEADER, &claims)
    };
    let base = sized(0).len();
    // Base64 grows in steps of up to two characters: the largest that fits, and the next.
    let fits = (0..)
        .take_while(|n| sized((MAX_TOKEN_BYTES - base) * 3 / 4 - 8 + n).len() <= MAX_TOKEN_BYTES);
    let largest = (MAX_TOKEN_BYTES - base) * 3 / 4 - 8 + fits.last().unwrap();
    assert!(sized(largest).len() > MAX_TOKEN_BYTES - 3);
    assert!(verify(&sized(largest)).is_ok());
    assert_eq!(verify(&sized(largest + 1)), Err(Reason::TokenTooLarge));
    assert_eq!(verify(&"a.".repeat(1 << 20)), Err(Reason::TokenTooLarge));
}

#[test]
fn nesting_as_deep_as_a_token_is_long_ends_in_a_refusal_and_not_in_the_stack() {
    let nest = |claim: &str, depth: usize| {
        let value = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        let claims = alice().to_string().replacen('{', &format!("{{\"{claim}\":{value},"), 1);
        std::thread::Builder::new()
            .stack_size(1024 * 1024)
            .spawn(move || verify_text(&claims))
            .unwrap()
            .join()
            .unwrap()
    };
    assert_eq!(nest("groups", 3), Ok(()));
    for claim in ["groups", "nonce", "cnf", "aud2"] {
        assert!(nest(claim, 5000).is_err(), "{claim}");
    }
    // `aud` stands in alice's claims already: the second one is refused, however deep.
    assert_eq!(nest("aud", 5000), Err(Reason::TokenMalformed));
}

#[test]
fn what_is_no_compact_jws_of_two_objects_is_malformed() {
    let good = KEYS.sign_text(HEADER, &alice().to_string());
    assert!(verify(&good).is_ok());
    let parts: Vec<_> = good.split('.').collect();
    for bad in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        format!("{good}."),
        format!(".{good}"),
        format!("{}..{}", parts[0], parts[2]),
        format!("{good}="),
        format!("{}=.{}.{}", parts[0], parts[1], parts[2]),
        format!("{good}\n"),
        format!(" {good}"),
        good.replace('.', ".\u{200b}"),
        KEYS.sign_text(HEADER, "[]"),
        KEYS.sign_text(HEADER, "null"),
        KEYS.sign_text(HEADER, ""),
        KEYS.sign_text(HEADER, &format!("\u{feff}{}", alice())),
        KEYS.sign_text(HEADER, &format!("{} {{}}", alice())),
        KEYS.sign_text("[]", &alice().to_string()),
        KEYS.sign_text(r#"["ES256","p256",null,null]"#, &alice().to_string()),
        KEYS.sign_text(&format!("{HEADER},"), &alice().to_string()),
        KEYS.sign_text(r#"{"kid":"p256"}"#, &alice().to_string()),
        KEYS.sign_text(r#"{"alg":256,"kid":"p256"}"#, &alice().to_string()),
    ] {
        assert_eq!(verify(&bad), Err(Reason::TokenMalformed), "{bad}");
    }
    // Five parts are an encrypted token: nothing here decrypts.
    assert_eq!(verify(&format!("{good}.a.b")), Err(Reason::TokenMalformed));
}

#[test]
fn base64_has_one_spelling() {
    // The last character of a part may carry bits that decode to nothing: another text for the same token.
    let good = KEYS.sign_text(HEADER, &alice().to_string());
    let (input, signature) = good.rsplit_once('.').unwrap();
    assert_eq!(signature.len() % 4, 2, "64 bytes leave four spare bits");
    let last = signature.chars().last().unwrap();
    for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZ".chars().filter(|c| *c != last) {
        let respelt = format!("{input}.{}{other}", &signature[..signature.len() - 1]);
        assert!(verify(&respelt).is_err(), "{other}");
    }
    assert_eq!(
        verify(&good.replace('-', "+").replace('_', "/")).is_ok(),
        !good.contains(['-', '_']),
        "the standard alphabet is not the one of a JWS"
    );
}

#[test]
fn a_refused_token_says_nothing_of_itself_in_a_log() {
    let token = KEYS.sign_text(HEADER, &alice().to_string());
    let unverified = UnverifiedToken::parse(&token).unwrap();
    let shown = format!("{unverified:?}");
    let checked =
        unverified.check(&[rules(Profile::Keycloak)], &[RESOURCE.to_owned()], NOW).unwrap();
    assert_eq!(checked.key_id(), "p256");
    let digest = checked.digest();
    assert!(shown.contains(digest.as_str()), "{shown}");
    for part in token.split('.') {
        assert!(!shown.contains(part), "{shown}");
    }
    assert!(!shown.contains("alice") && !shown.contains("signature"), "{shown}");
}
