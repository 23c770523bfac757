//! Sessions of a server that has them: whose they are, and that without a key none goes through.
//!
//! The server here hands out `session-1`, `session-2` and so on, and writes down in whose name each was begun: whoever
//! came with another's would be seen.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use obolus_tests::fixtures::gateway::{Gateway, GatewayOptions};
use obolus_tests::fixtures::idp::claims_of;
use obolus_tests::fixtures::recorder::{Recorded, Recorder};
use obolus_tests::fixtures::refusal::members;
use obolus_tests::fixtures::workbench::{Plan, Workbench, issuers, local};
use obolus_tests::secret;
use serde_json::{Value, json};

use crate::wire::{Answer, Framing, Request};

pub(crate) const SESSION: &str = "mcp-session-id";
pub(crate) const KEY: &str = "OBOLUS_SESSION_KEY";
const OLD_KEY: &str = "OBOLUS_SESSION_KEY_BEFORE";

/// By id, in whose name it was begun.
type Sessions = Arc<Mutex<BTreeMap<String, String>>>;

pub(crate) fn subject(request: &Recorded) -> String {
    let token = request.header("authorization").unwrap().strip_prefix("Bearer ").unwrap();
    claims_of(token).unwrap()["sub"].as_str().unwrap().to_owned()
}

/// An MCP server of an older revision that wants a session for everything.
async fn stateful_server() -> Recorder {
    let sessions = Sessions::default();
    Recorder::answering(move |request| {
        let sessions = Arc::clone(&sessions);
        async move { answer(&sessions, &request) }
    })
    .await
    .unwrap()
}

fn answer(sessions: &Sessions, request: &Recorded) -> Response {
    let mut sessions = sessions.lock().unwrap();
    let message: Value = serde_json::from_str(&request.text()).unwrap_or_default();
    let body = axum::Json(json!({"jsonrpc": "2.0", "id": message["id"], "result": {}}));
    if message["method"] == "initialize" {
        let id = format!("session-{}", sessions.len() + 1);
        sessions.insert(id.clone(), subject(request));
        return ([(SESSION, id)], body).into_response();
    }
    // What a server does that has lost its mind.
    let strange: &[&[u8]] = match message["params"]["name"].as_str().unwrap_or_default() {
        "two" => &[b"session-1", b"session-1"],
        "blank" => &[b"a session"],
        "no_ascii" => &[b"session-\xe9"],
        "nothing" => &[b""],
        "long" => &[&[b'x'; 1025]],
        _ => &[],
    };
    if !strange.is_empty() {
        let mut response = body.into_response();
        for id in strange {
            response.headers_mut().append(SESSION, HeaderValue::from_bytes(id).unwrap());
        }
        return response;
    }
    let Some(id) = request.header(SESSION) else {
        return if message["params"]["_meta"].is_null() {
            StatusCode::BAD_REQUEST.into_response()
        } else {
            ([(SESSION, "session-1")], body).into_response()
        };
    };
    match (request.method.as_str(), sessions.get(id)) {
        (_, None) => StatusCode::NOT_FOUND.into_response(),
        ("DELETE", Some(_)) => {
            sessions.remove(id);
            StatusCode::NO_CONTENT.into_response()
        }
        (_, Some(_)) => ([(SESSION, id.to_owned())], body).into_response(),
    }
}

/// A bench with that server, and changes to the resource's configuration.
async fn bench(
    environment: &[(&str, &str)],
    change: impl FnOnce(&mut Value) + Send + 'static,
) -> Workbench {
    bench_with(stateful_server().await, environment, change).await
}

/// The same with another server.
pub(crate) async fn bench_with(
    upstream: Recorder,
    environment: &[(&str, &str)],
    change: impl FnOnce(&mut Value) + Send + 'static,
) -> Workbench {
    let mut plan = Plan::new().await.unwrap();
    plan.upstream = upstream;
    plan.gateway.protected = local(&plan.upstream);
    plan.configure(|configuration| change(&mut configuration["resources"][0]));
    for (name, value) in environment {
        plan.gateway.envoy.environment.push(((*name).to_owned(), (*value).to_owned()));
    }
    plan.start().await.unwrap()
}

async fn with_sessions() -> Workbench {
    let key = key();
    bench(&[(KEY, &key)], |resource| resource["sessions"] = json!({"keyEnv": KEY})).await
}

