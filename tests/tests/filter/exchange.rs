//! What a client is told when its token is good and cannot be exchanged, or not for the right thing.

use std::time::{Duration, Instant};

use obolus_tests::fixtures::idp::{Behaviour, now};
use obolus_tests::fixtures::refusal::members;
use obolus_tests::fixtures::workbench::Plan;
use serde_json::{Value, json};

use crate::golden::Golden;
use crate::story::Story;
use crate::wire::{Framing, Request};

fn fresh_call(story: &Story, subject: &str) -> Request {
    story.call().bearer(&story.bench.token(subject).unwrap())
}

/// An answer of the provider's token endpoint, by what the client is told.
fn refusals() -> Vec<(Behaviour, u16, &'static str)> {
    let error = |status, error: &str| Behaviour::Answer(status, json!({"error": error}));
    let html = |status| Behaviour::Text(status, "text/html", "<html>maintenance</html>".to_owned());
    let json = |body: &str| Behaviour::Text(200, "application/json", body.to_owned());
    vec![
        // The token is no longer good: sign in again.
        (error(400, "invalid_request"), 401, "subject_token_refused"),
        (error(400, "invalid_grant"), 401, "subject_token_refused"),
        // This person, or this client, may not.
        (error(403, "access_denied"), 403, "exchange_denied"),
        (error(400, "access_denied"), 403, "exchange_denied"),
        (error(400, "invalid_target"), 403, "exchange_denied"),
        // The operator has to act.
        (error(401, "unauthorized_client"), 500, "exchange_misconfigured"),
        (error(401, "invalid_client"), 500, "exchange_misconfigured"),
        (error(400, "unauthorized_client"), 500, "exchange_misconfigured"),
        (error(400, "invalid_scope"), 500, "exchange_misconfigured"),
        (error(400, "unsupported_grant_type"), 500, "exchange_misconfigured"),
        (error(404, "not_found"), 500, "exchange_misconfigured"),
        // It passes by itself.
        (error(500, "server_error"), 503, "idp_unavailable"),
        (error(503, "access_denied"), 503, "idp_unavailable"),
        (html(502), 503, "idp_unavailable"),
        (html(403), 503, "idp_unavailable"),
        (html(200), 503, "idp_unavailable"),
        (html(302), 503, "idp_unavailable"),
        (Behaviour::Text(200, "application/json", "x".repeat(64 << 10)), 503, "idp_unavailable"),
        // It answers, and not what was asked for.
        (json(""), 502, "exchanged_malformed"),
        (json("[]"), 502, "exchanged_malformed"),
        (json("{}"), 502, "exchanged_malformed"),
        (json(r#"{"error":"access_denied"}"#), 502, "exchanged_malformed"),
        (answer_with("access_token", Value::Null), 502, "exchanged_malformed"),
        (answer_with("access_token", json!("opaque")), 502, "exchanged_malformed"),
        (answer_with("access_token", json!("a.e30.c")), 502, "exchanged_malformed"),
        // `{"alg":"RS256"}` and no claims.
        (
            answer_with("access_token", json!("eyJhbGciOiJSUzI1NiJ9.e30.c2ln")),
            502,
            "exchanged_identity_mismatch",
        ),
        (answer_with("access_token", json!("a.b c.d")), 502, "exchanged_malformed"),
        (
            answer_with("access_token", json!("a.b.c\r\nimpersonate-user: x")),
            502,
            "exchanged_malformed",
        ),
        (answer_with("access_token", json!("a.b.c, Bearer d.e.f")), 502, "exchanged_malformed"),
        (answer_with("token_type", json!("DPoP")), 502, "exchanged_malformed"),
        (answer_with("token_type", json!("N_A")), 502, "exchanged_malformed"),
        (
            answer_with(
                "issued_token_type",
                json!("urn:ietf:params:oauth:token-type:refresh_token"),
            ),
            502,
            "exchanged_malformed",
        ),
        (answer_with("expires_in", json!("300")), 502, "exchanged_malformed"),
        (answer_with("expires_in", Value::Null), 502, "exchanged_malformed"),
        (Behaviour::Claims(json!({"sub": "bob"})), 502, "exchanged_identity_mismatch"),
        (Behaviour::Claims(json!({"sub": Value::Null})), 502, "exchanged_identity_mismatch"),
        (
            Behaviour::Claims(json!({"iss": "https://other.example"})),
            502,
            "exchanged_identity_mismatch",
        ),
        (Behaviour::Claims(json!({"aud": "another-cluster"})), 502, "exchanged_audience_mismatch"),
        (Behaviour::Claims(json!({"aud": []})), 502, "exchanged_audience_mismatch"),
        (Behaviour::Claims(json!({"exp": now() - 1})), 502, "exchanged_expired"),
        (Behaviour::Claims(json!({"exp": Value::Null})), 502, "exchanged_malformed"),
        (answer_with("expires_in", json!(0)), 502, "exchanged_expired"),
    ]
}

/// An honest answer, but for one member.
fn answer_with(member: &'static str, value: Value) -> Behaviour {
    Behaviour::Member(member, value)
}

#[tokio::test]
async fn every_refusal_of_the_provider_has_one_meaning_and_nothing_is_forwarded() {
    let mut plan = Plan::new().await.unwrap();
    // The STS would repeat a refusal for a while, and not ask.
    plan.sts.more = "\n[limits]\nrefusals_max_age_seconds = 0\n".to_owned();
    let mut story = Story::with(plan).await;
    story.control("warm", Vec::new()).await;
    let mut golden = Golden::new("exchange.txt", &story.bench.gateway);
    for (number, (behaviour, status, reason)) in refusals().into_iter().enumerate() {
        let case = format!("{behaviour:?}");
        // A person of its own each time: nothing is remembered of refusals, and of grants everything.
        let request = fresh_call(&story, &format!("person-{number}"));
        story.bench.idp.behave(behaviour);
        let framing = Framing::ALL[number % Framing::ALL.len()];
        let answer = story.refuses(&case, &request, framing, status, reason).await;
        golden.add(reason, &answer);
        // The same token passes once the provider is honest.
        story.bench.idp.behave(Behaviour::Honest);
        story.lets_through(&case, &request, framing).await;
    }
    golden.check();
    story.ends().await;
}

#[tokio::test]
async fn who_is_throttled_without_a_time_is_told_one_and_passes_afterwards() {
    let mut story = Story::begin().await;
    story.control("warm", Vec::new()).await;
    let request = fresh_call(&story, "bob");
    story.bench.idp.behave(Behaviour::Answer(429, json!({"error": "slow_down"})));
    let answer = story.refuses("429", &request, Framing::Length, 503, "idp_unavailable").await;
    assert!(matches!(answer.header("retry-after"), Some("4" | "5")), "{answer:?}");
    let asked = story.bench.idp.exchanges();
    story.bench.idp.behave(Behaviour::Honest);
    let answer = story.refuses("held", &request, Framing::Length, 503, "idp_unavailable").await;
    assert!(answer.header("retry-after").is_some(), "{answer:?}");
    assert_eq!(
        story.bench.idp.exchanges(),
        asked,
        "the provider was asked before the time was over"
    );
    passes_soon(&mut story, &request).await;
    story.ends().await;
}

#[tokio::test]
async fn a_client_that_may_not_have_the_target_is_refused_by_the_sts() {
    let mut story = Story::begin().await;
    story.control("warm", Vec::new()).await;
    let exchanges = story.bench.idp.exchanges();
    for client in [json!("another-client"), json!("MCP-client"), Value::Null] {
        let mut claims = story.bench.claims("alice");
        let case = format!("azp {client}");
        match client {
            Value::Null => drop(claims.as_object_mut().unwrap().remove("azp")),
            client => claims["azp"] = client,
        }
        let request = story.call().bearer(&story.bench.idp.mint(&claims).unwrap());
        story.refuses(&case, &request, Framing::Length, 403, "target_not_granted").await;
    }
    assert_eq!(story.bench.idp.exchanges(), exchanges);
    story.ends().await;
}

#[tokio::test]
async fn while_the_provider_or_the_sts_is_down_clients_are_told_when_to_come_back() {
    let mut story = Story::begin().await;
    story.control("warm", Vec::new()).await;
    let request = fresh_call(&story, "bob");
    for framing in Framing::ALL {
        story.bench.idp.set_down(true);
        // The control's token was exchanged before: it is not told of the outage.
        let answer = story.refuses("503", &request, framing, 503, "idp_unavailable").await;
        // Ours, or what is left until the STS tries again.
        assert!(matches!(answer.header("retry-after"), Some("1" | "2")), "{answer:?}");
        story.bench.idp.set_down(false);

        story.bench.idp.hang_up().await.unwrap();
        story.refuses("no connection", &request, framing, 503, "idp_unavailable").await;
        story.bench.idp.listen_again().unwrap();
    }
    passes_soon(&mut story, &request).await;

    story.bench.sts.stop().unwrap();
    let request = fresh_call(&story, "carol");
    for framing in Framing::ALL {
        let answer = story.refuses("no STS", &request, framing, 503, "sts_unavailable").await;
        assert_eq!(answer.header("retry-after"), Some("2"));
    }
    story.ends().await;
}

/// The STS looks now and then whether the provider is back; until then clients are told so.
async fn passes_soon(story: &mut Story, request: &Request) {
    let up = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = story.send(request, Framing::Length).await;
        if answer.status == 200 || Instant::now() > up {
            story.was_let_through("up again", request, &answer).await;
            return;
        }
        story.was_refused("not yet", &answer, 503, "idp_unavailable").await;
    }
}

#[tokio::test]
async fn a_credential_that_the_sts_does_not_know_exchanges_nothing() {
    let mut plan = Plan::new().await.unwrap();
    plan.gateway.credential = "not-the-filters-credential-but-long-enough".to_owned();
    let bench = plan.start().await.unwrap();
    let request = Request::post(&bench.gateway, crate::story::tool_call("1", "pods_list"))
        .bearer(&bench.token("alice").unwrap());
    let answer = request.send(&bench.gateway, Framing::Length).await.unwrap();
    let told = answer.json();
    assert_eq!((answer.status, &members(&told)["reason"]), (500, &json!("exchange_misconfigured")));
    assert_eq!((bench.idp.exchanges(), bench.upstream.take().len()), (0, 0));
    // The upstream is there: the other application on this gateway is reached.
    let other = Request::post(&bench.gateway, "{}").target("/other");
    assert_eq!(other.send(&bench.gateway, Framing::Length).await.unwrap().status, 200);
}
