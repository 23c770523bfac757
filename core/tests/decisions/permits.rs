//! Permits: a decision lets through the request that it was taken on, once, and nothing beside it.

use obolus_core::Reason;
use obolus_core::config::Resource;
use obolus_core::exchange::{Answer, ExchangedToken};
use obolus_core::mcp::Message;
use obolus_core::policy::{Permit, Subject, missing_scopes};
use obolus_core::token::Provider;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::configuration::resource_but;
use crate::deciding::decide as decide_on;
use crate::issuer::{ISSUER, KEYS, NOW, RESOURCE, alice, alice_but, principal};

const BODY: &[u8] =
    br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pods_list"}}"#;
const SUBJECT: Subject<'_> = Subject { cluster: "obolus-mcp", body: BODY, generation: 7 };

fn message() -> Message {
    Message::parse(BODY).unwrap()
}

fn permit_for(claims: &Value) -> Result<Permit, Reason> {
    decide_on(&principal(claims), &resource_but(json!({})), &message(), SUBJECT)
}

/// What the identity provider answers to the token of these claims.
fn exchanged(claims: &Value, answered: Value) -> ExchangedToken {
    exchanged_for(&principal(claims), resource_but(json!({})).targets.default_target(), answered)
}

fn exchanged_for(
    principal: &obolus_core::token::Principal,
    target: &obolus_core::exchange::Target,
    answered: Value,
) -> ExchangedToken {
    let mut claims = json!({
        "iss": ISSUER, "sub": "5c9d2f6e-alice", "aud": target.audience, "typ": "Bearer", "exp": NOW + 300,
        "jti": "ntrtte:1",
        "sid": "session-of-alice",
    });
    for (name, value) in answered.as_object().unwrap() {
        claims[name] = value.clone();
    }
    let token = KEYS.sign_text(r#"{"alg":"ES256","kid":"p256"}"#, &claims.to_string());
    let answer = json!({"access_token": token, "token_type": "Bearer", "expires_in": 300});
    let answer = Answer::parse(answer.to_string().as_bytes()).unwrap();
    ExchangedToken::accept(principal, target, answer, NOW).unwrap()
}

/// One principal and everything that follows, with one thing changed.
fn release(change: impl FnOnce(&mut Released<'_>)) -> Result<String, Reason> {
    let alice = principal(&alice());
    let resource = resource_but(json!({}));
    let mut released = Released {
        permit: decide_on(&alice, &resource, &message(), SUBJECT).unwrap(),
        subject: SUBJECT,
        exchanged: exchanged_for(&alice, resource.targets.default_target(), json!({})),
        now: NOW,
    };
    change(&mut released);
    let Released { permit, subject, exchanged, now } = released;
    let forward = permit.release(subject, &exchanged, now)?;
    assert_eq!(forward.cluster, "obolus-mcp");
    let authorization = forward.authorization.expose_secret().to_owned();
    assert_eq!(authorization, format!("Bearer {}", exchanged.access_token().expose_secret()));
    assert!(!format!("{forward:?} {exchanged:?}").contains(&authorization[7..]));
    Ok(authorization)
}

struct Released<'a> {
    permit: Permit,
    subject: Subject<'a>,
    exchanged: ExchangedToken,
    now: u64,
}

#[test]
fn the_request_that_was_permitted_goes_on_with_the_exchanged_token() {
    assert!(release(|_| {}).unwrap().starts_with("Bearer ey"));
    assert!(release(|r| r.now = NOW + 299).is_ok());
}

#[test]
fn another_cluster_body_or_generation_is_not_what_was_permitted() {
    for cluster in ["obolus-mcp2", "", "OBOLUS-MCP", "obolus-sts"] {
        assert_eq!(
            release(|r| r.subject.cluster = cluster),
            Err(Reason::PermitMismatch),
            "{cluster}"
        );
    }
    for at in [0, BODY.len() / 2, BODY.len() - 1] {
        let mut body = BODY.to_vec();
        body[at] ^= 0x20;
        assert_eq!(
            release(move |r| r.subject.body = body.leak()),
            Err(Reason::PermitMismatch),
            "{at}"
        );
    }
    for body in [&b""[..], &BODY[..BODY.len() - 1], &[BODY, b" "].concat()] {
        let body: &'static [u8] = body.to_vec().leak();
        assert_eq!(release(|r| r.subject.body = body), Err(Reason::PermitMismatch));
    }
    for generation in [6, 8, 0, u64::MAX] {
        assert_eq!(release(|r| r.subject.generation = generation), Err(Reason::PermitMismatch));
    }
}

#[test]
fn another_persons_token_does_not_ride_on_a_permit() {
    for (claim, value) in [("sub", "9a1b-bob"), ("iss", "https://other.example.com")] {
        // The token was rightly exchanged for bob: only it is not his request.
        let bob = bob(claim, value);
        assert_eq!(release(|r| r.exchanged = bob), Err(Reason::PermitMismatch), "{claim}");
    }
}

fn bob(claim: &str, value: &str) -> ExchangedToken {
    let claims = alice_but(json!({ claim: value }));
    let token = KEYS.sign_text(r#"{"alg":"ES256","kid":"p256"}"#, &claims.to_string());
    let mut rules = crate::issuer::rules(obolus_core::token::Profile::Keycloak).as_ref().clone();
    rules.provider = Provider::Keycloak(claims["iss"].as_str().unwrap().to_owned());
    let keys = &crate::issuer::KEY_SET;
    let bob = crate::issuer::verify_with(&token, &rules.into(), keys, NOW).unwrap();
    exchanged_for(&bob, resource_but(json!({})).targets.default_target(), json!({ claim: value }))
}

#[test]
fn another_token_of_the_same_person_does_not_lend_its_exchange() {
    // Same person, another session: perhaps through another client, or with fewer scopes.
    let session = alice_but(json!({"jti": "other", "scope": "mcp:tools admin"}));
    let other = exchanged(&session, json!({}));
    assert_eq!(release(|r| r.exchanged = other), Err(Reason::PermitMismatch));
}

#[test]
fn a_token_for_another_target_does_not_reach_this_resource() {
    for target in [
        json!({"name": "other", "audience": "kubernetes"}),
        // One name for two audiences: the token is good elsewhere.
        json!({"name": "kubernetes", "audience": "other"}),
    ] {
        let other = resource_but(json!({ "target": target }));
        let token = exchanged_for(&principal(&alice()), other.targets.default_target(), json!({}));
        assert_eq!(release(|r| r.exchanged = token), Err(Reason::PermitMismatch), "{target}");
    }
}

#[test]
fn waiting_too_long_ends_a_permit_and_the_reason_says_whose_time_is_up() {
    assert_eq!(release(|r| r.now = NOW + 300), Err(Reason::TokenExpired));
    assert_eq!(release(|r| r.now = u64::MAX), Err(Reason::TokenExpired));
    let alice = principal(&alice());
    let resource = resource_but(json!({}));
    let target = resource.targets.default_target();
    let short = |exp| exchanged_for(&alice, target, json!({ "exp": exp }));
    let (at, token) = (NOW + 60, short(NOW + 60));
    assert_eq!(release(move |r| (r.exchanged, r.now) = (token, at)), Err(Reason::ExchangedExpired));
    let token = short(NOW + 60);
    assert!(release(move |r| (r.exchanged, r.now) = (token, at - 1)).is_ok());
}

#[test]
fn a_permit_needs_every_required_scope() {
    assert_eq!(permit_for(&alice()).unwrap().resource(), "kubernetes");
    for scope in ["", "openid", "mcp:tool", "mcp:tools2", "MCP:TOOLS", "mcp"] {
        let claims = alice_but(json!({ "scope": scope }));
        assert_eq!(permit_for(&claims).unwrap_err(), Reason::InsufficientScope, "{scope}");
    }
    let none = alice_but(json!({ "scope": null }));
    assert_eq!(permit_for(&none).unwrap_err(), Reason::InsufficientScope);

    let decide = |scope: &str, required: Value| {
        let principal = principal(&alice_but(json!({ "scope": scope })));
        let resource = resource_but(json!({ "requiredScopes": required }));
        let missing: Vec<_> =
            missing_scopes(&principal, &resource).into_iter().map(str::to_owned).collect();
        (decide_on(&principal, &resource, &message(), SUBJECT).map(drop), missing)
    };
    assert_eq!(decide("a b c", json!(["a", "b"])), (Ok(()), vec![]));
    assert_eq!(
        decide("a", json!(["a", "b", "c"])),
        (Err(Reason::InsufficientScope), vec!["b".to_owned(), "c".to_owned()])
    );
    assert_eq!(decide("", json!([])), (Ok(()), vec![]), "the audience alone may be enough");
}

#[test]
fn a_principal_of_one_resource_is_nobody_at_another() {
    let alice = principal(&alice());
    let decide = |resource: &Resource| decide_on(&alice, resource, &message(), SUBJECT).map(drop);
    assert_eq!(decide(&resource_but(json!({}))), Ok(()));
    // Verified for one audience, and now asked about a resource with another.
    let other = resource_but(json!({"audiences": ["https://other.example.com/mcp"]}));
    assert_eq!(decide(&other), Err(Reason::AudienceMismatch));
    let mut other = resource_but(json!({})).as_ref().clone();
    let mut rules = other.issuers[0].as_ref().clone();
    rules.provider = Provider::Keycloak(format!("{ISSUER}2"));
    other.issuers = vec![rules.into()];
    assert_eq!(decide(&other), Err(Reason::IssuerUnknown));
    assert!(other.audiences.contains(&RESOURCE.to_owned()));
}

#[test]
fn a_cluster_that_is_not_the_resources_gets_no_permit() {
    let alice = principal(&alice());
    let resource = resource_but(json!({"clusters": ["obolus-mcp", "canary"]}));
    for (cluster, expected) in [
        ("obolus-mcp", Ok(())),
        ("canary", Ok(())),
        ("other", Err(Reason::Internal)),
        ("", Err(Reason::Internal)),
        ("Canary", Err(Reason::Internal)),
    ] {
        let subject = Subject { cluster, ..SUBJECT };
        let decided = decide_on(&alice, &resource, &message(), subject).map(drop);
        assert_eq!(decided, expected, "{cluster}");
    }
}

#[test]
fn a_permit_is_for_the_bytes_that_were_judged_and_not_for_others_that_were_shown() {
    let alice = principal(&alice());
    let resource = resource_but(json!({}));
    let other =
        br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pods_delete"}}"#;
    let shown = Subject { body: other, ..SUBJECT };
    let permit = || decide_on(&alice, &resource, &message(), shown).unwrap();
    let token = exchanged_for(&alice, resource.targets.default_target(), json!({}));
    assert_eq!(permit().release(shown, &token, NOW).unwrap_err(), Reason::PermitMismatch);
    assert!(permit().release(SUBJECT, &token, NOW).is_ok());
}
