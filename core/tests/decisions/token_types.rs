//! Token types: an access token for whoever sends it, and nothing else that an issuer signs.

use obolus_core::Reason;
use obolus_core::token::{Principal, Profile, UnverifiedToken};
use serde_json::{Value, json};

use crate::issuer::{
    KEY_SET, KEYS, NOW, RESOURCE, alice, alice_but, rules, verify, verify_alice_but, verify_text,
    verify_with,
};

/// What becomes of alice's token in the plain OpenID profile, with this header and these changes.
fn verify_oidc(header: Value, changes: Value) -> Result<Principal, Reason> {
    let token = KEYS.sign_text(&header.to_string(), &alice_but(changes).to_string());
    verify_with(&token, &rules(Profile::Oidc), &KEY_SET, NOW)
}

#[test]
fn keycloak_says_what_a_token_is_and_only_bearer_will_do() {
    assert_eq!(verify_alice_but(json!({"typ": "Bearer"})), Ok(()));
    for kind in
        ["ID", "Refresh", "Offline", "Logout", "DPoP", "bearer", "BEARER", "", "Registration"]
    {
        assert_eq!(verify_alice_but(json!({"typ": kind})), Err(Reason::TokenTypeRefused), "{kind}");
    }
    assert_eq!(
        verify_alice_but(json!({"typ": null})),
        Err(Reason::TokenTypeRefused),
        "not said at all"
    );
    // Keycloak puts the nonce of the login into access tokens, too.
    assert_eq!(verify_alice_but(json!({"nonce": "n"})), Ok(()));
}

#[test]
fn elsewhere_an_id_token_is_told_by_the_claims_that_only_it_has() {
    let plain = json!({"alg": "ES256", "kid": "p256", "typ": "JWT"});
    let rfc9068 = json!({"alg": "ES256", "kid": "p256", "typ": "at+jwt"});
    let no_type = json!({"alg": "ES256", "kid": "p256"});
    for header in [&plain, &rfc9068, &no_type] {
        for typ in [json!(null), json!("Bearer")] {
            assert!(verify_oidc(header.clone(), json!({"typ": typ})).is_ok(), "{header}");
        }
    }
    for claim in ["nonce", "at_hash", "c_hash", "s_hash"] {
        for value in [json!("x"), json!(1), json!({})] {
            for header in [&plain, &no_type] {
                assert_eq!(
                    verify_oidc(header.clone(), json!({"typ": null, claim: value})),
                    Err(Reason::TokenTypeRefused),
                    "{claim} {header}"
                );
            }
        }
    }
    for kind in ["ID", "Refresh", "Offline", "Logout", "DPoP"] {
        assert_eq!(
            verify_oidc(plain.clone(), json!({"typ": kind})),
            Err(Reason::TokenTypeRefused),
            "{kind}"
        );
    }
    // A back-channel logout token has no nonce, but events (OpenID Connect Back-Channel Logout §2.4).
    let events = json!({"http://schemas.openid.net/event/backchannel-logout": {}});
    assert_eq!(
        verify_oidc(plain, json!({"typ": null, "events": events})),
        Err(Reason::TokenTypeRefused)
    );
}

