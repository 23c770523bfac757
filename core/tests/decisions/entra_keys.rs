//! A key that says for whose tokens it is signs for nobody else.

use obolus_core::Reason;
use obolus_core::token::{KeySet, KeySource, Lookup, Profile, UnverifiedToken};
use serde_json::{Value, json};

use crate::entra::{
    AUDIENCES, CONTOSO, FABRIKAM, STRANGERS, but, entra_rules, issuer_v1, issuer_v2, v1, v2,
    verify_with_keys,
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

/// Where the keys of a token are looked for.
fn source(claims: &Value) -> KeySource {
    let token = UnverifiedToken::parse(&KEYS.sign_text(HEADER, &claims.to_string())).unwrap();
    token.check(&[entra_rules()], AUDIENCES.as_slice(), NOW).unwrap().key_source()
}

#[test]
fn each_tenants_keys_are_looked_for_by_themselves_whatever_the_version_of_its_tokens() {
    let of_contoso = source(&v2());
    assert_eq!(of_contoso.path(), format!("/keys/entra/{CONTOSO}"));
    assert_eq!(of_contoso, source(&v1()));
    assert_eq!(source(&of_fabrikam()).path(), format!("/keys/entra/{FABRIKAM}"));
    assert_eq!(entra_rules().key_sources(), [of_contoso, source(&of_fabrikam())]);
    let of_keycloak = rules(Profile::Keycloak).key_sources();
    assert_eq!(of_keycloak.iter().map(KeySource::path).collect::<Vec<_>>(), ["/keys/keycloak"]);
}

#[test]
fn only_a_tenant_that_was_asked_can_say_that_a_key_does_not_exist() {
    let entra = source(&v2());
    let keycloak = &rules(Profile::Keycloak).key_sources()[0];
    for (lookup, of_a_tenant, of_another_issuer) in [
        (Lookup::Confirmed, Reason::KeyUnknown, Reason::KeyUnknown),
        (Lookup::Unconfirmed, Reason::KeysUnavailable, Reason::KeyUnknown),
        (Lookup::Failed, Reason::KeysUnavailable, Reason::KeysUnavailable),
    ] {
        assert_eq!(entra.without_key(lookup), of_a_tenant, "{lookup:?}");
        assert_eq!(keycloak.without_key(lookup), of_another_issuer, "{lookup:?}");
    }
}
