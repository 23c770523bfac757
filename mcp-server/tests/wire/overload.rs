//! More than we serve at a time, and bodies and answers that are made to hurt.

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::api_server::review;
use crate::support::{Answer, ApiServer, Era, eventually, scene};

#[tokio::test]
async fn one_slow_caller_takes_their_share_and_all_together_no_more_than_there_is() {
    let api = ApiServer::start(|request| match request.authorization.join("").as_str() {
        "Bearer bob" => Answer::Json(201, review("bob")),
        _ => Answer::Hang,
    });
    let scene = scene("", api.await).await;
    let whoami = json!({"name": "whoami", "arguments": {}});
    let call = |token: &str| {
        scene.mcp.rpc(Era::V2026_07_28, "tools/call", whoami.clone()).bearer_auth(token).send()
    };
    let mut slow = JoinSet::new();
    for _ in 0..16 {
        slow.spawn(call("alice"));
    }
    eventually("alice's requests arrive", || scene.api.arrived().len() == 16).await;
    let refused = call("alice").await.unwrap();
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["retry-after"], "1");
    assert!(!refused.headers().contains_key("www-authenticate"));
    assert_eq!(refused.json::<Value>().await.unwrap()["reason"], "overloaded");
    assert_eq!(call("bob").await.unwrap().status(), 200, "others are served");

    for token in ["carol", "dave", "erin"] {
        for _ in 0..16 {
            slow.spawn(call(token));
        }
    }
    eventually("everybody's requests arrive", || scene.api.arrived().len() == 65).await;
    assert_eq!(call("bob").await.unwrap().status(), 503);
    slow.shutdown().await;
    eventually("the requests are taken back", || scene.api.abandoned() == 64).await;
    assert_eq!(call("bob").await.unwrap().status(), 200, "places are free again");
}

#[tokio::test]
async fn a_body_with_two_readings_is_refused_before_any_tool() {
    let scene = scene("", ApiServer::echoing_users().await).await;
    for (body, code) in [
        (r#"{"jsonrpc":"2.0","id":7,"method":"tools/list","method":"tools/call"}"#, -32700),
        ("{", -32700),
        ("", -32700),
    ] {
        let request = scene.mcp.post(&json!(null)).bearer_auth("a").body(body);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 400, "{body}");
        let answer: Value = response.json().await.unwrap();
        assert_eq!(answer["error"]["code"], code, "{answer}");
    }
    assert!(scene.api.arrived().is_empty());
}

#[tokio::test]
async fn a_cell_of_any_length_gets_an_answer() {
    let api = ApiServer::start(|_| {
        let row = |cell: String| json!({"cells": [cell], "object": {"metadata": {"name": "web"}}});
        let rows: Vec<Value> = std::iter::once(row("x".repeat(100_000)))
            .chain((0..250).map(|_| row("y".into())))
            .collect();
        Answer::Json(
            200,
            json!({"kind": "Table", "columnDefinitions": [{"name": "Name"}], "rows": rows}),
        )
    });
    let scene = scene("", api.await).await;
    let result = scene.mcp.call("alice", "pods_list", json!({})).await;
    assert_eq!(result["isError"], false, "{result}");
    assert!(result.to_string().len() < 64 * 1024, "{}", result.to_string().len());
}
