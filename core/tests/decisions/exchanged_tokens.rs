//! Exchanged tokens: an answer is believed when it is about the person, for the target, and alive.

use obolus_core::Reason;
use obolus_core::exchange::{Answer, ExchangedToken, Target};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::issuer::{ISSUER, KEYS, NOW, RESOURCE, alice, alice_but, b64, principal};

const HEADER: &str = r#"{"alg":"ES256","kid":"p256"}"#;

fn target() -> Target {
    Target { name: "kubernetes".to_owned(), audience: "kubernetes".to_owned() }
}

fn answer(token: &str, expires_in: u64) -> Answer {
    let answer = json!({"access_token": token, "token_type": "Bearer", "expires_in": expires_in});
    Answer::parse(answer.to_string().as_bytes()).unwrap()
}

/// What becomes of an answer with these claims.
fn accept(changes: Value) -> Result<ExchangedToken, Reason> {
    let mut claims = json!({
        "iss": ISSUER, "sub": "5c9d2f6e-alice", "sid": "s", "aud": "kubernetes", "typ": "Bearer", "exp": NOW + 120,
        "jti": "ntrtte:1", "azp": "obolus-sts", "preferred_username": "alice",
    });
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
    }
    accept_text(&KEYS.sign_text(HEADER, &claims.to_string()))
}

fn accept_text(token: &str) -> Result<ExchangedToken, Reason> {
    ExchangedToken::accept(&principal(&alice()), &target(), answer(token, 300), NOW)
}

#[test]
fn a_token_of_the_same_person_for_the_target_is_taken() {
    let token = accept(json!({})).unwrap();
    assert_eq!(token.identity(), principal(&alice()).identity());
    assert_eq!(token.target(), "kubernetes");
    assert_eq!(token.expires_at(), NOW + 120);
    assert_eq!(token.token_id(), Some("ntrtte:1"));
    assert!(token.access_token().expose_secret().starts_with("ey"));
    assert_eq!(token.digest().as_str().len(), 16);
    assert!(accept(json!({"aud": ["kubernetes"]})).is_ok());
    assert_eq!(accept(json!({"jti": null})).unwrap().token_id(), None);
}

#[test]
fn somebody_elses_token_is_refused() {
    for changes in [
        json!({"sub": "9a1b-bob"}),
        json!({"sub": "5C9D2F6E-ALICE"}),
        json!({"sub": ""}),
        json!({"sub": null}),
        json!({"iss": format!("{ISSUER}/")}),
        json!({"iss": "https://idp.example.com/realms/other"}),
        json!({"iss": null}),
    ] {
        assert_eq!(
            accept(changes.clone()).unwrap_err(),
            Reason::ExchangedIdentityMismatch,
            "{changes}"
        );
    }
}

#[test]
fn a_token_for_another_audience_is_refused() {
    for aud in [
        json!("account"),
        json!([]),
        json!(""),
        json!("kubernetes2"),
        json!("Kubernetes"),
        json!(["a", "b"]),
    ] {
        let refused = accept(json!({ "aud": aud })).unwrap_err();
        assert_eq!(refused, Reason::ExchangedAudienceMismatch, "{aud}");
    }
    let without = json!({"iss": ISSUER, "sub": "5c9d2f6e-alice", "sid": "s", "exp": NOW + 120});
    let refused = accept_text(&KEYS.sign_text(HEADER, &without.to_string())).unwrap_err();
    assert_eq!(
        refused,
        Reason::ExchangedAudienceMismatch,
        "Keycloak answers so when nothing is asked for"
    );
}

#[test]
fn the_clients_own_token_is_never_the_exchanged_one() {
    let both = alice_but(json!({"aud": [RESOURCE, "kubernetes"]}));
    let own = KEYS.sign_text(HEADER, &both.to_string());
    let alice = crate::issuer::verify(&own).unwrap();
    let accept = |token: &str| ExchangedToken::accept(&alice, &target(), answer(token, 300), NOW);
    assert_eq!(accept(&own).unwrap_err(), Reason::ExchangedAudienceMismatch);
    let mut other = both;
    other["jti"] = "another".into();
    other["aud"] = "kubernetes".into();
    assert!(accept(&KEYS.sign_text(HEADER, &other.to_string())).is_ok());
}

#[test]
fn a_token_that_would_open_the_gateway_again_does_not_leave_it() {
    for aud in [json!("kubernetes"), json!(["kubernetes"]), json!(["kubernetes", "obolus-sts"])] {
        assert!(accept(json!({ "aud": aud })).is_ok(), "{aud}");
    }
    for aud in [
        json!(["kubernetes", RESOURCE]),
        json!([RESOURCE, "kubernetes"]),
        json!(["kubernetes", format!("{RESOURCE}/")]),
    ] {
        let refused = accept(json!({ "aud": aud })).unwrap_err();
        assert_eq!(refused, Reason::ExchangedAudienceMismatch, "{aud}");
    }
}

