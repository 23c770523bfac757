//! A session's stream of the server's own messages: whose it is, and that nothing on it answers anybody.

use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use obolus_tests::fixtures::recorder::{Recorded, Recorder};
use obolus_tests::fixtures::workbench::Workbench;
use serde_json::{Value, json};

use crate::sessions::{
    KEY, Person, SESSION, arrived, bench_with, call, is_refused, key, subject, was,
};
use crate::wire::{Framing, Request};

const EVENTS: &str = "text/event-stream";
const CHANGED: &str = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
const QUESTION: &str = r#"{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{}}"#;

/// What the server answers to GET.
type Script = Arc<Mutex<(u16, &'static str, String)>>;

struct Stage {
    bench: Workbench,
    script: Script,
}

fn answer(script: &Script, request: &Recorded) -> Response {
    let message: Value = serde_json::from_str(&request.text()).unwrap_or_default();
    let body = json!({"jsonrpc": "2.0", "id": message["id"], "result": {}});
    match request.method.as_str() {
        "GET" => {
            let (status, kind, body) = script.lock().unwrap().clone();
            let status = StatusCode::from_u16(status).unwrap();
            (status, [("content-type", kind)], body).into_response()
        }
        // Everybody gets a session that tells whose it is.
        _ if message["method"] == "initialize" => {
            ([(SESSION, format!("of-{}", subject(request)))], axum::Json(body)).into_response()
        }
        _ => axum::Json(body).into_response(),
    }
}

impl Stage {
    async fn set(change: impl FnOnce(&mut Value) + Send + 'static) -> Self {
        let script: Script = Arc::new(Mutex::new((200, EVENTS, String::new())));
        let told = Arc::clone(&script);
        let server = Recorder::answering(move |request| {
            let answer = answer(&told, &request);
            async move { answer }
        });
        let key = key();
        let environment = [(KEY, &*key)];
        let bench = bench_with(server.await.unwrap(), &environment, |resource| {
            resource["sessions"] = json!({"keyEnv": KEY});
            change(resource);
        });
        Self { bench: bench.await, script }
    }

    fn says(&self, status: u16, kind: &'static str, body: impl Into<String>) {
        *self.script.lock().unwrap() = (status, kind, body.into());
    }
}

fn stream(who: &Person<'_>, session: &str) -> Request {
    who.delete().method("GET").headers([("accept", EVENTS), (SESSION, session)])
}

fn events(messages: &[&str]) -> String {
    messages.iter().enumerate().map(|(at, it)| format!("id: {at}\ndata: {it}\n\n")).collect()
}

#[tokio::test]
async fn a_session_has_a_stream_and_it_is_for_the_person_who_has_the_session() {
    let stage = Stage::set(|_| {}).await;
    let bench = &stage.bench;
    let (alice, bob) = (Person::new(bench, "alice"), Person::new(bench, "bob"));
    let (hers, his) = (alice.begin().await, bob.begin().await);
    arrived(bench);
    let good = stream(&alice, &hers);
    let mut claims = bench.claims("alice");
    claims["scope"] = json!("openid");
    let unscoped = format!("Bearer {}", bench.idp.mint(&claims).unwrap());
    for (request, status, reason) in [
        (stream(&alice, &his), 404, "session_unknown"),
        (stream(&bob, &hers), 404, "session_unknown"),
        (good.clone().with(SESSION, "of-alice"), 404, "session_unknown"),
        (good.clone().without(SESSION), 405, "method_not_allowed"),
        (good.clone().header("last-event-id", "1"), 405, "method_not_allowed"),
        (good.clone().header("last-event-id", ""), 405, "method_not_allowed"),
        (good.clone().header("mcp-protocol-version", "2026-07-28"), 405, "method_not_allowed"),
        (good.clone().header("mcp-protocol-version", "1.0"), 400, "version_unsupported"),
        (good.clone().header("mcp-method", "tools/list"), 400, "header_mismatch"),
        (good.clone().body(call("pods_list")), 400, "not_a_request"),
        (good.clone().with("authorization", &unscoped), 403, "insufficient_scope"),
        (good.clone().without("authorization"), 401, "token_missing"),
        (good.clone().header("origin", "https://evil.example"), 403, "origin_refused"),
    ] {
        for framing in [Framing::Length, Framing::Frames] {
            let answer = request.send(&bench.gateway, framing).await.unwrap();
            is_refused(&answer, status, reason);
            assert_eq!(arrived(bench), [], "{reason}");
        }
    }
    let here = ": here\n\nid: 0\nretry: 1\ndata:\n\n";
    stage.says(200, EVENTS, format!("{here}{}", events(&[CHANGED, QUESTION])));
    for framing in [Framing::Length, Framing::Frames] {
        for version in [None, Some("2025-06-18"), Some("2025-11-25")] {
            let versioned = version.map(|version| ("mcp-protocol-version", version));
            let request = good.clone().headers(versioned);
            let answer = request.send(&bench.gateway, framing).await.unwrap();
            assert_eq!((answer.status, answer.header("content-type")), (200, Some(EVENTS)));
            let expected = format!(":\nretry: 1\n\ndata: {CHANGED}\n\ndata: {QUESTION}\n\n");
            assert_eq!(answer.text(), expected);
            // What is compressed cannot be read.
            let requests = bench.upstream.requests();
            assert_eq!(requests.last().unwrap().header("accept-encoding"), Some("identity"));
            assert_eq!(arrived(bench), [was("GET", "alice", Some("of-alice"))]);
        }
    }
    let permitted = |record: &Value| record["method"] == "GET" && record["decision"] == "permit";
    let count = |records: &[Value]| records.iter().filter(|record| permitted(record)).count() == 6;
    bench.gateway.audited("six streams", count).await.unwrap();
}

#[tokio::test]
async fn what_answers_somebody_ends_a_stream_before_a_client_sees_it() {
    let everything = json!({"scopes": {"mcp:tools": ["*"]}});
    for access in [None, Some(everything)] {
        let stage = Stage::set(move |resource| {
            if let Some(access) = access {
                resource["access"] = access;
            }
        })
        .await;
        let bench = &stage.bench;
        let alice = Person::new(bench, "alice");
        let hers = alice.begin().await;
        let request = stream(&alice, &hers);
        for (event, reason) in [
            (r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"x"}]}}"#, "answer_mismatch"),
            (r#"{"jsonrpc":"2.0","result":{"tools":[{"name":"hidden"}]}}"#, "answer_mismatch"),
            (r#"{"jsonrpc":"2.0","error":{"code":1,"message":"hidden"}}"#, "answer_mismatch"),
            ("hidden", "answer_malformed"),
        ] {
            let counter = format!("deny.{reason}");
            let before = bench.gateway.counted(&counter).await.unwrap();
            for framing in [Framing::Length, Framing::Frames] {
                stage.says(200, EVENTS, events(&[event, CHANGED]));
                // Nothing was sent before, so that there may be an answer; the stream is not whole in any case.
                if let Ok(answer) = request.send(&bench.gateway, framing).await {
                    panic!("{event}: {answer:?}");
                }
                stage.says(200, EVENTS, events(&[CHANGED]));
                let answer = request.send(&bench.gateway, framing).await.unwrap();
                assert_eq!(answer.text(), format!("data: {CHANGED}\n\n"), "the control");
            }
            let after = bench.gateway.counted(&counter).await.unwrap();
            assert_eq!(after, before + 2, "{event}");
        }
        // A server that has no stream says so itself. Anything else is none.
        for status in [400, 404, 405, 500] {
            stage.says(status, "text/plain", "the server's own words");
            let answer = alice.send(&request).await;
            assert_eq!((answer.status, answer.text().as_str()), (status, "the server's own words"));
        }
        for (status, kind) in [(200, "application/json"), (202, EVENTS), (307, EVENTS)] {
            stage.says(status, kind, r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}"#);
            let answer = alice.send(&request).await;
            is_refused(&answer, 502, "answer_unreadable");
        }
    }
}
