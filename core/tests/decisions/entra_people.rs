//! Entra ID's access tokens, v1 and v2: whom they speak for.

use std::collections::BTreeSet;

use obolus_core::Reason;
use obolus_core::policy::{missing_scopes, require_person};
use obolus_core::token::{Memberships, Principal};
use serde_json::{Value, json};

use crate::configuration::resource_but;
use crate::entra::{
    ALICE, API, BOB, CLIENT, CONTOSO, FABRIKAM, STRANGERS, but, issuer_v1, issuer_v2, refusal,
    refusal_of, v1, v2, verify, verify_text,
};
use crate::issuer::HEADER;

fn person(changes: Value) -> Principal {
    verify(&but(v2(), changes)).unwrap()
}

#[test]
fn a_v2_and_a_v1_token_of_one_person_name_the_same_person() {
    let (new, old) = (verify(&v2()).unwrap(), verify(&v1()).unwrap());
    for principal in [&new, &old] {
        assert_eq!(principal.identity().issuer, issuer_v2(CONTOSO));
        assert_eq!(principal.identity().subject, ALICE);
        assert_eq!(principal.tenant().unwrap().as_str(), CONTOSO);
        assert_eq!(principal.client(), Some(CLIENT));
        assert_eq!(principal.issuer_name(), "entra");
        assert_eq!(principal.token_id(), Some("dGhlIHRva2Vu"));
        assert_eq!(principal.scopes().iter().collect::<Vec<_>>(), ["access_as_user", "profile"]);
        assert!(!principal.is_app_only());
        assert_eq!(require_person(principal), Ok(()));
    }
    assert_eq!(new.audiences(), [API]);
    assert_eq!(old.audiences(), [format!("api://{API}")]);
    assert_eq!(person(json!({"jti": "j"})).token_id(), Some("j"));
}

#[test]
fn a_person_is_tenant_and_oid_and_nothing_that_changes_hands() {
    let alice = person(json!({}));
    for same in [
        json!({"sub": "pairwise-at-another-api"}),
        json!({"sub": null}),
        json!({"preferred_username": "bob@contoso.example", "name": "Bob", "email": "bob@x"}),
        json!({"upn": "bob@contoso.example", "unique_name": "bob"}),
    ] {
        assert_eq!(person(same.clone()).identity(), alice.identity(), "{same}");
    }
    assert_ne!(person(json!({"oid": BOB})).identity(), alice.identity());
    // A guest has an oid of his own in each tenant; but also the same one would be another person.
    let elsewhere = person(json!({"iss": issuer_v2(FABRIKAM), "tid": FABRIKAM}));
    assert_ne!(elsewhere.identity(), alice.identity());
    for oid in [json!(null), json!(""), json!("a\nb"), json!("x".repeat(513))] {
        assert_eq!(refusal(&but(v2(), json!({ "oid": oid }))), Reason::SubjectMissing, "{oid}");
    }
}

#[test]
fn issuer_version_and_tenant_say_the_same_or_the_token_is_refused() {
    for claims in [v2(), v1()] {
        assert!(verify(&claims).is_ok());
    }
    let other_tenant = [json!(FABRIKAM), json!(STRANGERS), json!(null), json!("")];
    for tid in other_tenant {
        assert_eq!(refusal(&but(v2(), json!({ "tid": tid }))), Reason::TenantRefused, "{tid}");
    }
    assert_eq!(
        refusal(&but(v2(), json!({"tid": CONTOSO.to_uppercase()}))),
        Reason::TenantRefused,
        "Entra ID writes GUIDs one way"
    );
    for ver in [json!("1.0"), json!("2"), json!("2.0 "), json!(null)] {
        assert_eq!(refusal(&but(v2(), json!({ "ver": ver }))), Reason::TokenMalformed, "{ver}");
    }
    assert_eq!(refusal(&but(v1(), json!({"ver": "2.0"}))), Reason::TokenMalformed);
    assert_eq!(refusal(&but(v1(), json!({"iss": issuer_v2(CONTOSO)}))), Reason::TokenMalformed);
    // Two clients are none.
    assert_eq!(refusal(&but(v2(), json!({"appid": "another"}))), Reason::TokenMalformed);
    assert_eq!(person(json!({"appid": CLIENT})).client(), Some(CLIENT));
    assert_eq!(refusal(&but(v2(), json!({"azp": "a\nb"}))), Reason::TokenMalformed);
}

