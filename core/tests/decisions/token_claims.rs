//! Claims: whose token, through which client, and for whom.
//!
//! All tokens here carry a valid signature of the issuer: what is refused is refused for what it says.

use obolus_core::Reason;
use obolus_core::policy::require_person;
use obolus_core::token::{Profile, Provider, UnverifiedToken};
use serde_json::{Value, json};

use crate::issuer::{
    HEADER, ISSUER, KEY_SET, KEYS, NOW, RESOURCE, alice, alice_but, principal, rules, verify,
    verify_alice_but, verify_text, verify_with,
};

#[test]
fn another_issuer_is_refused_however_alike_it_looks() {
    assert_eq!(verify_alice_but(json!({"iss": ISSUER})), Ok(()));
    for issuer in [
        json!(format!("{ISSUER}/")),
        json!(ISSUER.to_uppercase()),
        json!(ISSUER.replace("https", "http")),
        json!(ISSUER.replace("example.com", "example.com:443")),
        json!(format!(" {ISSUER}")),
        json!(format!("{ISSUER}\0")),
        json!("https://idp.example.com/realms/other"),
        json!(""),
        json!(null),
    ] {
        assert_eq!(
            verify_alice_but(json!({"iss": issuer})),
            Err(Reason::IssuerUnknown),
            "{issuer}"
        );
    }
    assert_eq!(verify_alice_but(json!({"iss": [ISSUER]})), Err(Reason::TokenMalformed));
}

#[test]
fn the_audience_is_ours_as_a_string_or_in_an_array_or_the_token_is_refused() {
    for aud in [json!(RESOURCE), json!([RESOURCE]), json!(["other", RESOURCE])] {
        assert_eq!(verify_alice_but(json!({"aud": aud})), Ok(()), "{aud}");
    }
    for aud in [
        json!("account"),
        json!(["account", "obolus-sts"]),
        json!([]),
        json!(""),
        json!(format!("{RESOURCE}/")),
        json!(format!("{RESOURCE} other")),
        json!(RESOURCE.to_uppercase()),
        json!("https://mcp.example.com"),
        json!(null),
    ] {
        assert_eq!(verify_alice_but(json!({"aud": aud})), Err(Reason::AudienceMismatch), "{aud}");
    }
    for aud in [json!(1), json!({"0": RESOURCE}), json!([RESOURCE, 1]), json!([[RESOURCE]])] {
        assert_eq!(verify_alice_but(json!({"aud": aud})), Err(Reason::TokenMalformed), "{aud}");
    }
    let many: Vec<_> = (0..1500).map(|n| format!("a{n}")).collect();
    assert_eq!(verify_alice_but(json!({"aud": many})), Err(Reason::AudienceMismatch));
    let mut many_and_ours = many;
    many_and_ours.push(RESOURCE.to_owned());
    assert_eq!(verify_alice_but(json!({"aud": many_and_ours})), Ok(()));
}

#[test]
fn a_person_needs_a_subject_that_a_log_can_hold() {
    let longest = "x".repeat(512);
    for subject in ["a", "f:1234:alice", "алиса", longest.as_str()] {
        assert_eq!(principal(&alice_but(json!({"sub": subject}))).identity().subject, subject);
    }
    for subject in [
        json!(null),
        json!(""),
        json!("alice\n"),
        json!("al\u{0}ice"),
        json!("alice\u{7f}"),
        json!("alice\u{85}"),
        json!("x".repeat(513)),
    ] {
        assert_eq!(
            verify_alice_but(json!({"sub": subject})),
            Err(Reason::SubjectMissing),
            "{subject}"
        );
    }
    assert_eq!(verify_alice_but(json!({"sub": 42})), Err(Reason::TokenMalformed));
}

#[test]
fn two_names_for_the_client_must_agree() {
    let client = |changes| verify(&KEYS.sign_text(HEADER, &alice_but(changes).to_string()));
    let name = |changes| client(changes).map(|p| p.client().map(str::to_owned));
    assert_eq!(name(json!({"client_id": "mcp-client"})), Ok(Some("mcp-client".to_owned())));
    assert_eq!(name(json!({"azp": null, "client_id": "c"})), Ok(Some("c".to_owned())));
    assert_eq!(name(json!({"azp": null})), Ok(None));
    assert_eq!(name(json!({"client_id": "other"})), Err(Reason::TokenMalformed));
    assert_eq!(name(json!({"client_id": ""})), Err(Reason::TokenMalformed));
    // A client whose name cannot be written is not the same as no client.
    for azp in ["", "mcp-client\n", "mcp\u{0}client"] {
        assert_eq!(name(json!({"azp": azp})), Err(Reason::TokenMalformed), "{azp:?}");
    }
}

#[test]
fn a_claim_that_is_said_twice_is_refused_and_so_is_a_header() {
    let once = alice().to_string();
    assert_eq!(verify_text(&once), Ok(()));
    for twice in [
        r#"{"iss":"https://evil.example","#,
        r#"{"sub":"bob","#,
        r#"{"sub":"5c9d2f6e-alice","#,
        r#"{"aud":[],"#,
        r#"{"exp":9999999999,"#,
        r#"{"scope":"admin","#,
        r#"{"azp":"other","#,
        r#"{"typ":"ID","#,
        r#"{"\u0073ub":"bob","#,
    ] {
        assert_eq!(
            verify_text(&once.replacen('{', twice, 1)),
            Err(Reason::TokenMalformed),
            "{twice}"
        );
    }
    for header in [
        r#"{"alg":"ES256","alg":"ES256","kid":"p256"}"#,
        r#"{"alg":"none","alg":"ES256","kid":"p256"}"#,
        r#"{"alg":"ES256","kid":"p256","kid":"x"}"#,
        r#"{"alg":"ES256","kid":"p256","typ":"JWT","typ":"at+jwt"}"#,
        r#"{"alg":"ES256","kid":"p256","\u0061lg":"none"}"#,
    ] {
        assert_eq!(verify(&KEYS.sign_text(header, &once)), Err(Reason::TokenMalformed), "{header}");
    }
}

