#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a story that cannot go on should say so loudly"
)]
//! The real STS and a real Keycloak: who gets which token exchanged, and who does not.
//!
//! One Keycloak for all stories, told one after the other, since it takes longer to start than they take together. What
//! a real Keycloak cannot be made to do is in `sts-service/tests`.

mod process;
mod world;

use obolus_tests::fixtures::keycloak::{Grant, claims};
use obolus_tests::pki::{Authority, Subject};
use reqwest::StatusCode;
use serde_json::{Value, json};

use process::exchange_request;
use world::{CALLER, NARROW, OTHER_CLIENT, RESOURCE, SECOND, World};

#[tokio::test(flavor = "multi_thread")]
async fn the_sts_and_a_real_keycloak() {
    let world = World::start().await.unwrap();
    every_way_to_authenticate_gets_the_persons_token(&world).await;
    a_wrong_secret_or_registration_is_our_fault_and_not_the_persons(&world).await;
    nobody_without_a_credential_gets_as_far_as_keycloak(&world).await;
    nothing_but_a_granted_exchange_is_made(&world).await;
    a_token_that_is_none_of_ours_is_refused_before_keycloak(&world).await;
    only_a_named_client_certificate_gets_through_the_handshake(&world).await;
    a_person_who_signed_out_or_was_disabled_is_refused(&world).await;
    nothing_secret_is_in_the_log(&world).await;
}

async fn every_way_to_authenticate_gets_the_persons_token(world: &World) {
    for user in ["alice", "bob"] {
        let token = world.token(user).await.unwrap();
        let subject = claims(&token).unwrap();
        for target in ["basic", "post", "rs256", "ps256", "es256"] {
            let (status, answer) = world.sts.exchange(CALLER, &token, target).await.unwrap();
            assert_eq!(status, StatusCode::OK, "{target}: {answer}\n{}", world.sts.log());
            assert_eq!(answer["token_type"], "Bearer");
            let life = answer["expires_in"].as_u64().unwrap();
            assert!((1..=300).contains(&life), "{life}");
            let exchanged = claims(answer["access_token"].as_str().unwrap()).unwrap();
            assert_eq!(exchanged["sub"], subject["sub"]);
            assert_eq!(exchanged["preferred_username"], user);
            assert_eq!(exchanged["aud"], "kubernetes");
            assert_ne!(exchanged["jti"], subject["jti"]);
        }
    }
}

async fn a_wrong_secret_or_registration_is_our_fault_and_not_the_persons(world: &World) {
    let token = world.token("alice").await.unwrap();
    for target in ["wrong-secret", "wrong-key", "unreachable-audience", "unknown-scope"] {
        let (status, answer) = world.sts.exchange(CALLER, &token, target).await.unwrap();
        let seen = (status.as_u16(), answer["reason"].as_str().unwrap());
        assert_eq!(seen, (500, "exchange_misconfigured"), "{target}\n{}", world.sts.log());
    }
    allowed(world, &token).await;
}

async fn nobody_without_a_credential_gets_as_far_as_keycloak(world: &World) {
    let token = world.fresh("alice").await;
    let before = world.sts.upstream_calls().await.unwrap();
    for caller in [
        ("envoy", "wrong-secret-0123456789"),
        ("envoy", ""),
        ("envoy", NARROW.1),
        ("unknown", CALLER.1),
        ("", ""),
    ] {
        let answer = world.sts.request(caller, &token, "basic").send().await.unwrap();
        assert!(answer.headers()["www-authenticate"].to_str().unwrap().starts_with("Basic "));
        let body = refused(answer, 401, "caller_unauthenticated").await;
        assert_eq!(body["error"], "invalid_client");
    }
    let good = world.sts.request(CALLER, &token, "basic").build().unwrap();
    let credential = good.headers()["authorization"].clone();
    let form = good.body().unwrap().as_bytes().unwrap().to_vec();
    let bare = || {
        let url = format!("{}/exchange", world.sts.url());
        world
            .sts
            .http()
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.clone())
    };
    for request in [
        bare(),
        bare().bearer_auth(&token),
        bare().header("authorization", &credential).header("authorization", &credential),
        bare().header("proxy-authorization", &credential),
    ] {
        refused(request.send().await.unwrap(), 401, "caller_unauthenticated").await;
    }
    assert_eq!(world.sts.upstream_calls().await.unwrap(), before);

    for caller in [CALLER, SECOND] {
        let (status, answer) = world.sts.exchange(caller, &token, "basic").await.unwrap();
        assert_eq!(status, 200, "{answer}");
    }
    // The second one was answered from memory.
    assert_eq!(world.sts.upstream_calls().await.unwrap(), before + 1.0);
}