#[test]
fn a_scope_is_required_by_its_full_name_and_met_by_what_follows_its_own_api() {
    let url = "https://mcp.contoso.example";
    let resource = |required: &str| {
        let mut resource = (*resource_but(json!({}))).clone();
        resource.audiences = vec![API.to_owned(), url.to_owned()];
        resource.required_scopes = vec![required.to_owned()];
        resource
    };
    let missing = |scp: &str, required: &str| {
        let principal = person(json!({ "scp": scp }));
        !missing_scopes(&principal, &resource(required)).is_empty()
    };
    let full = format!("api://{API}/access_as_user");
    assert!(!missing("access_as_user", &full));
    assert!(!missing("other access_as_user", &full));
    assert!(!missing("tool.execute", "https://mcp.contoso.example/tool.execute"));
    let nested = format!("api://{API}/cluster/admin");
    assert!(!missing("cluster/admin", &nested));
    assert!(missing("admin", &nested));
    assert!(missing("access_as_user", "api://other/access_as_user"));
    for scp in ["other", "Access_As_User", "access_as_user2", "access", &full] {
        assert!(missing(scp, &full), "{scp}");
    }
    // `scope` is other providers' claim.
    let other = person(json!({"scp": "other", "scope": "access_as_user"}));
    assert!(!missing_scopes(&other, &resource(&full)).is_empty());
}

#[test]
fn an_applications_own_token_is_a_principal_that_no_exchange_is_for() {
    let roles = json!(["Tools.Run"]);
    for (claims, why) in [
        (but(v2(), json!({"scp": null, "roles": roles})), "no scp"),
        (but(v2(), json!({"scp": null, "roles": roles, "idtyp": "app"})), "no scp, and says so"),
        (but(v2(), json!({"idtyp": "app"})), "says so"),
        (but(v2(), json!({"idtyp": "device"})), "says that it is no person's"),
        (but(v2(), json!({"scp": ""})), "no scope at all"),
        (but(v1(), json!({"scp": null, "roles": roles})), "v1"),
    ] {
        let application = verify(&claims).unwrap();
        assert!(application.is_app_only(), "{why}");
        assert_eq!(require_person(&application), Err(Reason::AppOnly), "{why}");
    }
    let person = person(json!({"idtyp": "user", "roles": roles}));
    assert_eq!(require_person(&person), Ok(()));
}

fn present(names: &[&str]) -> Memberships {
    Memberships::Present(names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>())
}

#[test]
fn groups_are_absent_present_or_not_said_and_the_three_are_told_apart() {
    let groups = |changes: Value| person(changes).groups().clone();
    let elsewhere = json!({"groups": "src1"});
    let source =
        json!({"src1": {"endpoint": "https://graph.windows.net/t/users/o/getMemberObjects"}});
    assert_eq!(groups(json!({})), Memberships::Absent);
    assert_eq!(groups(json!({"groups": ["g2", "g1"]})), present(&["g1", "g2"]));
    assert_eq!(groups(json!({"groups": []})), present(&[]), "none is not unsaid");
    for (overage, why) in [
        (json!({"_claim_names": elsewhere, "_claim_sources": source}), "overage"),
        (json!({"_claim_names": elsewhere}), "without a source"),
        (json!({"_claim_names": {"groups": 1}}), "whatever the source's name"),
        (json!({"hasgroups": true}), "overage in the implicit flow"),
        (json!({"groups": ["g1"], "_claim_names": elsewhere}), "a list that is not whole"),
        (json!({"groups": ["g1"], "hasgroups": true}), "nor this one"),
    ] {
        assert_eq!(groups(overage), Memberships::Unresolved, "{why}");
    }
    assert_eq!(groups(json!({"hasgroups": false})), Memberships::Absent);
    assert_eq!(groups(json!({"_claim_names": {"other": "src1"}})), Memberships::Absent);
}