#[test]
fn a_claim_of_another_spelling_is_not_ours() {
    // serde matches keys exactly: `Sub` is nobody's subject.
    assert_eq!(verify_alice_but(json!({"sub": null, "Sub": "alice"})), Err(Reason::SubjectMissing));
    assert_eq!(
        verify_alice_but(json!({"aud": null, "Aud": RESOURCE})),
        Err(Reason::AudienceMismatch)
    );
    assert_eq!(verify_alice_but(json!({"Exp": 0, "SCOPE": "admin"})), Ok(()));
}

#[test]
fn scopes_are_words_and_an_array_is_read_as_one_scope_each() {
    let scopes = |scope: Value| -> Vec<String> {
        principal(&alice_but(json!({ "scope": scope }))).scopes().iter().cloned().collect()
    };
    assert_eq!(scopes(json!("b  a b")), ["a", "b"]);
    assert_eq!(scopes(json!(["b", "a"])), ["a", "b"]);
    assert_eq!(scopes(json!("")), Vec::<String>::new());
    assert_eq!(scopes(json!(null)), Vec::<String>::new());
    assert_eq!(scopes(json!("mcp:tools\u{a0}admin")), ["mcp:tools\u{a0}admin"], "no separator");
    assert_eq!(verify_alice_but(json!({"scope": {"admin": true}})), Err(Reason::TokenMalformed));
}

#[test]
fn rules_are_those_of_the_issuer_that_the_token_names() {
    let mut other = rules(Profile::Oidc).as_ref().clone();
    other.name = "other".to_owned();
    other.provider = Provider::Oidc("https://other.example.com".to_owned());
    other.algorithms = vec![obolus_core::token::Algorithm::RS256];
    let both = [std::sync::Arc::new(other), rules(Profile::Keycloak)];
    let check = |claims: Value| {
        UnverifiedToken::parse(&KEYS.sign_text(HEADER, &claims.to_string()))
            .unwrap()
            .check(&both, &[RESOURCE.to_owned()], NOW)
            .map(|checked| checked.issuer_name().to_owned())
    };
    assert_eq!(check(alice()), Ok("keycloak".to_owned()));
    assert_eq!(
        check(alice_but(json!({"iss": "https://other.example.com"}))),
        Err(Reason::AlgorithmNotAllowed),
        "ES256 is the other issuer's, not this one's"
    );
    assert_eq!(check(alice_but(json!({"iss": "https://third"}))), Err(Reason::IssuerUnknown));
}

#[test]
fn an_applications_own_token_is_told_from_a_persons_whatever_the_person_is_called() {
    let verified = |changes: Value| principal(&alice_but(changes));
    for (changes, why) in [
        (json!({}), "a person's"),
        (json!({"preferred_username": "alice"}), "by name"),
        (json!({"preferred_username": "service-account-of-another"}), "another client's account"),
        (json!({"preferred_username": "service-account-mcp-client-2"}), "a longer name"),
        (json!({"preferred_username": "my-service-account-mcp-client"}), "another prefix"),
        (json!({"preferred_username": "service-account-"}), "a prefix alone"),
        (json!({"preferred_username": ["service-account-mcp-client"]}), "no text"),
        (json!({"preferred_username": "sërvice-account-mcp-client"}), "another letter"),
        (json!({"name": "service-account-mcp-client"}), "a name of another kind"),
        (json!({"client_id": "mcp-client"}), "a client in both claims"),
        (json!({"azp": null}), "no client"),
        (json!({"azp": null, "preferred_username": "service-account-mcp-client"}), "no client"),
    ] {
        let person = verified(changes);
        assert!(!person.is_app_only(), "{why}");
        assert_eq!(require_person(&person), Ok(()), "{why}");
    }
    for (changes, why) in [
        (json!({"sub": "mcp-client"}), "sub is azp"),
        (json!({"sub": "mcp-client", "azp": null, "client_id": "mcp-client"}), "sub is client_id"),
        (json!({"preferred_username": "service-account-mcp-client"}), "Keycloak's account"),
        (json!({"preferred_username": "Service-Account-MCP-Client"}), "in another case"),
        (
            json!({"azp": "MCP-Client", "preferred_username": "service-account-mcp-client"}),
            "Keycloak writes names in lower case, and ids as they are",
        ),
        // A client that registered itself without the scope `profile`: an account of Keycloak's own, and no name.
        (json!({"sid": null}), "nobody's session"),
        (json!({"sid": ""}), "no session's name"),
        (json!({"sid": 1}), "no text"),
        (json!({"sid": null, "preferred_username": "alice"}), "a name without a session"),
    ] {
        let application = verified(changes);
        assert!(application.is_app_only(), "{why}");
        assert_eq!(require_person(&application), Err(Reason::AppOnly), "{why}");
    }
    // Other providers name a session or do not (OpenID Connect Front-Channel Logout §3).
    let plain = KEYS.sign_text(HEADER, &alice_but(json!({"sid": null})).to_string());
    assert!(!verify_with(&plain, &rules(Profile::Oidc), &KEY_SET, NOW).unwrap().is_app_only());
}