async fn nothing_but_a_granted_exchange_is_made(world: &World) {
    let token = world.fresh("alice").await;
    let before = world.sts.upstream_calls().await.unwrap();
    // In memory, and still not for those who were not granted it.
    allowed(world, &token).await;
    for (caller, target, status, reason) in [
        (NARROW, "basic", 403, "target_not_granted"),
        (OTHER_CLIENT, "basic", 403, "target_not_granted"),
        (NARROW, "none", 400, "target_unknown"),
        (CALLER, "kubernetes", 400, "target_unknown"),
        (CALLER, "BASIC", 400, "target_unknown"),
        (CALLER, "", 400, "target_unknown"),
    ] {
        let answer = world.sts.request(caller, &token, target).send().await.unwrap();
        refused(answer, status, reason).await;
    }
    let foreign =
        Grant { client: "mcp-client-es256", user: "alice", password: "alice", scope: "mcp:tools" };
    let foreign = world.keycloak.grant(foreign).await.unwrap().access_token;
    let answer = world.sts.request(CALLER, &foreign, "basic").send().await.unwrap();
    refused(answer, 403, "target_not_granted").await;

    let good = world.sts.request(CALLER, &token, "basic").build().unwrap();
    let form = String::from_utf8(good.body().unwrap().as_bytes().unwrap().to_vec()).unwrap();
    let send = |method: &str, path: &str, body: &str| {
        let method = method.parse().unwrap();
        let request = world.sts.http().request(method, format!("{}{path}", world.sts.url()));
        let request = request.headers(good.headers().clone()).body(body.to_owned());
        async { request.send().await.unwrap() }
    };
    let another_grant = form.replace("token-exchange", "jwt-bearer");
    for (body, reason) in [
        (format!("{form}&audience=basic"), "exchange_request_malformed"),
        (format!("{form}&actor_token=x"), "exchange_request_malformed"),
        (format!("{form}&scope=offline_access"), "scope_unknown"),
        (another_grant, "grant_type_unknown"),
        ("grant_type=refresh_token&refresh_token=x".to_owned(), "grant_type_unknown"),
        (String::new(), "exchange_request_malformed"),
    ] {
        refused(send("POST", "/exchange", &body).await, 400, reason).await;
    }
    refused(send("POST", "/exchange?x=1", &form).await, 400, "exchange_request_malformed").await;
    refused(send("PUT", "/exchange", &form).await, 405, "method_not_allowed").await;
    for path in [
        "/",
        "/exchange/",
        "//exchange",
        "/EXCHANGE",
        "/%65xchange",
        "/x/../exchange/x",
        "/token",
        "/keys",
        "/keys/",
        "/keys/keycloak/",
        "/keys/other",
        "/healthz",
        "/metrics",
    ] {
        for method in ["POST", "GET"] {
            let status = send(method, path, &form).await.status();
            // What takes GET at all says so to POST, whatever its name.
            let wrong_method = method == "POST" && path == "/keys/other";
            assert_eq!(status, if wrong_method { 405 } else { 404 }, "{method} {path}");
        }
    }
    assert_eq!(send("POST", "/keys/keycloak", &form).await.status(), 405);
    assert_eq!(world.sts.upstream_calls().await.unwrap(), before + 1.0);
    let (status, _) = world.sts.operations("/exchange").await.unwrap();
    assert_eq!(status, 404);
}

