//! What of an identity provider's answer is believed.

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Redirect};
use obolus_tests::fixtures::idp::{Key, now};
use serde_json::json;

use crate::idp::{Does, form};
use crate::world::{World, granted, outcome, refused};

#[tokio::test]
async fn somebody_elses_token_is_refused_and_never_remembered() {
    let world = World::start_with(|_| {}, "refusals_max_age_seconds = 0").await;
    let alice = world.idp().token("alice");
    for (claims, answer, reason) in [
        (json!({"sub": "bob"}), json!({}), "exchanged_identity_mismatch"),
        (json!({"sub": null}), json!({}), "exchanged_identity_mismatch"),
        (json!({"iss": "https://other"}), json!({}), "exchanged_identity_mismatch"),
        (json!({"aud": "other"}), json!({}), "exchanged_audience_mismatch"),
        (json!({"aud": ["kubernetes2", "mcp-client"]}), json!({}), "exchanged_audience_mismatch"),
        (json!({"aud": []}), json!({}), "exchanged_audience_mismatch"),
        (json!({"exp": now() - 1}), json!({}), "exchanged_expired"),
        (json!({"exp": null}), json!({}), "exchanged_malformed"),
        (
            json!({"aud": ["kubernetes", "https://mcp.example.com/mcp"]}),
            json!({}),
            "exchanged_audience_mismatch",
        ),
        (json!({"cnf": {"x5t#S256": "x"}}), json!({}), "exchanged_type_refused"),
        (json!({"typ": "ID", "nonce": "n", "at_hash": "x"}), json!({}), "exchanged_type_refused"),
        (json!({"nonce": "n"}), json!({}), "exchanged_type_refused"),
        (json!({"nbf": now() + 200}), json!({}), "exchanged_not_yet_valid"),
        (json!({"iat": now() + 200}), json!({}), "exchanged_not_yet_valid"),
        (json!({"azp": "somebody-else"}), json!({}), "exchanged_client_mismatch"),
        (json!({"azp": "mcp-client"}), json!({}), "exchanged_client_mismatch"),
        (json!({}), json!({"expires_in": 0}), "exchanged_expired"),
        (json!({}), json!({"expires_in": -5}), "exchanged_malformed"),
        (json!({}), json!({"expires_in": null}), "exchanged_malformed"),
        (json!({}), json!({"token_type": "N_A"}), "exchanged_malformed"),
        (json!({}), json!({"token_type": "DPoP"}), "exchanged_malformed"),
        (
            json!({}),
            json!({"issued_token_type": "urn:ietf:params:oauth:token-type:id_token"}),
            "exchanged_malformed",
        ),
        (json!({}), json!({"access_token": "opaque"}), "exchanged_malformed"),
        (json!({}), json!({"access_token": "a.b.c\r\nx: y"}), "exchanged_malformed"),
        (json!({}), json!({"access_token": null}), "exchanged_malformed"),
    ] {
        let told = format!("{claims} {answer}");
        world.idp().at("/token", Does::exchanges(claims, answer));
        assert_eq!(world.exchange(&alice).await, refused(502, reason), "{told}");
    }
    world.idp().honest_at("/token");
    assert_eq!(world.exchange(&alice).await, granted());
    // Remembered now, and bob gets his own.
    world.idp().at("/token", Does::exchanges(json!({"sub": "alice"}), json!({})));
    assert_eq!(world.exchange(&alice).await, granted());
    assert_eq!(world.exchange_for("bob").await, refused(502, "exchanged_identity_mismatch"));
}

#[tokio::test]
async fn an_applications_own_token_is_refused_before_the_identity_provider_is_asked() {
    let world = World::start().await;
    let ask = async |changes: serde_json::Value| {
        let mut claims = world.idp().claims("somebody");
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        world.exchange(&world.idp().key().sign(&claims).unwrap()).await
    };
    let account = "service-account-mcp-client";
    for application in [
        json!({"sub": "mcp-client"}),
        json!({"preferred_username": account}),
        json!({"sub": "mcp-client", "client_id": "mcp-client", "preferred_username": account}),
    ] {
        assert_eq!(ask(application.clone()).await, refused(403, "app_only"), "{application}");
    }
    assert_eq!(world.running.calls("/token"), 0);
    assert_eq!(ask(json!({"preferred_username": "mcp-client"})).await, granted());
}