#[test]
fn a_token_whose_audience_is_the_client_that_got_it_has_the_shape_of_an_id_token() {
    let plain = json!({"alg": "ES256", "kid": "p256", "typ": "JWT"});
    let check = |header: &Value, changes: Value, accepted: &[&str]| {
        let claims = alice_but(changes);
        let token = KEYS.sign_text(&header.to_string(), &claims.to_string());
        let accepted: Vec<_> = accepted.iter().map(|audience| (*audience).to_owned()).collect();
        UnverifiedToken::parse(&token)
            .unwrap()
            .check(&[rules(Profile::Oidc)], &accepted, NOW)
            .map(drop)
    };
    let verify = |header: &Value, changes: Value| check(header, changes, &["mcp-client", "api"]);
    // An ID token need have neither nonce nor at_hash (OpenID Connect Core §2, code flow).
    for aud in [json!("mcp-client"), json!(["mcp-client"]), json!(["mcp-client", "other"])] {
        for client in
            [json!({"azp": "mcp-client"}), json!({"azp": null, "client_id": "mcp-client"})]
        {
            let mut changes = client.clone();
            changes["aud"] = aud.clone();
            changes["typ"] = json!(null);
            assert_eq!(verify(&plain, changes.clone()), Err(Reason::TokenTypeRefused), "{changes}");
            changes["azp"] = json!("another-client");
            changes["client_id"] = json!(null);
            assert_eq!(verify(&plain, changes.clone()), Ok(()), "{changes}: another's client id");
        }
    }
    let for_its_client = json!({"aud": "mcp-client", "typ": null});
    let access_token = json!({"alg": "ES256", "kid": "p256", "typ": "at+jwt"});
    assert_eq!(verify(&access_token, for_its_client), Ok(()), "its header says what it is");
    let for_both = json!({"aud": ["mcp-client", "api"], "typ": null});
    assert_eq!(verify(&plain, for_both), Ok(()), "an API is named besides");
    let elsewhere = check(&plain, json!({"aud": "mcp-client", "typ": null}), &["api"]);
    assert_eq!(elsewhere, Err(Reason::AudienceMismatch), "where no client's id is an audience");
    // Keycloak says what a token is.
    assert_eq!(verify_alice_but(json!({"azp": RESOURCE, "aud": RESOURCE})), Ok(()));
}

#[test]
fn a_jws_of_another_kind_is_no_access_token() {
    let kind = |profile, typ: Value| {
        let header = json!({"alg": "ES256", "kid": "p256", "typ": typ}).to_string();
        let token = KEYS.sign_text(&header, &alice().to_string());
        verify_with(&token, &rules(profile), &KEY_SET, NOW).map(drop)
    };
    for profile in [Profile::Keycloak, Profile::Oidc] {
        for typ in ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt"] {
            assert_eq!(kind(profile, json!(typ)), Ok(()), "{typ}");
        }
        for typ in [
            "logout+jwt",
            "dpop+jwt",
            "client-authentication+jwt",
            "oauth-id-jag+jwt",
            "secevent+jwt",
            "txntoken+jwt",
            "token-introspection+jwt",
            "vc+sd-jwt",
            "JOSE",
            "at+jwt ",
            "",
        ] {
            assert_eq!(kind(profile, json!(typ)), Err(Reason::TokenTypeRefused), "{typ}");
        }
        assert_eq!(kind(profile, json!(["at+jwt"])), Err(Reason::TokenMalformed));
    }
}

#[test]
fn a_token_that_is_bound_to_its_senders_key_is_refused() {
    assert_eq!(verify_alice_but(json!({})), Ok(()));
    for cnf in [json!({"jkt": "x"}), json!({"x5t#S256": "x"}), json!({}), json!("x")] {
        assert_eq!(verify_alice_but(json!({"cnf": cnf})), Err(Reason::SenderConstrained), "{cnf}");
    }
    let null = alice().to_string().replacen('{', r#"{"cnf":null,"#, 1);
    assert_eq!(verify_text(&null), Err(Reason::SenderConstrained), "said, and not understood");
}

#[test]
fn a_critical_header_is_refused_whatever_it_names() {
    let with_crit = |crit: &str| {
        let header = format!(r#"{{"alg":"ES256","kid":"p256","b64":false,"crit":{crit}}}"#);
        verify(&KEYS.sign_text(&header, &alice().to_string())).map(drop)
    };
    for crit in [r#"["b64"]"#, r#"["exp"]"#, "[]", "null", r#""b64""#, "{}"] {
        assert_eq!(with_crit(crit), Err(Reason::CriticalHeader), "{crit}");
    }
    let header = r#"{"alg":"ES256","kid":"p256","b64":true,"unknown":{"x":1}}"#;
    assert!(verify(&KEYS.sign_text(header, &alice().to_string())).is_ok(), "not critical");
}