async fn a_token_that_is_none_of_ours_is_refused_before_keycloak(world: &World) {
    let token = world.fresh("alice").await;
    let before = world.sts.upstream_calls().await.unwrap();
    let grant = |scope| Grant { client: "mcp-client", user: "alice", password: "alice", scope };
    let id_token = world.keycloak.grant(grant("openid mcp:tools")).await.unwrap().id_token.unwrap();
    let refresh = world.keycloak.grant(grant("mcp:tools")).await.unwrap().refresh_token.unwrap();
    let elsewhere = world.keycloak.grant(grant("other:tools")).await.unwrap().access_token;
    let (head, _) = token.rsplit_once('.').unwrap();
    let (_, signature) = elsewhere.rsplit_once('.').unwrap();
    let mut parts = token.split('.');
    let (_, middle) = (parts.next().unwrap(), parts.next().unwrap());
    for (token, reason) in [
        (format!("{head}.{signature}"), "signature_invalid"),
        (format!("eyJhbGciOiJub25lIn0.{middle}."), "algorithm_not_allowed"),
        (id_token, "token_type_refused"),
        (refresh, "algorithm_not_allowed"),
        (elsewhere, "audience_mismatch"),
        ("garbage".to_owned(), "token_malformed"),
        ("x".repeat(17 * 1024), "token_too_large"),
    ] {
        let answer = world.sts.request(CALLER, &token, "basic").send().await.unwrap();
        refused(answer, 401, reason).await;
    }
    let answer = world.sts.request(CALLER, &"x".repeat(40 * 1024), "basic").send().await.unwrap();
    refused(answer, 413, "body_too_large").await;
    assert_eq!(world.sts.upstream_calls().await.unwrap(), before);
    allowed(world, &token).await;
}

async fn only_a_named_client_certificate_gets_through_the_handshake(world: &World) {
    let sts = world.start_with_client_certificates().await.unwrap();
    sts.has_keys().await.unwrap();
    let token = world.token("alice").await.unwrap();
    let foreign = Authority::new("somebody else").unwrap();
    let subject = |uri: &str| Subject::named("client").client().uri(uri);
    const ENVOY: &str = "spiffe://cluster.local/ns/gateway/sa/envoy";
    for (who, leaf, allowed) in [
        ("uri", Some(world.clients.issue(subject(ENVOY))), true),
        ("dns", Some(world.clients.issue(Subject::named("x").client().dns("envoy.gateway"))), true),
        (
            "another uri",
            Some(world.clients.issue(subject("spiffe://cluster.local/ns/a/sa/b"))),
            false,
        ),
        ("longer", Some(world.clients.issue(subject(&format!("{ENVOY}2")))), false),
        ("common name", Some(world.clients.client(ENVOY)), false),
        ("another authority", Some(foreign.issue(subject(ENVOY))), false),
        ("expired", Some(world.clients.issue(subject(ENVOY).expired())), false),
        ("for servers", Some(world.clients.issue(Subject::named("x").server().uri(ENVOY))), false),
        ("none", None, false),
    ] {
        let http = world.client_with(leaf.transpose().unwrap().as_ref()).unwrap();
        let outcome = exchange_request(&http, &sts.url(), CALLER, &token, "basic").send().await;
        match outcome {
            Ok(answer) => assert!(allowed && answer.status() == 200, "{who}: {}", answer.status()),
            Err(error) => assert!(!allowed && error.status().is_none(), "{who}: {error:?}"),
        }
    }
}