#[tokio::test]
async fn life_is_the_shortest_of_all_that_is_said() {
    let world = World::start().await;
    for (own, claimed, said, at_most) in [
        (300, 300, 300, 300),
        // Where a new exchange would bring a longer life, whoever keeps the token comes back in its last quarter.
        (300, 60, 3600, 42),
        (300, 300, 20, 12),
        (40, 300, 300, 40),
        (40, 3600, 3600, 40),
    ] {
        let mut claims = world.idp().claims("alice");
        claims["exp"] = json!(now() + own);
        claims["jti"] = json!(format!("{own} {claimed} {said}"));
        let changes = json!({"exp": now() + claimed});
        world.idp().at("/token", Does::exchanges(changes, json!({"expires_in": said})));
        let token = world.idp().key().sign(&claims).unwrap();
        let (seen, body) = outcome(world.request(&token).send().await.unwrap()).await;
        assert_eq!(seen, granted());
        let life = body["expires_in"].as_u64().unwrap();
        assert!((at_most - 3..=at_most).contains(&life), "{own} {claimed} {said}: {life}");
    }
}

#[tokio::test]
async fn whatever_stands_in_the_identity_providers_place_is_not_asked_for_more() {
    let world = World::start_with(|_| {}, "idp_timeout_ms = 700").await;
    let alice = world.idp().token("alice");
    let page = || Html("<html>Sign in</html>");
    for (what, does) in [
        (
            "500 HTML",
            Does::answers(move |_, _| (StatusCode::INTERNAL_SERVER_ERROR, page()).into_response()),
        ),
        ("404 HTML", Does::answers(move |_, _| (StatusCode::NOT_FOUND, page()).into_response())),
        ("403 HTML", Does::answers(move |_, _| (StatusCode::FORBIDDEN, page()).into_response())),
        ("200 HTML", Does::answers(move |_, _| page().into_response())),
        ("a redirect", Does::answers(|_, _| Redirect::temporary("/elsewhere").into_response())),
        (
            "a permanent redirect",
            Does::answers(|_, _| Redirect::permanent("/elsewhere").into_response()),
        ),
        ("a huge answer", Does::exchanges(json!({}), json!({"padding": "x".repeat(33 * 1024)}))),
        (
            "a huge refusal",
            Does::json(400, json!({"error": "invalid_grant", "padding": "x".repeat(33 * 1024)})),
        ),
        ("503", Does::json(503, json!({"error": "temporarily_unavailable"}))),
        ("nothing", Does::Hangs),
    ] {
        world.idp().at("/token", does);
        assert_eq!(world.exchange(&alice).await, refused(503, "idp_unavailable"), "{what}");
    }
    assert_eq!(world.running.calls("/elsewhere"), 0);
    world.idp().honest_at("/token");
    assert_eq!(world.exchange(&alice).await, granted());
}

#[tokio::test]
async fn a_refusal_says_whether_the_person_or_the_operator_has_to_act() {
    let world = World::start_with(|_| {}, "refusals_max_age_seconds = 0").await;
    let alice = world.idp().token("alice");
    let refusal = |status, error: &str| {
        Does::json(status, json!({"error": error, "error_description": "secret text"}))
    };
    for (status, error, outcome) in [
        (403, "access_denied", refused(403, "exchange_denied")),
        (400, "invalid_target", refused(403, "exchange_denied")),
        (400, "invalid_grant", refused(401, "subject_token_refused")),
        (400, "invalid_request", refused(401, "subject_token_refused")),
        (401, "unauthorized_client", refused(500, "exchange_misconfigured")),
        (400, "invalid_client", refused(500, "exchange_misconfigured")),
        (400, "invalid_scope", refused(500, "exchange_misconfigured")),
    ] {
        world.idp().at("/token", refusal(status, error));
        let response = world.request(&alice).send().await.unwrap();
        let (seen, body) = crate::world::outcome(response).await;
        assert_eq!(seen, outcome, "{status} {error}");
        assert!(!body.to_string().contains("secret text"));
    }
}

