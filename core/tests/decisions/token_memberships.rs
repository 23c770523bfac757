//! Groups, roles and the way of signing in, as Keycloak and other OpenID providers tell them. Entra ID's are in
//! `entra_people`.
//!
//! No token here is refused for what it says of them: it only tells less.

use std::collections::BTreeSet;

use obolus_core::Reason;
use obolus_core::token::{Memberships, Principal, Profile};
use serde_json::{Value, json};

use crate::issuer::{
    HEADER, KEY_SET, KEYS, NOW, alice, alice_but, principal, rules, verify_text, verify_with,
};

fn oidc(changes: Value) -> Principal {
    let token = KEYS.sign_text(HEADER, &alice_but(changes).to_string());
    verify_with(&token, &rules(Profile::Oidc), &KEY_SET, NOW).unwrap()
}

fn keycloak(changes: Value) -> Principal {
    principal(&alice_but(changes))
}

fn present(names: &[&str]) -> Memberships {
    Memberships::Present(names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>())
}

/// What lists no names, though it should.
fn unreadable() -> impl Iterator<Item = Value> {
    let bad = [
        json!("dev"),
        json!(""),
        json!({"dev": true}),
        json!([1]),
        json!(["dev", null]),
        json!(["dev", ["ops"]]),
        json!(["dev", {"value": "ops"}]),
        json!([""]),
        json!(["dev\n"]),
        json!(["x".repeat(513)]),
        json!(false),
    ];
    bad.into_iter()
}

#[test]
fn groups_are_absent_listed_or_not_told_at_both_kinds_of_provider() {
    for verified in [oidc as fn(Value) -> Principal, keycloak] {
        let groups = |changes: Value| verified(changes).groups().clone();
        assert_eq!(groups(json!({})), Memberships::Absent);
        assert_eq!(groups(json!({"groups": ["/ops", "dev", "dev"]})), present(&["/ops", "dev"]));
        assert_eq!(groups(json!({"groups": []})), present(&[]), "none is not unsaid");
        for bad in unreadable() {
            assert_eq!(groups(json!({"groups": bad})), Memberships::Unresolved, "{bad}");
        }
        let elsewhere = |names: Value| json!({"groups": ["dev"], "_claim_names": names});
        assert_eq!(groups(elsewhere(json!({"roles": "src"}))), present(&["dev"]));
        assert_eq!(groups(elsewhere(json!({"groups": "src"}))), Memberships::Unresolved);
        assert_eq!(groups(elsewhere(json!("groups"))), Memberships::Unresolved);
        let unlisted = json!({"_claim_names": {"groups": "src"}});
        assert_eq!(groups(unlisted), Memberships::Unresolved);
    }
}

