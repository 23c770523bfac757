//! Sessions of clients before 2026-07-28: in one they can be asked, it is one person's, and there are not too many.

use crate::support::{Answer, ApiServer, DEADLINE, Era, Scene, scene};
use reqwest::Response;
use serde_json::{Value, json};

const RULES: &str = "sessions = true\nconfirmation_fallback = \"deny\"\n[[confirmation_rules]]\ndestructive = true\nmessage = \"Sure?\"\n";

async fn started() -> Scene {
    let success = json!({"kind": "Status", "apiVersion": "v1", "status": "Success"});
    scene(RULES, ApiServer::start(move |_| Answer::Json(200, success.clone())).await).await
}

/// Begins a session; its id.
async fn begin(scene: &Scene, token: &str, capabilities: Value) -> Result<String, u16> {
    let params = json!({
        "protocolVersion": "2025-11-25", "capabilities": capabilities,
        "clientInfo": {"name": "test", "version": "0"},
    });
    let request = scene.mcp.rpc(Era::V2025_11_25, "initialize", params).bearer_auth(token);
    let mut response = request.send().await.unwrap();
    if !response.status().is_success() {
        return Err(response.status().as_u16());
    }
    let id = response.headers()["mcp-session-id"].to_str().unwrap().to_owned();
    let told = next(&mut response, &mut String::new()).await;
    assert_eq!(told["result"]["protocolVersion"], "2025-11-25", "{told}");
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let sent = scene.mcp.post(&initialized).bearer_auth(token).header("mcp-session-id", &id);
    assert_eq!(sent.send().await.unwrap().status(), 202);
    Ok(id)
}

/// The next message of a stream.
async fn next(response: &mut Response, rest: &mut String) -> Value {
    loop {
        if let Some((event, after)) = rest.clone().split_once("\n\n") {
            *rest = after.to_owned();
            let data = event.lines().find_map(|line| line.strip_prefix("data: "));
            if let Some(message) = data.filter(|data| !data.is_empty()) {
                return serde_json::from_str(message).unwrap();
            }
            continue;
        }
        let chunk = tokio::time::timeout(DEADLINE, response.chunk()).await.unwrap().unwrap();
        rest.push_str(&String::from_utf8_lossy(&chunk.unwrap()));
    }
}

async fn delete(scene: &Scene, token: &str, session: &str) -> Response {
    let params = json!({"name": "pods_delete", "arguments": {"name": "web", "namespace": "shop"}});
    let call = scene.mcp.rpc(Era::V2025_11_25, "tools/call", params).bearer_auth(token);
    call.header("mcp-session-id", session).send().await.unwrap()
}

#[tokio::test]
async fn a_person_is_asked_on_the_calls_own_stream_and_the_call_waits() {
    let scene = started().await;
    let session = begin(&scene, "alice", json!({"elicitation": {}})).await.unwrap();
    for (action, done) in [("accept", true), ("decline", false), ("cancel", false)] {
        let before = scene.api.arrived().len();
        let (mut stream, mut rest) = (delete(&scene, "alice", &session).await, String::new());
        let question = next(&mut stream, &mut rest).await;
        assert_eq!(question["method"], "elicitation/create", "{question}");
        assert!(
            question["params"]["message"].as_str().unwrap().starts_with("Sure?\n\npods_delete on ")
        );
        assert_eq!(scene.api.arrived().len(), before, "nothing is sent before the answer");
        let answer = json!({"jsonrpc": "2.0", "id": question["id"], "result": {"action": action, "content": {}}});
        let sent = scene.mcp.post(&answer).bearer_auth("alice").header("mcp-session-id", &session);
        let sent = sent.header("mcp-protocol-version", "2025-11-25").send().await.unwrap();
        assert_eq!(sent.status(), 202);
        let told = next(&mut stream, &mut rest).await;
        assert_eq!(told["result"]["isError"], !done, "{action} {told}");
        assert_eq!(scene.api.arrived().len() - before, usize::from(done), "{action}");
    }
    assert!(scene.api.arrived().iter().all(|request| request.authorization == ["Bearer alice"]));
}

