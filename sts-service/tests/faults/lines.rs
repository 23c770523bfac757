//! What the log says of a refusal, for whoever has to find its cause.

use std::time::Duration;

use anyhow::ensure;
use axum::Json;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use obolus_tests::deadline::eventually;
use obolus_tests::process::Process;
use serde_json::{Value, json};

use crate::idp::Does;
use crate::world::{SOON, World, granted, outcome, refused};

/// The lines of exchanges with this outcome.
fn lines(process: &Process, outcome: &str) -> Vec<Value> {
    let lines = process.log();
    let lines = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["outcome"] == outcome).collect()
}

#[tokio::test]
async fn who_is_wrong_too_often_is_counted_by_that_limit() {
    let (world, _process) = World::start_program("").await;
    let alice = world.idp().token("alice");
    let counted = "obolus_sts_overloaded_total{limit=\"wrong_credentials\"}";
    let mut asked = 0;
    loop {
        assert!(asked < 100, "never limited");
        let request = world.request_as(&format!("wrong-{asked}"), &alice, "kubernetes", None);
        let seen = outcome(request.send().await.unwrap()).await.0;
        if seen == refused(503, "overloaded") {
            break;
        }
        assert_eq!(seen, refused(401, "caller_unauthenticated"));
        assert_eq!(world.metric(counted).await, 0);
        asked += 1;
    }
    assert_eq!(world.metric(counted).await, 1);
}

#[tokio::test]
async fn who_was_not_asked_for_is_told_with_the_cause_and_for_how_long() {
    let (world, process) = World::start_program("idp_timeout_ms = 1200").await;
    let unavailable = refused(503, "idp_unavailable");
    let limited = |_: &crate::idp::Idp, _: &_| {
        let body = Json(json!({"error": "temporarily_unavailable"}));
        (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "2")], body).into_response()
    };
    world.idp().at("/token", Does::answers(limited));
    assert_eq!(world.exchange_for("first").await, unavailable);
    assert_eq!(world.exchange_for("second").await, unavailable);
    let seen = lines(&process, "idp_unavailable");
    assert_eq!(
        (&seen[0]["upstream_status"], &seen[0]["held_back_seconds"]),
        (&json!(429), &Value::Null)
    );
    assert_eq!(seen[1]["upstream_status"], Value::Null);
    assert!((1..=2).contains(&seen[1]["held_back_seconds"].as_u64().unwrap()), "{seen:?}");
    let told = process.log().lines().filter(|line| line.contains("told us to come later")).count();
    assert_eq!(told, 1, "{}", process.log());

    world.idp().at("/token", Does::json(500, json!({})));
    let mut asked = 0;
    let open = loop {
        asked += 1;
        assert!(asked < 200, "never given up");
        assert_eq!(world.exchange_for(&format!("person-{asked}")).await, unavailable);
        let last = lines(&process, "idp_unavailable").pop().unwrap();
        if last["held_back_seconds"].is_u64() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        if last["circuit_open_seconds"].is_u64() {
            break last;
        }
    };
    assert_eq!(open["held_back_seconds"], Value::Null);
    assert!((0..=5).contains(&open["circuit_open_seconds"].as_u64().unwrap()), "{open}");
}

#[tokio::test]
async fn one_more_than_may_be_under_way_is_told_by_which_limit() {
    let (world, process) = World::start_program("exchanges_in_flight = 1").await;
    world.idp().at("/token", Does::Waits);
    let first = tokio::spawn(world.request(&world.idp().token("alice")).send());
    eventually("a request under way", SOON, || async {
        ensure!(world.running.calls("/token") > 0);
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(world.exchange_for("bob").await, refused(503, "overloaded"));
    assert_eq!(lines(&process, "overloaded")[0]["limit"], "exchanges_in_flight");
    let counted = "obolus_sts_overloaded_total{limit=\"exchanges_in_flight\"}";
    assert_eq!(world.metric(counted).await, 1);
    world.idp().let_go(1);
    assert_eq!(outcome(first.await.unwrap().unwrap()).await.0, granted());
}

#[tokio::test]
async fn a_token_for_another_audience_is_told_with_both_and_without_any_token() {
    let (world, process) = World::start_program("").await;
    let mismatch = refused(502, "exchanged_audience_mismatch");
    let own = "https://mcp.example.com/mcp";
    let last = || {
        let line = lines(&process, "exchanged_audience_mismatch").pop().unwrap();
        let seen = line["exchanged_audiences"].as_str().unwrap().to_owned();
        assert_eq!(line["expected_audience"], "kubernetes");
        (serde_json::from_str::<Value>(&seen).unwrap(), line)
    };
    let exchanges = |aud: Value| Does::exchanges(json!({ "aud": aud }), json!({}));
    for (number, (aud, seen)) in [
        (json!("kubernetes-test"), json!(["kubernetes-test"])),
        (json!(["kubernetes", own]), json!(["kubernetes", own])),
        (json!([]), json!([])),
        (json!(["x\n{\"a\":1}"]), json!(["x\n{\"a\":1}"])),
        (json!("x".repeat(5000)), json!(["[5000 characters]"])),
        (json!(vec!["x"; 500]), {
            let mut seen = vec!["x"; 8];
            seen.push("[492 more]");
            json!(seen)
        }),
    ]
    .into_iter()
    .enumerate()
    {
        world.idp().at("/token", exchanges(aud));
        assert_eq!(world.exchange_for(&format!("person-{number}")).await, mismatch);
        assert_eq!(last().0, seen);
    }
    // From memory, too.
    let alice = world.idp().token("alice");
    world.idp().at("/token", exchanges(json!("elsewhere")));
    for remembered in [Value::Null, json!("refusal")] {
        assert_eq!(world.exchange(&alice).await, mismatch);
        let (seen, line) = last();
        assert_eq!((seen, &line["cache"]), (json!(["elsewhere"]), &remembered));
    }
    // Whoever is asked may write what it likes into the one that it gives.
    let bob = world.idp().token("bob");
    world.idp().at("/token", exchanges(json!([bob, "kube"])));
    assert_eq!(world.exchange(&bob).await, mismatch);
    assert_eq!(last().0, json!([format!("[{} characters]", bob.len()), "kube"]));
    // The client's own token is no other's, whatever it says of itself.
    let mut claims = world.idp().claims("carol");
    claims["aud"] = json!([own, "kubernetes"]);
    let carol = world.idp().key().sign(&claims).unwrap();
    world.idp().at(
        "/token",
        Does::json(
            200,
            json!({
                "access_token": carol, "token_type": "Bearer", "expires_in": 300,
            }),
        ),
    );
    assert_eq!(world.exchange(&carol).await, mismatch);
    assert_eq!(last().0, json!([own, "kubernetes"]));
    let log = process.log();
    let (_, payload) = bob.split_once('.').unwrap();
    for token in [&bob, &carol, payload] {
        assert!(!log.contains(token));
    }
    // Nothing of it where the audience is not what is wrong.
    world.idp().at("/token", Does::exchanges(json!({"sub": "mallory", "aud": "x"}), json!({})));
    let identity = "exchanged_identity_mismatch";
    assert_eq!(world.exchange_for("dave").await, refused(502, identity));
    assert_eq!(lines(&process, identity)[0].get("exchanged_audiences"), None);
    world.idp().honest_at("/token");
    assert_eq!(world.exchange_for("erin").await, granted());
    assert_eq!(lines(&process, "exchanged")[0].get("expected_audience"), None);
}