#[tokio::test]
async fn a_refused_request_is_explained_by_introspection() {
    let world = World::start_with(|_| {}, "refusals_max_age_seconds = 0").await;
    let alice = world.idp().token("alice");
    world.idp().at("/token", Does::json(400, json!({"error": "invalid_request"})));
    for (introspection, outcome) in [
        (Does::json(200, json!({"active": true})), refused(500, "exchange_misconfigured")),
        (Does::json(200, json!({"active": false})), refused(401, "subject_token_refused")),
        (Does::json(200, json!({"active": "true"})), refused(401, "subject_token_refused")),
        (Does::json(403, json!({"active": true})), refused(401, "subject_token_refused")),
        (Does::json(500, json!({})), refused(401, "subject_token_refused")),
    ] {
        world.idp().at("/introspect", introspection);
        assert_eq!(world.exchange(&alice).await, outcome);
    }
    let asked = world.running.recorder.requests();
    let asked = asked.iter().find(|request| request.uri.path() == "/introspect").unwrap();
    assert_eq!(form(asked)["token"], alice);
    assert!(asked.header("authorization").unwrap().starts_with("Basic "));
}

#[tokio::test]
async fn only_a_token_that_this_caller_may_exchange_gets_to_memory_or_upstream() {
    let world = World::start().await;
    let claims = world.idp().claims("alice");
    let alice = world.idp().key().sign(&claims).unwrap();
    assert_eq!(world.exchange(&alice).await, granted());
    let changed = |name: &str, value| {
        let mut claims = claims.clone();
        claims[name] = value;
        world.idp().key().sign(&claims).unwrap()
    };
    let forged = Key::new("ES256", "first").unwrap().sign(&claims).unwrap();
    for (token, outcome) in [
        (forged, refused(401, "signature_invalid")),
        (changed("iss", json!("https://other")), refused(401, "issuer_unknown")),
        (changed("aud", json!("kubernetes")), refused(401, "audience_mismatch")),
        (changed("exp", json!(now() - 1)), refused(401, "token_expired")),
        (changed("nbf", json!(now() + 100)), refused(401, "token_not_yet_valid")),
        (changed("azp", json!("other-client")), refused(403, "target_not_granted")),
        (changed("azp", json!(null)), refused(403, "target_not_granted")),
    ] {
        assert_eq!(world.exchange(&token).await, outcome);
    }
    let ask = async |credential: &str, target: &str, scope| {
        outcome(world.request_as(credential, &alice, target, scope).send().await.unwrap()).await.0
    };
    let good = crate::world::CREDENTIAL;
    assert_eq!(ask(good, "ungranted", None).await, refused(403, "target_not_granted"));
    assert_eq!(ask(good, "unknown", None).await, refused(400, "target_unknown"));
    assert_eq!(ask("wrong", "kubernetes", None).await, refused(401, "caller_unauthenticated"));
    for scope in ["admin", "kubernetes admin", "KUBERNETES"] {
        let outcome = refused(400, "scope_unknown");
        assert_eq!(ask(good, "kubernetes", Some(scope)).await, outcome, "{scope}");
    }
    assert_eq!(world.running.calls("/token"), 1);

    assert_eq!(ask(good, "kubernetes", Some("kubernetes")).await, granted());
    assert_eq!(ask(good, "second", None).await, granted());
    let sent = world.running.recorder.requests();
    let scopes: Vec<_> = sent
        .iter()
        .filter(|request| request.uri.path() == "/token")
        .map(|request| form(request)["scope"].clone())
        .collect();
    assert_eq!(scopes, ["kubernetes groups", "kubernetes", "kubernetes"]);
}