#[tokio::test]
async fn nobody_else_gets_into_a_session_or_answers_in_it() {
    let scene = started().await;
    let session = begin(&scene, "alice", json!({"elicitation": {}})).await.unwrap();
    let (mut stream, mut rest) = (delete(&scene, "alice", &session).await, String::new());
    let question = next(&mut stream, &mut rest).await;
    let answer = json!({"jsonrpc": "2.0", "id": question["id"], "result": {"action": "accept"}});
    for token in ["mallory", "bob"] {
        let sent = scene.mcp.post(&answer).bearer_auth(token).header("mcp-session-id", &session);
        assert_eq!(sent.send().await.unwrap().status(), 404, "{token}");
        assert_eq!(delete(&scene, token, &session).await.status(), 404, "{token}");
        for method in [http::Method::GET, http::Method::DELETE] {
            let request = scene.mcp.request(method.clone()).bearer_auth(token);
            let request =
                request.header("accept", "text/event-stream").header("mcp-session-id", &session);
            assert_eq!(request.send().await.unwrap().status(), 404, "{token} {method}");
        }
    }
    assert_eq!(delete(&scene, "alice", "made-up").await.status(), 404);
    assert!(scene.api.arrived().is_empty());
    let sent = scene.mcp.post(&answer).bearer_auth("alice").header("mcp-session-id", &session);
    assert_eq!(sent.send().await.unwrap().status(), 202);
    assert_eq!(next(&mut stream, &mut rest).await["result"]["isError"], false);
    assert_eq!(scene.api.arrived().len(), 1);
}

#[tokio::test]
async fn a_client_that_cannot_ask_meets_the_fallback_in_a_session_too() {
    let scene = started().await;
    let session = begin(&scene, "alice", json!({})).await.unwrap();
    let (mut stream, mut rest) = (delete(&scene, "alice", &session).await, String::new());
    let told = next(&mut stream, &mut rest).await;
    assert_eq!(told["result"]["isError"], true, "{told}");
    assert!(
        told["result"]["content"][0]["text"].as_str().unwrap().contains("elicitation"),
        "{told}"
    );
    assert!(scene.api.arrived().is_empty());
}

#[tokio::test]
async fn a_person_has_so_many_sessions_and_ends_them() {
    let scene = started().await;
    let mut sessions = Vec::new();
    while let Ok(session) = begin(&scene, "mallory", json!({})).await {
        sessions.push(session);
        assert!(sessions.len() <= 16, "there is a bound");
    }
    assert_eq!(begin(&scene, "mallory", json!({})).await, Err(503));
    assert!(begin(&scene, "alice", json!({})).await.is_ok(), "others have their own");
    let end = scene.mcp.request(http::Method::DELETE).bearer_auth("mallory");
    let end = end.header("mcp-session-id", &sessions[0]).send().await.unwrap();
    assert!(end.status().is_success(), "{}", end.status());
    assert!(begin(&scene, "mallory", json!({})).await.is_ok());
    assert_eq!(delete(&scene, "mallory", &sessions[0]).await.status(), 404, "it has ended");
}

#[tokio::test]
async fn when_all_places_are_taken_a_newcomer_gets_the_one_that_is_quietest() {
    let scene = started().await;
    let first = begin(&scene, "person-0", json!({})).await.unwrap();
    let second = begin(&scene, "person-0", json!({})).await.unwrap();
    for place in 2..256 {
        let person = format!("person-{}", place / 16);
        begin(&scene, &person, json!({})).await.unwrap();
    }
    assert_eq!(delete(&scene, "person-0", &first).await.status(), 200, "all of them are open");
    assert_eq!(begin(&scene, "person-1", json!({})).await, Err(503), "who has 16 gets nobody's");
    let new = begin(&scene, "newcomer", json!({})).await.unwrap();
    assert_eq!(delete(&scene, "newcomer", &new).await.status(), 200);
    assert_eq!(delete(&scene, "person-0", &first).await.status(), 200, "it was heard of lately");
    assert_eq!(delete(&scene, "person-0", &second).await.status(), 404, "the quietest has ended");
}

#[tokio::test]
async fn the_newest_revision_has_no_sessions_and_ignores_their_ids() {
    let scene = started().await;
    let list = scene.mcp.rpc(Era::V2026_07_28, "tools/list", json!({})).bearer_auth("alice");
    let response = list.header("mcp-session-id", "made-up").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.headers().get("mcp-session-id").is_none());
}

#[tokio::test]
async fn the_list_in_a_session_is_the_one_that_everybody_else_gets() {
    let (with, without) = (started().await, scene("", ApiServer::echoing_users().await).await);
    let session = begin(&with, "alice", json!({})).await.unwrap();
    let list = |scene: &Scene| {
        scene.mcp.rpc(Era::V2025_11_25, "tools/list", json!({})).bearer_auth("alice")
    };
    let mut stream = list(&with).header("mcp-session-id", session).send().await.unwrap();
    let told = next(&mut stream, &mut String::new()).await;
    let other: Value = list(&without).send().await.unwrap().json().await.unwrap();
    assert_eq!(told, other);
    assert!(other["result"]["tools"].as_array().is_some_and(|tools| tools.len() > 30), "{other}");
}