#[test]
fn null_is_no_list_either_and_no_claim_is_read_twice() {
    let said = |claim: &str| alice().to_string().replacen('{', &format!("{{{claim},"), 1);
    let groups = |claim: &str| {
        let token = KEYS.sign_text(HEADER, &said(claim));
        let verified = verify_with(&token, &rules(Profile::Oidc), &KEY_SET, NOW).unwrap();
        verified.groups().clone()
    };
    assert_eq!(groups(r#""groups":null"#), Memberships::Unresolved);
    assert_eq!(groups(r#""groups":["a"]"#), present(&["a"]));
    for twice in [
        r#""groups":["a"],"groups":["b"]"#,
        r#""acr":"1","acr":"1""#,
        r#""realm_access":{"roles":[],"roles":["a"]}"#,
        r#""resource_access":{"a":{"roles":[]},"a":{}}"#,
        r#""resource_access":{"a":{"roles":[],"\u0072oles":["a"]}}"#,
    ] {
        assert_eq!(verify_text(&said(twice)), Err(Reason::TokenMalformed), "{twice}");
    }
    let once = r#""realm_access":{"roles":[]},"resource_access":{"a":{"roles":[]},"b":{}}"#;
    assert_eq!(verify_text(&said(once)), Ok(()));
}

#[test]
fn keycloaks_roles_are_the_realms_and_each_clients() {
    let roles = |changes: Value| keycloak(changes).roles().clone();
    let realm = json!({"roles": ["viewer", "offline_access"], "verify_caller": true});
    let clients = json!({"account": {"roles": ["view-profile"]}, "mcp": {"roles": ["admin"]}});
    assert_eq!(roles(json!({})), Memberships::Absent);
    assert_eq!(
        roles(json!({"roles": ["admin"]})),
        Memberships::Absent,
        "a mapper's, not Keycloak's"
    );
    assert_eq!(roles(json!({"realm_access": realm})), present(&["offline_access", "viewer"]));
    assert_eq!(
        roles(json!({"resource_access": clients})),
        present(&["account/view-profile", "mcp/admin"])
    );
    assert_eq!(
        roles(json!({"resource_access": clients, "realm_access": realm})),
        present(&["account/view-profile", "mcp/admin", "offline_access", "viewer"])
    );
    assert_eq!(roles(json!({"realm_access": {"roles": []}})), present(&[]));
    assert_eq!(roles(json!({"realm_access": {}})), Memberships::Absent);
    for bad in unreadable() {
        let beside = json!({"realm_access": {"roles": bad}, "resource_access": clients});
        assert_eq!(roles(beside), Memberships::Unresolved, "{bad}");
        let one = json!({"mcp": {"roles": ["admin"]}, "other": {"roles": bad}});
        assert_eq!(
            roles(json!({"realm_access": realm, "resource_access": one})),
            Memberships::Unresolved,
            "{bad}"
        );
    }
    for bad in [json!([]), json!(["admin"]), json!("admin"), json!({"mcp": ["admin"]})] {
        assert_eq!(roles(json!({"resource_access": bad})), Memberships::Unresolved, "{bad}");
    }
    assert_eq!(roles(json!({"realm_access": ["admin"]})), Memberships::Unresolved);
}

#[test]
fn no_clients_role_is_called_as_another_clients_is() {
    let roles = |client: &str, role: &str| {
        keycloak(json!({"resource_access": {client: {"roles": [role]}}})).roles().clone()
    };
    assert_eq!(roles("https://a/b", "admin"), present(&["https://a/b/admin"]));
    assert_eq!(roles("https://a", "b/admin"), present(&["https://a/b%2Fadmin"]));
}

#[test]
fn another_providers_roles_are_those_of_rfc_9068() {
    let roles = |changes: Value| oidc(changes).roles().clone();
    assert_eq!(roles(json!({})), Memberships::Absent);
    assert_eq!(roles(json!({"realm_access": {"roles": ["admin"]}})), Memberships::Absent);
    assert_eq!(roles(json!({"roles": ["b", "a"]})), present(&["a", "b"]));
    for bad in unreadable() {
        assert_eq!(roles(json!({"roles": bad})), Memberships::Unresolved, "{bad}");
    }
    let elsewhere = json!({"roles": ["a"], "_claim_names": {"roles": "src"}});
    assert_eq!(roles(elsewhere), Memberships::Unresolved);
}

#[test]
fn how_somebody_signed_in_is_told_by_acr_and_amr() {
    for verified in [oidc as fn(Value) -> Principal, keycloak] {
        let contexts = |changes: Value| verified(changes).auth_contexts().clone();
        let methods = |changes: Value| verified(changes).auth_methods().clone();
        assert_eq!(contexts(json!({})), Memberships::Absent);
        assert_eq!(contexts(json!({"acr": "gold", "amr": ["otp"]})), present(&["gold"]));
        for bad in [json!(1), json!(["gold"]), json!(""), json!({"gold": true})] {
            assert_eq!(contexts(json!({"acr": bad})), Memberships::Unresolved, "{bad}");
        }
        assert_eq!(methods(json!({"acr": "gold"})), Memberships::Absent);
        assert_eq!(methods(json!({"amr": ["otp", "pwd"]})), present(&["otp", "pwd"]));
        for bad in unreadable() {
            assert_eq!(methods(json!({"amr": bad})), Memberships::Unresolved, "{bad}");
        }
    }
}

#[test]
fn as_many_names_as_a_token_can_hold_are_read() {
    let many: Vec<_> = (0..1500).map(|number| format!("g{number}")).collect();
    let groups = keycloak(json!({"groups": many})).groups().clone();
    assert_eq!(groups, Memberships::Present(many.into_iter().collect()));
}