pub(crate) fn key() -> String {
    let random = secret::random().unwrap();
    // 32 bytes in hex, whatever the form of other secrets.
    let digest = ring::digest::digest(&ring::digest::SHA256, random.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn message(method: &str, params: Value) -> String {
    json!({"jsonrpc": "2.0", "id": method, "method": method, "params": params}).to_string()
}

pub(crate) fn initialize() -> String {
    let client = json!({"name": "story", "version": "1"});
    message(
        "initialize",
        json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}),
    )
}

pub(crate) fn call(tool: &str) -> String {
    message("tools/call", json!({"name": tool, "arguments": {}}))
}

pub(crate) struct Person<'b> {
    pub(crate) gateway: &'b Gateway,
    pub(crate) token: String,
}

impl<'b> Person<'b> {
    pub(crate) fn new(bench: &'b Workbench, name: &str) -> Self {
        Self { gateway: &bench.gateway, token: bench.token(name).unwrap() }
    }

    pub(crate) fn post(&self, body: String) -> Request {
        Request::post(self.gateway, body).bearer(&self.token)
    }

    /// In a session, a call of a tool.
    pub(crate) fn within(&self, session: impl AsRef<[u8]>) -> Request {
        self.post(call("pods_list")).header(SESSION, session)
    }

    pub(crate) fn delete(&self) -> Request {
        Request::new("DELETE", self.gateway, "/mcp").bearer(&self.token)
    }

    pub(crate) async fn send(&self, request: &Request) -> Answer {
        request.send(self.gateway, Framing::Length).await.unwrap()
    }

    /// Begins a session.
    pub(crate) async fn begin(&self) -> String {
        let answer = self.send(&self.post(initialize())).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.header(SESSION).unwrap().to_owned()
    }
}

/// What arrived: by method or HTTP method, in whose name, in which session.
pub(crate) fn arrived(bench: &Workbench) -> Vec<(String, String, Option<String>)> {
    let all = bench.upstream.take();
    all.iter()
        .map(|request| {
            let message: Value = serde_json::from_str(&request.text()).unwrap_or_default();
            let method = message["method"].as_str().unwrap_or(request.method.as_str());
            assert!(request.headers.get_all(SESSION).iter().count() <= 1, "{request:?}");
            (method.to_owned(), subject(request), request.header(SESSION).map(str::to_owned))
        })
        .collect()
}

pub(crate) fn was(
    method: &str,
    who: &str,
    session: Option<&str>,
) -> (String, String, Option<String>) {
    (method.to_owned(), who.to_owned(), session.map(str::to_owned))
}

#[track_caller]
pub(crate) fn is_refused(answer: &Answer, status: u16, reason: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    let body = answer.json();
    assert_eq!(members(&body)["reason"], reason, "{answer:?}");
    assert_eq!(answer.header(SESSION), None, "{answer:?}");
}

