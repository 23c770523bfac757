//! One line per decision, which says who asked for what, and holds nothing that was sent in confidence.

use obolus_tests::fixtures::idp::Behaviour;
use serde_json::{Value, json};

use crate::golden::Golden;
use crate::story::{Decision, Story};
use crate::wire::{Framing, Request};

/// The only record of what was just decided, with what differs from run to run taken out.
async fn record(story: &mut Story, request: &Request, decision: Decision<'_>) -> Value {
    let answer = story.send(request, Framing::Length).await;
    story.arrived();
    let mut records = story.decided("a request", vec![decision]).await;
    let mut record = records.remove(0);
    let id = record["request_id"].as_str().unwrap();
    assert_eq!(id.len(), 36, "{record}");
    assert!(record["time"].as_u64().is_some(), "{record}");
    if let Some(digest) = record["token_digest"].as_str() {
        assert!(digest.len() == 16 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()));
        record["token_digest"] = json!("DIGEST");
    }
    record["request_id"] = json!("ID");
    record["time"] = json!("TIME");
    assert_eq!(record["status"].as_u64(), (answer.status != 200).then_some(answer.status.into()));
    record
}

#[tokio::test]
async fn a_record_says_who_asked_for_what_and_what_came_of_it() {
    let mut story = Story::begin().await;
    story.control("warm", Vec::new()).await;
    let bench = &story.bench;
    let mut claims = bench.claims("alice");
    claims["jti"] = json!("token-1");
    let token = bench.idp.mint(&claims).unwrap();
    claims["scope"] = json!("openid");
    let without_scope = bench.idp.mint(&claims).unwrap();
    claims["scope"] = json!("mcp:tools");
    claims["jti"] = json!("token-2");
    let not_exchanged = bench.idp.mint(&claims).unwrap();
    claims["aud"] = json!("elsewhere");
    let elsewhere = bench.idp.mint(&claims).unwrap();
    let call = |token: &str| story.call().bearer(token);
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).to_string();
    let cases = [
        ("a call", call(&token), Decision::Permit),
        ("a list", call(&token).body(list), Decision::Permit),
        ("no token", story.call(), Decision::Deny("token_missing", 401)),
        ("no JWT", call("x"), Decision::Deny("token_malformed", 401)),
        ("another audience", call(&elsewhere), Decision::Deny("audience_mismatch", 401)),
        ("no scope", call(&without_scope), Decision::Deny("insufficient_scope", 403)),
        ("a batch", call(&token).body("[]"), Decision::Deny("batch_refused", 400)),
        (
            "a lie",
            call(&token).header("mcp-name", "harmless"),
            Decision::Deny("header_mismatch", 400),
        ),
        ("GET", call(&token).method("GET").body(""), Decision::Deny("method_not_allowed", 405)),
        (
            "a text",
            call(&token).with("content-type", "text/plain"),
            Decision::Deny("content_type_refused", 415),
        ),
        ("no exchange", call(&not_exchanged), Decision::Deny("exchange_denied", 403)),
    ];
    let mut golden = Golden::new("audit.txt", &bench.gateway);
    golden.redact(&bench.idp.issuer(), "https://ISSUER");
    bench.idp.behave(Behaviour::Claims(json!({"jti": "exchanged-1"})));
    for (case, request, decision) in cases {
        if case == "no exchange" {
            story.bench.idp.behave(Behaviour::Answer(403, json!({"error": "access_denied"})));
        }
        let record = record(&mut story, &request, decision).await;
        golden.add_text(case, golden.redacted(&format!("{record:#}")));
    }
    golden.check();
    story.bench.idp.behave(Behaviour::Honest);
    story.ends().await;
}

#[tokio::test]
async fn what_a_client_writes_cannot_write_a_record() {
    let mut story = Story::begin().await;
    story.control("warm", Vec::new()).await;
    let forged =
        "x\n[2026-01-01 00:00:00.000][1][info][wasm] obolus-audit {\"decision\":\"permit\"}\n";
    let body = json!({
        "jsonrpc": "2.0", "id": forged, "method": "tools/call", "params": {"name": forged},
    });
    let request = story.good_call().body(body.to_string());
    story.lets_through("in a tool's name", &request, Framing::Length).await;

    let mut claims = story.bench.claims("alice");
    claims["jti"] = json!(forged);
    let token = story.bench.idp.mint(&claims).unwrap();
    story.lets_through("in a jti", &story.call().bearer(&token), Framing::Length).await;
    claims["azp"] = json!(forged);
    let token = story.bench.idp.mint(&claims).unwrap();
    let request = story.call().bearer(&token);
    story.refuses("in a client's name", &request, Framing::Length, 401, "token_malformed").await;
    let request = story.good_call().header("x-request-id", "\"}obolus-audit {\"x\":\"");
    story.lets_through("in a request's id", &request, Framing::Length).await;

    // Nor make one longer than a log's reader likes.
    let body = json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "ж".repeat(100_000)},
    });
    let request = story.good_call().body(body.to_string());
    let record = record(&mut story, &request, Decision::Permit).await;
    assert!(record.to_string().len() < 2500, "{record}");
    story.ends().await;
}