#[test]
fn groups_and_roles_that_cannot_be_read_are_not_taken_for_none() {
    for claim in ["groups", "roles"] {
        for bad in [
            json!("g1"),
            json!({"g1": true}),
            json!([1]),
            json!([["g1"]]),
            json!(["g1", null]),
            json!([""]),
            json!(["g\n1"]),
            json!(true),
        ] {
            let reason = refusal(&but(v2(), json!({ claim: bad })));
            assert_eq!(reason, Reason::TokenMalformed, "{claim} {bad}");
        }
        let null = v2().to_string().replacen('{', &format!(r#"{{"{claim}":null,"#), 1);
        assert_eq!(refusal_of(HEADER, &null), Reason::TokenMalformed, "{claim}: null");
        let twice = v2().to_string().replacen('{', &format!(r#"{{"{claim}":[],"{claim}":[],"#), 1);
        assert_eq!(refusal_of(HEADER, &twice), Reason::TokenMalformed, "{claim}: twice");
        assert!(verify(&but(v2(), json!({ claim: ["g1"] }))).is_ok());
    }
    for (claim, bad) in [
        ("hasgroups", json!("true")),
        ("hasgroups", json!(1)),
        ("_claim_names", json!("groups")),
        ("_claim_names", json!(["groups"])),
        ("oid", json!(1)),
        ("tid", json!([CONTOSO])),
        ("ver", json!(2.0)),
        ("scp", json!(["access_as_user"])),
        ("azp", json!({"id": CLIENT})),
        ("idtyp", json!(false)),
        ("uti", json!(1)),
    ] {
        let reason = refusal(&but(v2(), json!({ claim: bad })));
        assert_eq!(reason, Reason::TokenMalformed, "{claim} {bad}");
    }
    let null = v2().to_string().replacen('{', r#"{"_claim_names":null,"#, 1);
    assert_eq!(refusal_of(HEADER, &null), Reason::TokenMalformed);
}

#[test]
fn roles_are_absent_or_present() {
    let roles = |changes: Value| person(changes).roles().clone();
    assert_eq!(roles(json!({})), Memberships::Absent);
    assert_eq!(roles(json!({"roles": ["b", "a", "a"]})), present(&["a", "b"]));
    assert_eq!(roles(json!({"roles": []})), present(&[]));
    assert_eq!(roles(json!({"_claim_names": {"roles": "src1"}})), Memberships::Unresolved);
    assert_eq!(
        person(json!({"groups": ["g1"], "roles": ["r1"]})).groups(),
        &present(&["g1"]),
        "one is not the other"
    );
}

#[test]
fn how_somebody_signed_in_is_told_by_acrs_amr_and_the_acr_of_v1() {
    let told = |claims: Value, changes: Value| {
        let person = verify(&but(claims, changes)).unwrap();
        (person.auth_contexts().clone(), person.auth_methods().clone())
    };
    let absent = Memberships::Absent;
    assert_eq!(told(v2(), json!({})), (absent.clone(), absent.clone()));
    assert_eq!(
        told(v2(), json!({"acrs": ["c2", "c1"], "amr": ["pwd", "mfa"]})),
        (present(&["c1", "c2"]), present(&["mfa", "pwd"]))
    );
    assert_eq!(told(v2(), json!({"acr": "1"})).0, absent, "v2 says `acrs`");
    assert_eq!(told(v1(), json!({})), (present(&["1"]), present(&["pwd"])));
    assert_eq!(told(v1(), json!({"acrs": ["c1"]})).0, present(&["1", "c1"]));
    assert_eq!(told(v1(), json!({"acrs": 1})).0, Memberships::Unresolved);
    assert_eq!(told(v2(), json!({"acrs": "c1", "amr": [7]})).0, Memberships::Unresolved);
    assert_eq!(told(v2(), json!({"acrs": "c1", "amr": [7]})).1, Memberships::Unresolved);
}

#[test]
fn a_claim_that_we_do_not_read_may_be_anything_and_so_may_one_of_the_sign_in() {
    for unread in [
        json!({"wids": "x", "acrs": 1, "xms_cc": {}, "amr": 7}),
        json!({"acrs": {"c1": null}, "amr": "pwd", "acr": null}),
        json!({"name": ["Alice"], "upn": false, "preferred_username": {}}),
        json!({"_claim_sources": "https://evil.example", "idp": [], "acct": "1"}),
    ] {
        assert!(verify(&but(v2(), unread.clone())).is_ok(), "{unread}");
    }
    assert!(verify_text(HEADER, &v1().to_string()).is_ok());
    assert_eq!(verify(&but(v2(), json!({"iss": issuer_v1(CONTOSO)}))), Err(Reason::TokenMalformed));
}