#[tokio::test]
async fn a_session_is_good_in_the_hands_of_whom_it_was_given_to_and_of_nobody_else() {
    let bench = with_sessions().await;
    let (alice, bob) = (Person::new(&bench, "alice"), Person::new(&bench, "bob"));
    let hers = alice.begin().await;
    let his = bob.begin().await;
    assert_ne!(hers, his);
    assert!(!hers.contains("session") && hers.is_ascii(), "{hers}");
    let begun = [was("initialize", "alice", None), was("initialize", "bob", None)];
    assert_eq!(arrived(&bench), begun);

    // Each has their own, also over HTTP/2, and sees the same value in every answer.
    for framing in Framing::ALL {
        for (who, name, session, own) in
            [(&alice, "alice", &hers, "session-1"), (&bob, "bob", &his, "session-2")]
        {
            let answer = who.within(session).send(&bench.gateway, framing).await.unwrap();
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!(answer.header(SESSION), Some(&**session));
            assert_eq!(arrived(&bench), [was("tools/call", name, Some(own))]);
        }
    }

    // Nobody has another's, or one that was never given to anybody.
    let mut changed = hers.clone().into_bytes();
    changed[3] ^= 1;
    let foreign = [
        (&bob, hers.clone().into_bytes()),
        (&alice, his.clone().into_bytes()),
        (&alice, b"session-1".to_vec()),
        (&bob, b"session-1".to_vec()),
        (&alice, changed),
        (&alice, hers.as_bytes()[..hers.len() - 1].to_vec()),
        (&alice, format!("{hers}A").into_bytes()),
        (&alice, format!("{hers},{hers}").into_bytes()),
        (&alice, b"\xff\xfe".to_vec()),
        (&alice, Vec::new()),
        (&alice, vec![b'A'; 20_000]),
    ];
    for (who, session) in foreign {
        let case = String::from_utf8_lossy(&session).into_owned();
        for request in [who.within(&session), who.delete().header(SESSION, &session)] {
            for framing in [Framing::Length, Framing::Frames] {
                let answer = request.send(&bench.gateway, framing).await.unwrap();
                is_refused(&answer, 404, "session_unknown");
                assert_eq!(arrived(&bench), [], "{case}");
            }
        }
        let answer = who.send(&who.within(&session)).await;
        assert_eq!(answer.json()["id"], "tools/call");
        assert_eq!(answer.json()["error"]["code"], -32600);
    }
    let twice = alice.within(&hers).header(SESSION, &hers);
    is_refused(&alice.send(&twice).await, 400, "header_duplicated");
    let no_token = alice.within(&hers).without("authorization");
    is_refused(&alice.send(&no_token).await, 401, "token_missing");
    assert_eq!(arrived(&bench), []);

    // In a revision without sessions there is none, in either direction.
    let modern = json!({
        "name": "pods_list",
        "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"},
    });
    let modern = alice.post(message("tools/call", modern)).header(SESSION, &hers).headers([
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "pods_list"),
    ]);
    let answer = alice.send(&modern).await;
    assert_eq!((answer.status, answer.header(SESSION)), (200, None), "{answer:?}");
    assert_eq!(arrived(&bench), [was("tools/call", "alice", None)]);
    let counted = bench.gateway.counters().await.unwrap();
    assert!(counted["deny.session_unknown"] >= 55, "{counted:?}");
}

#[tokio::test]
async fn whoever_was_given_a_session_may_end_it() {
    let bench = with_sessions().await;
    let (alice, bob) = (Person::new(&bench, "alice"), Person::new(&bench, "bob"));
    let (hers, his) = (alice.begin().await, bob.begin().await);
    arrived(&bench);
    for request in [alice.delete().header(SESSION, &his), alice.delete()] {
        is_refused(&alice.send(&request).await, 404, "session_unknown");
    }
    let with_body = alice.delete().header(SESSION, &hers).body(call("pods_list"));
    for framing in Framing::ALL {
        let answer = with_body.send(&bench.gateway, framing).await.unwrap();
        is_refused(&answer, 400, "not_a_request");
    }
    let modern = alice.delete().header(SESSION, &hers).header("mcp-protocol-version", "2026-07-28");
    is_refused(&alice.send(&modern).await, 405, "method_not_allowed");
    let answer = alice.send(&alice.delete().method("PUT").header(SESSION, &hers)).await;
    is_refused(&answer, 405, "method_not_allowed");
    assert_eq!(answer.header("allow"), Some("POST, GET, DELETE, OPTIONS"));
    let mut claims = bench.claims("alice");
    claims["scope"] = json!("openid");
    let unscoped = bench.idp.mint(&claims).unwrap();
    let unscoped = alice.delete().with("authorization", format!("Bearer {unscoped}"));
    is_refused(&alice.send(&unscoped.header(SESSION, &hers)).await, 403, "insufficient_scope");
    assert_eq!(arrived(&bench), []);

    for (framing, who, name, session, own) in [
        (Framing::Length, &alice, "alice", &hers, "session-1"),
        (Framing::Frames, &bob, "bob", &his, "session-2"),
    ] {
        let end = who.delete().header(SESSION, session).header("last-event-id", "7");
        let answer = end.send(&bench.gateway, framing).await.unwrap();
        assert_eq!(answer.status, 204, "{answer:?}");
        let requests = bench.upstream.requests();
        assert_eq!(requests.last().unwrap().header("last-event-id"), None);
        assert_eq!(arrived(&bench), [was("DELETE", name, Some(own))]);
        // From then on it is the server that does not know it.
        let answer = who.send(&who.within(session)).await;
        assert_eq!((answer.status, answer.text()), (404, String::new()));
        assert_eq!(arrived(&bench), [was("tools/call", name, Some(own))]);
    }
}