async fn a_person_who_signed_out_or_was_disabled_is_refused(world: &World) {
    let admin = world.keycloak.admin();
    let token = world.fresh("bob").await;
    admin.log_out("bob").await.unwrap();
    for target in ["basic", "es256"] {
        let answer = world.sts.request(CALLER, &token, target).send().await.unwrap();
        let body = refused(answer, 401, "subject_token_refused").await;
        assert_eq!(body["error"], "invalid_token");
    }
    let token = world.fresh("bob").await;
    admin.set_user_enabled("bob", false).await.unwrap();
    let answer = world.sts.request(CALLER, &token, "basic").send().await.unwrap();
    refused(answer, 401, "subject_token_refused").await;
    admin.set_user_enabled("bob", true).await.unwrap();
    allowed(world, &world.fresh("bob").await).await;

    // A token for each: what Keycloak has refused is not asked for again at once.
    let mut tokens = Vec::new();
    for _ in 0..4 {
        tokens.push(world.fresh("alice").await);
    }
    let ask = async |token: &String| world.sts.request(CALLER, token, "post").send().await.unwrap();
    admin.set_client_enabled("obolus-sts", false).await.unwrap();
    refused(ask(&tokens[0]).await, 500, "exchange_misconfigured").await;
    admin.set_client_enabled("obolus-sts", true).await.unwrap();
    admin.set_client_enabled("mcp-client", false).await.unwrap();
    refused(ask(&tokens[1]).await, 401, "subject_token_refused").await;
    admin.set_client_enabled("mcp-client", true).await.unwrap();
    admin.set_client_enabled("kubernetes", false).await.unwrap();
    refused(ask(&tokens[2]).await, 500, "exchange_misconfigured").await;
    admin.set_client_enabled("kubernetes", true).await.unwrap();
    let (status, answer) = world.sts.exchange(CALLER, &tokens[3], "post").await.unwrap();
    assert_eq!(status, 200, "{answer}");

    let before = world.sts.upstream_calls().await.unwrap();
    refused(ask(&tokens[2]).await, 500, "exchange_misconfigured").await;
    assert_eq!(world.sts.upstream_calls().await.unwrap(), before, "asked again at once");
}

async fn nothing_secret_is_in_the_log(world: &World) {
    let token = world.fresh("alice").await;
    let (_, answer) = world.sts.exchange(CALLER, &token, "rs256").await.unwrap();
    let exchanged = answer["access_token"].as_str().unwrap();
    let log = world.sts.log();
    let secret = &world.keycloak.credentials().secret;
    for secret in [&token, exchanged, secret, CALLER.1, SECOND.1, NARROW.1] {
        assert!(!log.contains(secret), "{log}");
        let signature = secret.rsplit('.').next().unwrap();
        assert!(!log.contains(signature), "{log}");
    }
    let line = log.lines().rfind(|line| line.contains("\"exchange\"")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    let (incoming, outgoing) = (claims(&token).unwrap(), claims(exchanged).unwrap());
    for (member, value) in [
        ("outcome", json!("exchanged")),
        ("caller", json!("envoy")),
        ("target_name", json!("rs256")),
        ("issuer", incoming["iss"].clone()),
        ("subject", incoming["sub"].clone()),
        ("client", json!("mcp-client")),
        ("token_id", incoming["jti"].clone()),
        ("exchanged_token_id", outgoing["jti"].clone()),
        ("cache", json!("miss")),
    ] {
        assert_eq!(line[member], value, "{member} in {line}");
    }
}

/// The control of each "refused": the same with the right thing goes through.
async fn allowed(world: &World, token: &str) {
    let (status, answer) = world.sts.exchange(CALLER, token, "basic").await.unwrap();
    assert_eq!(status, 200, "{answer}\n{}", world.sts.log());
    assert_eq!(answer["issued_token_type"], "urn:ietf:params:oauth:token-type:access_token");
    assert!(RESOURCE.starts_with("https://"));
}

async fn refused(answer: reqwest::Response, status: u16, reason: &str) -> Value {
    let seen = answer.status().as_u16();
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let body: Value = answer.json().await.unwrap();
    assert_eq!((seen, body["reason"].as_str().unwrap_or("none")), (status, reason), "{body}");
    assert!(body.get("access_token").is_none());
    body
}
