//! One record for each request that is ours, in Envoy's access log, which says who asked for what and what came of it,
//! and holds nothing that was sent in confidence. That each fits the JSON Schema is checked wherever one is read.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use obolus_core::audit::MAX_RECORD_BYTES;
use obolus_core::token::TokenDigest;
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::audit::BEGINNING;
use obolus_tests::fixtures::idp::{Behaviour, Key};
use obolus_tests::fixtures::workbench::Plan;
use serde_json::{Value, json};

use crate::golden::Golden;
use crate::plans::http_connection;
use crate::records;
use crate::story::{Decision, Story, tool_call};
use crate::wire::{Framing, Request, http1};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SOON: Duration = Duration::from_secs(10);

/// The only record of what was just decided, with what differs from run to run taken out.
async fn record(story: &mut Story, request: &Request, decision: Decision<'_>) -> Value {
    let answer = story.send(request, Framing::Length).await;
    story.arrived();
    let mut records = story.decided("a request", vec![decision]).await;
    let mut record = records.remove(0);
    let id = record["request_id"].as_str().unwrap();
    assert_eq!(id.len(), 36, "{record}");
    if !record["token_digest"].is_null() {
        record["token_digest"] = json!("DIGEST");
    }
    // The host's clock stands between the two.
    let latency = record["latency_us"].as_u64().unwrap();
    assert!((1..10_000_000).contains(&latency), "{record}");
    for (member, text) in [("request_id", "ID"), ("time", "TIME"), ("latency_us", "MICROS")] {
        record[member] = json!(text);
    }
    assert_eq!(record["status"].as_u64(), (answer.status != 200).then_some(answer.status.into()));
    record
}

async fn story_with_arguments(names: &'static [&'static str]) -> Story {
    let mut plan = Plan::new().await.unwrap();
    plan.configure(move |configuration| {
        configuration["resources"][0]["auditArguments"] = json!(names);
    });
    let mut story = Story::with(plan).await;
    story.control("warm", Vec::new()).await;
    story
}

#[tokio::test]
async fn a_record_says_who_asked_for_what_and_what_came_of_it() {
    let mut story = story_with_arguments(&["namespace", "labels", "absent"]).await;
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
    let arguments = json!({"namespace": "shop", "labels": {"a": "b"}, "token": "confidential"});
    let params = json!({"name": "pods_list", "arguments": arguments});
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    let call = |token: &str| story.call().bearer(token).body(body.to_string());
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).to_string();
    let traced = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let cases = [
        ("a call", call(&token).header("traceparent", &traced), Decision::Permit),
        ("a list", call(&token).body(list), Decision::Permit),
        (
            "no token",
            story.call().header("traceparent", &traced),
            Decision::Deny("token_missing", 401),
        ),
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
        assert!(!record.to_string().contains("confidential"), "{record}");
        golden.add_text(case, golden.redacted(&format!("{record:#}")));
    }
    golden.check();
    story.bench.idp.behave(Behaviour::Honest);
    story.ends().await;
}

#[tokio::test]
async fn of_a_client_that_goes_away_it_is_said_that_nothing_was_decided() {
    let mut story = Story::begin().await;
    story.control("warm", Vec::new()).await;
    let address = story.bench.gateway.place.address();
    let bob = story.bench.token("bob").unwrap();
    let forged = Key::new("EdDSA", "forged").unwrap();
    let forged = forged.sign(&story.bench.claims("alice")).unwrap();
    story.bench.sts.pause().unwrap();
    for (case, token, subject, exchange) in [
        ("who waits for an exchange", &bob, json!("bob"), "pending"),
        ("who waits for a key", &forged, json!(null), "none"),
    ] {
        let request = story.call().bearer(token);
        story.remember_tokens(&request);
        let mut connection = http1::Connection::open(address).await.unwrap();
        let mut bytes = http1::head(&request, Framing::Length);
        bytes.extend_from_slice(&request.body);
        connection.write(bytes).await.unwrap();
        let gateway = &story.bench.gateway;
        let waits = eventually(case, SOON, || async {
            ensure!(gateway.counted("waiting").await? == 1, "not yet");
            Ok(())
        });
        waits.await.unwrap();
        drop(connection);
        let records = story.decided(case, vec![Decision::None]).await;
        let record = &records[0];
        assert_eq!((&record["subject"], &record["exchange"]), (&subject, &json!(exchange)));
        assert_eq!(record["token_digest"], TokenDigest::of(token).as_str());
        assert_eq!(record["tool"].is_string(), exchange == "pending", "{record}");
    }
    story.bench.sts.resume().unwrap();
    story.ends().await;
}

