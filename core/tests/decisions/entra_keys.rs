//! A key that says for whose tokens it is signs for nobody else.

use obolus_core::Reason;
use obolus_core::token::{KeySet, Profile};
use serde_json::{Value, json};

use crate::entra::{
    CONTOSO, FABRIKAM, STRANGERS, but, issuer_v1, issuer_v2, v1, v2, verify_with_keys,
};
use crate::issuer::{HEADER, KEYS, NOW, STRANGER, alice, rules, verify_with};

fn keys(keys: Value) -> KeySet {
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn key_for(issuer: &str) -> Value {
    but(KEYS.ec_jwk("p256"), json!({ "issuer": issuer }))
}

fn verify(claims: &Value, set: Value) -> Result<(), Reason> {
    verify_with_keys(HEADER, &claims.to_string(), &keys(set)).map(drop)
}

fn of_fabrikam() -> Value {
    but(v2(), json!({"iss": issuer_v2(FABRIKAM), "tid": FABRIKAM}))
}

#[test]
fn a_key_of_the_tokens_own_tenant_counts_and_another_tenants_does_not_exist() {
    let template = "https://login.microsoftonline.com/{tenantid}/v2.0";
    for issuer in [template, &issuer_v2(CONTOSO), &issuer_v1(CONTOSO)] {
        assert_eq!(verify(&v2(), json!([key_for(issuer)])), Ok(()), "{issuer}");
        assert_eq!(verify(&v1(), json!([key_for(issuer)])), Ok(()), "{issuer}");
    }
    assert_eq!(verify(&v2(), json!([KEYS.ec_jwk("p256")])), Ok(()), "it need not say");
    assert_eq!(verify(&of_fabrikam(), json!([key_for(template)])), Ok(()));
    for issuer in [
        &issuer_v2(FABRIKAM),
        &issuer_v2(STRANGERS),
        &issuer_v1(FABRIKAM),
        &issuer_v2("9188040d-6c67-4c5b-b112-36a304b66dad"),
        &issuer_v2(&CONTOSO.to_uppercase()),
        "https://login.microsoftonline.us/{tenantid}/v2.0",
        "https://login.microsoftonline.com/{tenantId}/v2.0",
        "https://evil.example/{tenantid}/v2.0",
        "{tenantid}",
        "",
    ] {
        assert_eq!(verify(&v2(), json!([key_for(issuer)])), Err(Reason::KeyUnknown), "{issuer}");
    }
}

#[test]
fn of_two_keys_with_one_id_the_tenants_own_is_found() {
    let other = but(STRANGER.ec_jwk("p256"), json!({"issuer": issuer_v2(FABRIKAM)}));
    let own = key_for(&issuer_v2(CONTOSO));
    for set in [json!([other, own]), json!([own, other])] {
        assert_eq!(verify(&v2(), set.clone()), Ok(()), "{set}");
        assert_eq!(verify(&of_fabrikam(), set), Err(Reason::SignatureInvalid));
    }
}

#[test]
fn a_key_that_changes_its_tenant_is_lost_and_one_that_names_no_text_is_left_out() {
    let older = keys(json!([key_for(&issuer_v2(CONTOSO))]));
    for (newer, lost) in [
        (key_for(&issuer_v2(CONTOSO)), false),
        (key_for(&issuer_v2(FABRIKAM)), true),
        (KEYS.ec_jwk("p256"), true),
    ] {
        assert_eq!(keys(json!([newer])).has_lost_any_of(&older), lost, "{newer}");
    }
    assert!(keys(json!([but(KEYS.ec_jwk("p256"), json!({"issuer": [CONTOSO]}))])).is_empty());
}

#[test]
fn elsewhere_a_key_may_say_what_it_likes() {
    let token = KEYS.sign_text(HEADER, &alice().to_string());
    let set = keys(json!([key_for(&issuer_v2(CONTOSO))]));
    assert!(verify_with(&token, &rules(Profile::Keycloak), &set, NOW).is_ok());
}
