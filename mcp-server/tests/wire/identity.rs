//! Whose call it is: the bearer's of this very request, and nobody else's, ever.

use std::collections::HashSet;

use crate::support::client::result;
use crate::support::{ApiServer, Era, scene};
use serde_json::{Value, json};

#[tokio::test]
async fn without_exactly_one_bearer_nothing_is_asked_of_anybody() {
    let scene = scene("", ApiServer::echoing_users().await).await;
    let call = |era| scene.mcp.rpc(era, "tools/call", json!({"name": "whoami", "arguments": {}}));
    for era in Era::ALL {
        for (headers, reason) in [
            (vec![], "token_missing"),
            (vec!["Bearer a", "Bearer b"], "authorization_duplicated"),
            (vec!["Bearer a, Bearer b"], "authorization_duplicated"),
            (vec!["Basic YTpi"], "authorization_malformed"),
            (vec!["Bearer"], "authorization_malformed"),
            (vec!["Bearer a b"], "authorization_malformed"),
        ] {
            let request = headers
                .iter()
                .fold(call(era), |request, value| request.header("authorization", *value));
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 401, "{headers:?}");
            let challenge = response.headers()["www-authenticate"].to_str().unwrap().to_owned();
            assert!(challenge.starts_with("Bearer"), "{challenge}");
            assert_eq!(
                challenge.contains("invalid_token"),
                reason != "token_missing",
                "{challenge}"
            );
            let body: Value = response.json().await.unwrap();
            assert_eq!(body["reason"], reason, "{body}");
        }
    }
    for method in [http::Method::GET, http::Method::DELETE] {
        assert_eq!(scene.mcp.request(method).send().await.unwrap().status(), 401);
    }
    assert!(scene.api.arrived().is_empty());

    // The control: the same call with a bearer does arrive.
    result(call(Era::V2025_11_25).bearer_auth("alice").send().await.unwrap()).await;
    assert_eq!(scene.api.arrived().len(), 1);
}

#[tokio::test]
async fn the_api_server_gets_the_bearer_of_the_request_and_nothing_else_of_it() {
    let scene = scene("", ApiServer::echoing_users().await).await;
    let call =
        scene.mcp.rpc(Era::V2025_11_25, "tools/call", json!({"name": "whoami", "arguments": {}}));
    let call = call
        .bearer_auth("alice-token")
        .header("impersonate-user", "admin")
        .header("impersonate-group", "system:masters")
        .header("x-remote-user", "admin")
        .header("cookie", "a=b");
    result(call.send().await.unwrap()).await;
    let arrived = scene.api.arrived();
    assert_eq!(arrived.len(), 1);
    assert_eq!(arrived[0].authorization, ["Bearer alice-token"]);
    assert_eq!(arrived[0].path(), "/apis/authentication.k8s.io/v1/selfsubjectreviews");
    let names: HashSet<_> =
        arrived[0].headers.keys().map(|name| name.as_str().to_owned()).collect();
    for name in names {
        assert!(
            ["authorization", "accept", "user-agent", "content-type", "content-length", "host"]
                .contains(&name.as_str()),
            "{name}"
        );
    }
}

#[tokio::test]
async fn two_hundred_callers_at_once_share_a_connection_and_keep_their_identities() {
    let scene = scene("", ApiServer::echoing_users().await).await;
    // One call first, so that there is a connection to share.
    scene.mcp.call("first", "whoami", json!({})).await;
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..200 {
        let mcp = scene.mcp.clone();
        calls.spawn(async move {
            let token = format!("user-{number}");
            let result = mcp.call(&token, "whoami", json!({})).await;
            assert_eq!(result["structuredContent"]["username"], format!("Bearer {token}"));
        });
    }
    calls.join_all().await;
    let arrived = scene.api.arrived();
    assert_eq!(arrived.len(), 201);
    let connections: HashSet<_> = arrived.iter().map(|request| request.connection).collect();
    assert_eq!(connections.len(), 1, "HTTP/2 carries everybody on one connection");
    let bearers: HashSet<_> = arrived.iter().map(|request| request.authorization.clone()).collect();
    assert_eq!(bearers.len(), 201);
}

#[tokio::test]
async fn metrics_and_health_need_no_bearer_and_show_none() {
    let scene = scene("", ApiServer::echoing_users().await).await;
    scene.mcp.call("alice-token", "whoami", json!({})).await;
    scene.mcp.failure("alice-token", "pods_get", json!({"name": "a/b"})).await;
    let get = |path: &str| reqwest::get(format!("http://{}{path}", scene.running.operations));
    assert_eq!(get("/healthz").await.unwrap().status(), 200);
    assert_eq!(get("/readyz").await.unwrap().status(), 200);
    let metrics = get("/metrics").await.unwrap().text().await.unwrap();
    assert!(
        metrics.contains("obolus_mcp_tool_calls_total{tool=\"whoami\",outcome=\"ok\"} 1"),
        "{metrics}"
    );
    assert!(metrics.contains("{tool=\"pods_get\",outcome=\"invalid_arguments\"} 1"), "{metrics}");
    assert!(!metrics.contains("alice-token"));
    assert_eq!(get("/mcp").await.unwrap().status(), 404);
}