#[test]
fn only_an_access_token_that_its_holder_may_use_is_taken() {
    for good in [json!({}), json!({"nonce": "Keycloak's, in access tokens, too"})] {
        assert!(accept(good.clone()).is_ok(), "{good}");
    }
    for bad in [
        json!({"cnf": {"x5t#S256": "x"}}),
        json!({"cnf": {"jkt": "x"}}),
        json!({"cnf": null}),
        json!({"typ": "ID"}),
        json!({"typ": "Refresh"}),
        json!({"typ": "DPoP"}),
        json!({"typ": null}),
    ] {
        assert_eq!(accept(bad.clone()).unwrap_err(), Reason::ExchangedTypeRefused, "{bad}");
    }
    let claims = json!({"iss": ISSUER, "sub": "5c9d2f6e-alice", "sid": "s", "aud": "kubernetes", "typ": "Bearer", "exp": NOW + 9});
    for (typ, taken) in [("JWT", true), ("at+jwt", true), ("logout+jwt", false)] {
        let header = format!(r#"{{"alg":"ES256","kid":"p256","typ":"{typ}"}}"#);
        let seen = accept_text(&KEYS.sign_text(&header, &claims.to_string())).map(drop);
        let expected = if taken { Ok(()) } else { Err(Reason::ExchangedTypeRefused) };
        assert_eq!(seen, expected, "{typ}");
    }
}

#[test]
fn a_token_of_an_application_is_no_persons() {
    for application in [
        json!({"preferred_username": "service-account-obolus-sts"}),
        json!({"azp": "5c9d2f6e-alice"}),
    ] {
        let refused = accept(application.clone()).unwrap_err();
        assert_eq!(refused, Reason::ExchangedIdentityMismatch, "{application}");
    }
    assert!(accept(json!({"preferred_username": "service-account-of-another"})).is_ok());
}

#[test]
fn a_token_that_is_good_only_later_is_refused_and_a_clock_may_be_a_little_ahead() {
    for claim in ["nbf", "iat"] {
        for (ahead, taken) in [(0, true), (30, true), (31, false), (200, false)] {
            let seen = accept(json!({ claim: NOW + ahead, "exp": NOW + 300 })).map(drop);
            let expected = if taken { Ok(()) } else { Err(Reason::ExchangedNotYetValid) };
            assert_eq!(seen, expected, "{claim} {ahead}");
        }
    }
}

#[test]
fn a_token_that_was_issued_to_another_client_is_refused() {
    let issued = |changes: Value| accept(changes).unwrap().issued_to("obolus-sts").map(drop);
    assert_eq!(issued(json!({})), Ok(()));
    assert_eq!(issued(json!({"client_id": "obolus-sts"})), Ok(()));
    for changes in [
        json!({"azp": "somebody-else"}),
        json!({"azp": "Obolus-STS"}),
        json!({"azp": "mcp-client"}),
        // Keycloak always says.
        json!({"azp": null}),
    ] {
        let refused = issued(changes.clone());
        assert_eq!(refused, Err(Reason::ExchangedClientMismatch), "{changes}");
    }
}

#[test]
fn a_token_lives_as_long_as_the_shortest_of_three() {
    let lives = |exp: u64, own: u64, expires_in: u64| {
        let alice = principal(&alice_but(json!({ "exp": NOW + own })));
        let claims = json!({
            "iss": ISSUER, "sub": "5c9d2f6e-alice", "sid": "s", "aud": "kubernetes", "typ": "Bearer", "exp": NOW + exp,
        });
        let token = KEYS.sign_text(HEADER, &claims.to_string());
        ExchangedToken::accept(&alice, &target(), answer(&token, expires_in), NOW)
            .map(|token| token.expires_at() - NOW)
    };
    assert_eq!(lives(10, 20, 30), Ok(10), "its own exp");
    assert_eq!(lives(20, 10, 30), Ok(10), "the client's token");
    assert_eq!(lives(20, 30, 10), Ok(10), "what the answer says");
    assert_eq!(lives(20, 10, u64::MAX), Ok(10), "no overflow");
    assert_eq!(lives(0, 10, 10), Err(Reason::ExchangedExpired));
    assert_eq!(lives(10, 10, 0), Err(Reason::ExchangedExpired));
    let alice = principal(&alice());
    let token = KEYS.sign_text(
        HEADER,
        &json!({"iss": ISSUER, "sub": "5c9d2f6e-alice", "sid": "s", "aud": "kubernetes", "typ": "Bearer", "exp": NOW + 9999})
            .to_string(),
    );
    let late = ExchangedToken::accept(&alice, &target(), answer(&token, 300), NOW + 300);
    assert_eq!(
        late.unwrap_err(),
        Reason::ExchangedExpired,
        "the client's token ended while we waited"
    );
}

#[test]
fn what_cannot_be_read_or_cannot_stand_in_a_header_is_refused() {
    let good = KEYS.sign_text(
        HEADER,
        &json!({"iss": ISSUER, "sub": "5c9d2f6e-alice", "sid": "s", "aud": "kubernetes", "typ": "Bearer", "exp": NOW + 9})
            .to_string(),
    );
    assert!(accept_text(&good).is_ok());
    for bad in [
        String::new(),
        "opaque".to_owned(),
        format!("{good}\r\nx-remote-user: admin"),
        format!("{good} "),
        format!("{good},Bearer x"),
        format!(" {good}"),
        format!("{good}.x.y"),
        format!("{good}\0"),
        good.replacen('.', "..", 1),
        format!("{}.{}.sig", b64(HEADER.as_bytes()), b64(b"[]")),
        format!("{}.{}.sig", b64(HEADER.as_bytes()), b64(b"{\"sub\":\"a\",\"sub\":\"b\"}")),
    ] {
        assert_eq!(accept_text(&bad).unwrap_err(), Reason::ExchangedMalformed, "{bad}");
    }
    for exp in [json!(null), json!(-1), json!("9"), json!(u64::MAX), json!(1e300)] {
        let refused = accept(json!({ "exp": exp })).unwrap_err();
        assert_eq!(refused, Reason::ExchangedMalformed, "{exp}");
    }
}

#[test]
fn an_id_that_cannot_stand_in_a_log_is_left_out() {
    for jti in ["", "a\nb", "a\u{0}"] {
        assert_eq!(accept(json!({ "jti": jti })).unwrap().token_id(), None, "{jti:?}");
    }
    assert_eq!(accept(json!({"jti": "x".repeat(600)})).unwrap().token_id(), None);
}

#[test]
fn only_a_bearer_access_token_with_a_life_is_an_answer() {
    let good = json!({
        "access_token": "a.b.c",
        "token_type": "Bearer",
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "expires_in": 300,
        "refresh_token": "dropped",
        "scope": "x",
        "not-before-policy": 0,
    });
    let parse = |answer: &Value| Answer::parse(answer.to_string().as_bytes()).map(drop);
    let with = |key: &str, value: Value| {
        let mut answer = good.clone();
        answer[key] = value;
        parse(&answer)
    };
    assert_eq!(parse(&good), Ok(()));
    assert_eq!(with("token_type", json!("bearer")), Ok(()));
    assert_eq!(with("issued_token_type", json!(null)), Ok(()));
    for (key, value) in [
        ("token_type", json!("N_A")),
        ("token_type", json!("DPoP")),
        ("token_type", json!(null)),
        ("issued_token_type", json!("urn:ietf:params:oauth:token-type:id_token")),
        ("issued_token_type", json!("urn:ietf:params:oauth:token-type:refresh_token")),
        ("issued_token_type", json!("urn:ietf:params:oauth:token-type:jwt")),
        ("access_token", json!(null)),
        ("access_token", json!(["a.b.c"])),
        ("expires_in", json!(null)),
        ("expires_in", json!(-1)),
        ("expires_in", json!("300")),
        ("expires_in", json!(1e300)),
    ] {
        assert_eq!(with(key, value.clone()), Err(Reason::ExchangedMalformed), "{key} {value}");
    }
    let mut endless = good.clone();
    endless.as_object_mut().unwrap().remove("expires_in");
    assert_eq!(parse(&endless), Err(Reason::ExchangedMalformed), "no expires_in");
    for text in [
        "",
        "null",
        "<html>",
        r#"["a.b.c","Bearer",null,300]"#,
        r#"{"access_token":"a","access_token":"b","token_type":"Bearer","expires_in":1}"#,
        r#"{"access_token":"a","token_type":"Bearer","expires_in":1} x"#,
    ] {
        assert_eq!(
            Answer::parse(text.as_bytes()).map(drop),
            Err(Reason::ExchangedMalformed),
            "{text}"
        );
    }
    let answer = Answer::parse(good.to_string().as_bytes()).unwrap();
    assert!(!format!("{answer:?}").contains("a.b.c"));
}

#[test]
fn a_refresh_token_that_nobody_asked_for_is_neither_held_nor_shown() {
    let claims = json!({"iss": ISSUER, "sub": "5c9d2f6e-alice", "sid": "s", "aud": "kubernetes", "typ": "Bearer", "exp": NOW + 9});
    let token = KEYS.sign_text(HEADER, &claims.to_string());
    // Whatever it is: what is not read cannot be wrong.
    for unasked in [json!("a-refresh-token"), json!(null), json!(["a-refresh-token"]), json!({})] {
        let answer = json!({
            "access_token": token, "token_type": "Bearer", "expires_in": 9,
            "refresh_token": unasked, "id_token": unasked, "client_info": unasked,
        });
        let answer = Answer::parse(answer.to_string().as_bytes()).unwrap();
        assert!(!format!("{answer:?}").contains("a-refresh-token"));
        let accepted =
            ExchangedToken::accept(&principal(&alice()), &target(), answer, NOW).unwrap();
        assert!(!format!("{accepted:?}").contains("a-refresh-token"));
        assert_eq!(accepted.access_token().expose_secret(), token);
    }
}