#[tokio::test]
async fn an_id_that_cannot_be_wrapped_does_not_reach_the_client_and_nor_does_its_answer() {
    let bench = with_sessions().await;
    let alice = Person::new(&bench, "alice");
    let session = alice.begin().await;
    for tool in ["two", "blank", "no_ascii", "nothing", "long"] {
        for framing in [Framing::Length, Framing::Frames] {
            let request = alice.post(call(tool)).header(SESSION, &session);
            let answer = request.send(&bench.gateway, framing).await.unwrap();
            is_refused(&answer, 502, "answer_session_malformed");
            assert_eq!(answer.json()["id"], "tools/call", "{tool}");
        }
        assert_eq!(alice.send(&alice.within(&session)).await.status, 200, "{tool}: the control");
    }
}

#[tokio::test]
async fn without_a_key_no_session_goes_through() {
    let bench = bench(&[], |_| {}).await;
    let alice = Person::new(&bench, "alice");
    for version in ["2025-06-18", "2025-11-25"] {
        let begin = alice.post(initialize()).header("mcp-protocol-version", version);
        let answer = alice.send(&begin).await;
        assert_eq!((answer.status, answer.header(SESSION)), (200, None), "{answer:?}");
        // Its own id, and as anybody might guess it.
        let within = alice.within("session-1").header("mcp-protocol-version", version);
        let answer = alice.send(&within).await;
        assert_eq!((answer.status, answer.header(SESSION)), (400, None), "the server wants one");
        let expected = [was("initialize", "alice", None), was("tools/call", "alice", None)];
        assert_eq!(arrived(&bench), expected);
    }
    let answer = alice.send(&alice.delete().header(SESSION, "session-1")).await;
    is_refused(&answer, 405, "method_not_allowed");
    assert_eq!(answer.header("allow"), Some("POST, OPTIONS"));
    for tool in ["two", "no_ascii"] {
        let answer = alice.send(&alice.post(call(tool))).await;
        assert_eq!((answer.status, answer.headers.contains_key(SESSION)), (200, false), "{tool}");
    }
}

/// Any Envoy opens what any other has sealed, also while a key is being changed.
#[tokio::test]
async fn a_session_is_known_at_every_envoy_that_has_its_key() {
    let (old, new) = (key(), key());
    let bench =
        bench(&[(KEY, &old)], |resource| resource["sessions"] = json!({"keyEnv": KEY})).await;
    let (alice, bob) = (Person::new(&bench, "alice"), Person::new(&bench, "bob"));
    let session = alice.begin().await;
    let resource = bench.gateway.resource();
    let another = async |sessions: Value, environment: &[(&str, &str)]| {
        let place = obolus_tests::fixtures::gateway::Place::reserve().unwrap();
        let protected = local(&bench.upstream);
        let mut options = GatewayOptions::new(issuers(&bench.idp), protected, bench.credential());
        let audience = resource.clone();
        options.configure = Box::new(move |configuration| {
            configuration["resources"][0]["audiences"] = json!([audience]);
            configuration["resources"][0]["sessions"] = sessions;
        });
        for (name, value) in environment {
            options.envoy.environment.push(((*name).to_owned(), (*value).to_owned()));
        }
        Gateway::start(place, &bench.sts, options).await.unwrap()
    };
    let both = json!({"keyEnv": KEY, "previousKeyEnv": OLD_KEY});
    let changing = another(both, &[(KEY, &new), (OLD_KEY, &old)]).await;
    let changed = another(json!({"keyEnv": KEY}), &[(KEY, &new)]).await;
    let at = |gateway, who: &Person<'_>| Person { gateway, token: who.token.clone() };

    let there = at(&changing, &alice);
    let answer = there.send(&there.within(&session)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let renewed = answer.header(SESSION).unwrap().to_owned();
    assert_ne!(renewed, session, "sealed with the new key");
    let there = at(&changed, &alice);
    assert_eq!(there.send(&there.within(&renewed)).await.status, 200);
    is_refused(&there.send(&there.within(&session)).await, 404, "session_unknown");
    is_refused(&alice.send(&alice.within(&renewed)).await, 404, "session_unknown");
    let there = at(&changed, &bob);
    is_refused(&there.send(&there.within(&renewed)).await, 404, "session_unknown");
}