#[tokio::test]
async fn of_a_request_that_envoy_gives_up_as_well() {
    let mut plan = Plan::new().await.unwrap();
    plan.gateway.edit = Box::new(|bootstrap| {
        http_connection(bootstrap)["request_timeout"] = json!("0.3s");
    });
    let mut story = Story::with(plan).await;
    story.control("warm", Vec::new()).await;
    let request = story.good_call();
    let mut connection =
        http1::Connection::open(story.bench.gateway.place.address()).await.unwrap();
    connection.write(http1::head(&request, Framing::Length)).await.unwrap();
    assert_eq!(connection.answer().await.unwrap().status, 408);
    let records = story.decided("a body that does not come", vec![Decision::None]).await;
    assert_eq!(records[0]["subject"], "alice");
    story.ends().await;
}

#[tokio::test]
async fn what_a_client_writes_cannot_write_a_record() {
    let mut story = story_with_arguments(&["namespace"]).await;
    let forged = format!("x\r\n{BEGINNING}1\",\"decision\":\"permit\"}}\n\u{1b}[2J\u{202e}");
    let params = json!({"name": forged, "arguments": {"namespace": forged}});
    let body = json!({"jsonrpc": "2.0", "id": forged, "method": "tools/call", "params": params});
    let request = story.good_call().body(body.to_string());
    let hostile = record(&mut story, &request, Decision::Permit).await;
    assert_eq!(hostile["tool"], forged, "nothing is lost");
    assert_eq!(hostile["arguments"]["namespace"], forged);

    let mut claims = story.bench.claims("alice");
    claims["jti"] = json!(forged);
    let token = story.bench.idp.mint(&claims).unwrap();
    story.lets_through("in a jti", &story.call().bearer(&token), Framing::Length).await;
    claims["azp"] = json!(forged);
    let token = story.bench.idp.mint(&claims).unwrap();
    let request = story.call().bearer(&token);
    story.refuses("in a client's name", &request, Framing::Length, 401, "token_malformed").await;
    let escaped = format!("\"}}{BEGINNING}");
    let request = story.good_call().header("x-request-id", &escaped);
    story.lets_through("in a request's id", &request, Framing::Length).await;
    let request = story.good_call().header("traceparent", &escaped);
    story.lets_through("in a trace's id", &request, Framing::Length).await;

    // Nor make one longer than a log's reader likes.
    let long = "ж".repeat(10_000);
    let params = json!({"name": long, "arguments": {"namespace": long}});
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
    let request = story.good_call().body(body.to_string());
    let record = record(&mut story, &request, Decision::Permit).await;
    assert!(record.to_string().len() < 2500, "{record}");
    assert!(record["tool"].as_str().unwrap().ends_with("ж…"), "{record}");
    story.ends().await;
}

/// As a sink gets it that has one line for each request of whatever application.
#[tokio::test]
async fn in_a_log_of_json_the_record_is_a_text_that_is_one_itself() {
    let mut plan = Plan::new().await.unwrap();
    plan.gateway.edit = Box::new(|bootstrap| {
        let log = &mut http_connection(bootstrap)["access_log"][0]["typed_config"]["log_format"];
        log["json_format"]["audit"] = json!("%FILTER_STATE(wasm.obolus_audit:PLAIN)%");
    });
    let mut story = Story::with(plan).await;
    story.control("warm", Vec::new()).await;
    let hostile = story.good_call().body(tool_call("1", "\"}\n\u{202e}"));
    story.lets_through("a hostile name", &hostile, Framing::Length).await;
    story.refuses("no token", &story.call(), Framing::Length, 401, "token_missing").await;
    let metadata = story.call().method("GET").target("/.well-known/oauth-protected-resource");
    story.answers_without_decision("metadata", &metadata, Framing::Length, 200).await;
    let other = story.call().method("GET").target("/other").body("");
    story.answers_without_decision("another application", &other, Framing::Length, 200).await;

    let log = eventually("the lines", SOON, || async {
        let log = story.bench.gateway.envoy.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let lines: Vec<_> = lines.filter(|line| line["path"].is_string()).collect();
        let last = lines.iter().rposition(|line| line["path"] == "/other");
        ensure!(lines.len() > last.context("not yet")? + 1, "the control after it is not there");
        Ok(lines)
    });
    let lines = log.await.unwrap();
    let mut tools = Vec::new();
    for line in &lines {
        let is_ours = line["path"] == "/mcp";
        assert_eq!(line["audit"].is_string(), is_ours, "{line}");
        if is_ours {
            let record = records::read(line["audit"].as_str().unwrap()).unwrap();
            assert_eq!(record["request_id"], line["request_id"]);
            assert_eq!(record["decision"] == "permit", line["status"] == 200, "{line}");
            tools.push(record["tool"].clone());
        }
    }
    assert!(tools.contains(&json!("\"}\n\u{202e}")), "{tools:?}");
    assert_eq!(lines.len() - tools.len(), 2, "metadata, and another application");
    assert!(lines.iter().all(|line| line.to_string().len() < MAX_RECORD_BYTES));
    story.ends().await;
}
