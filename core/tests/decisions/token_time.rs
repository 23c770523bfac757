//! Time: how long a token lives, and from when.

use obolus_core::Reason;
use obolus_core::token::Profile;
use serde_json::json;

use crate::issuer::{
    HEADER, KEY_SET, KEYS, NOW, alice, alice_but, principal, rules, verify_alice_but, verify_text,
    verify_with,
};

#[test]
fn a_token_lives_until_its_last_second_and_no_longer() {
    assert_eq!(verify_alice_but(json!({"exp": NOW + 1})), Ok(()));
    for exp in [NOW, NOW - 1, NOW - 3600, 0] {
        assert_eq!(verify_alice_but(json!({"exp": exp})), Err(Reason::TokenExpired), "{exp}");
    }
    // No leeway, though the issuer's clock may be ahead of ours by 30 s.
    assert_eq!(verify_alice_but(json!({"exp": NOW - 29})), Err(Reason::TokenExpired));
}

#[test]
fn a_life_without_end_is_refused() {
    for exp in [
        json!(null),
        json!(u64::MAX),
        json!(1u64 << 53),
        json!(1e300),
        json!(-1),
        json!(-1.5),
        json!("1900000000"),
        json!([NOW + 300]),
        json!({}),
        json!(true),
    ] {
        assert_eq!(verify_alice_but(json!({"exp": exp})), Err(Reason::TokenMalformed), "{exp}");
    }
    let literal =
        |exp: &str| verify_text(&alice().to_string().replace(&(NOW + 300).to_string(), exp));
    assert_eq!(literal("1800000300"), Ok(()));
    assert_eq!(literal("1.8000003e9"), Ok(()));
    for exp in [
        "null",
        "1e400",
        "-0",
        "0e0",
        "99999999999999999999999999",
        "NaN",
        "Infinity",
        "0x7fffffff",
        "+1",
        "01",
    ] {
        assert!(
            matches!(literal(exp), Err(Reason::TokenMalformed | Reason::TokenExpired)),
            "{exp}: {:?}",
            literal(exp)
        );
    }
}

#[test]
fn a_fraction_of_a_second_shortens_a_life_and_never_lengthens_it() {
    assert_eq!(verify_alice_but(json!({"exp": NOW as f64 + 1.0})), Ok(()));
    assert_eq!(verify_alice_but(json!({"exp": NOW as f64 + 0.9})), Err(Reason::TokenExpired));
    assert_eq!(principal(&alice_but(json!({"exp": NOW as f64 + 7.9}))).expires_at(), NOW + 7);
    assert_eq!(verify_alice_but(json!({"nbf": NOW as f64 + 30.0})), Ok(()));
    assert_eq!(verify_alice_but(json!({"nbf": NOW as f64 + 30.1})), Err(Reason::TokenNotYetValid));
}

#[test]
fn a_token_from_the_future_waits_beyond_the_skew_that_is_allowed() {
    for claim in ["nbf", "iat"] {
        assert_eq!(verify_alice_but(json!({claim: NOW})), Ok(()));
        assert_eq!(
            verify_alice_but(json!({claim: NOW + 30})),
            Ok(()),
            "{claim}: 30 s of skew are allowed"
        );
        assert_eq!(
            verify_alice_but(json!({claim: NOW + 31})),
            Err(Reason::TokenNotYetValid),
            "{claim}"
        );
        assert_eq!(
            verify_alice_but(json!({claim: 1u64 << 52})),
            Err(Reason::TokenNotYetValid),
            "{claim}"
        );
        assert_eq!(
            verify_alice_but(json!({claim: "soon"})),
            Err(Reason::TokenMalformed),
            "{claim}"
        );
    }
    assert_eq!(verify_alice_but(json!({"nbf": null, "iat": null})), Ok(()), "neither is required");
}

#[test]
fn time_does_not_overflow_at_the_end_of_the_clock() {
    let token = KEYS.sign_text(HEADER, &alice().to_string());
    let at = |now| verify_with(&token, &rules(Profile::Keycloak), &KEY_SET, now).map(drop);
    assert_eq!(at(NOW), Ok(()));
    assert_eq!(at(u64::MAX), Err(Reason::TokenExpired));
    assert_eq!(at(0), Err(Reason::TokenNotYetValid));
    let mut patient = rules(Profile::Keycloak).as_ref().clone();
    patient.clock_skew_seconds = u64::MAX;
    let new = KEYS.sign_text(HEADER, &alice_but(json!({"iat": NOW})).to_string());
    assert!(verify_with(&new, &patient.into(), &KEY_SET, NOW).is_ok());
}
