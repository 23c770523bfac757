//! MCP as it is spoken on the wire: three revisions on one endpoint, and nothing that we do not have.

use crate::support::client::{result, text};
use crate::support::{Answer, ApiServer, Era, scene};
use serde_json::{Value, json};

#[tokio::test]
async fn every_revision_lists_and_calls_on_the_same_endpoint() {
    let scene = scene("", ApiServer::echoing_users().await).await;
    let mut lists = Vec::new();
    for era in Era::ALL {
        let list =
            scene.mcp.rpc(era, "tools/list", json!({})).bearer_auth("alice").send().await.unwrap();
        assert!(list.headers().get("mcp-session-id").is_none(), "{era:?}");
        let list = result(list).await;
        assert_eq!(list["cacheScope"], "private", "{era:?}");
        assert_eq!(list.get("resultType").is_some(), era.is_modern(), "{era:?}");
        lists.push(list["tools"].clone());

        let call = scene.mcp.rpc(era, "tools/call", json!({"name": "whoami", "arguments": {}}));
        let call = result(call.bearer_auth("alice").send().await.unwrap()).await;
        assert_eq!(call["structuredContent"]["username"], "Bearer alice", "{era:?}");
        assert_eq!(call["isError"], false, "{era:?}");
        assert!(text(&call).starts_with("Bearer alice\n"), "{era:?}");
    }
    assert!(
        lists[0].as_array().unwrap().len() >= 15 && lists.windows(2).all(|pair| pair[0] == pair[1])
    );
}

#[tokio::test]
async fn initialize_agrees_on_a_served_revision_and_keeps_no_session() {
    let scene = scene("", ApiServer::echoing_users().await).await;
    for (asked, agreed) in [
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("2025-03-26", "2025-11-25"),
        ("2024-11-05", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
    ] {
        let params = json!({
            "protocolVersion": asked, "capabilities": {}, "clientInfo": {"name": "test", "version": "0"},
        });
        let response = scene
            .mcp
            .rpc(Era::V2025_11_25, "initialize", params)
            .bearer_auth("alice")
            .send()
            .await
            .unwrap();
        assert!(response.headers().get("mcp-session-id").is_none());
        let result = result(response).await;
        assert_eq!(result["protocolVersion"], agreed, "{asked}");
        assert_eq!(
            result["capabilities"],
            json!({"completions": {}, "prompts": {}, "resources": {}, "tools": {}})
        );
        assert_eq!(result["serverInfo"]["name"], "obolus-mcp");
        assert!(result["instructions"].as_str().unwrap().contains("whoami"));
    }
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(
        scene.mcp.post(&initialized).bearer_auth("alice").send().await.unwrap().status(),
        202
    );
}

#[tokio::test]
async fn discover_advertises_the_served_revisions_only() {
    let scene = scene("", ApiServer::echoing_users().await).await;
    let request = scene.mcp.rpc(Era::V2026_07_28, "server/discover", json!({}));
    let discovered = result(request.bearer_auth("alice").send().await.unwrap()).await;
    assert_eq!(discovered["supportedVersions"], json!(["2025-06-18", "2025-11-25", "2026-07-28"]));
    assert_eq!(
        discovered["capabilities"],
        json!({"completions": {}, "prompts": {}, "resources": {}, "tools": {}})
    );
}

#[tokio::test]
async fn older_and_unknown_revisions_are_refused() {
    let scene = scene("", ApiServer::echoing_users().await).await;
    let call = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/list", "params": {}});
    for version in ["2024-11-05", "2025-03-26"] {
        let response = scene
            .mcp
            .post(&call)
            .bearer_auth("a")
            .header("mcp-protocol-version", version)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 400, "{version}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"]["code"], -32022, "{body}");
        assert_eq!(
            body["error"]["data"]["supported"],
            json!(["2025-06-18", "2025-11-25", "2026-07-28"]),
            "{body}"
        );
    }
    let unknown = scene
        .mcp
        .post(&call)
        .bearer_auth("a")
        .header("mcp-protocol-version", "1999-01-01")
        .send()
        .await
        .unwrap();
    assert_eq!(unknown.status(), 400);
}

#[tokio::test]
async fn what_is_not_declared_is_not_found() {
    let scene = scene("", ApiServer::echoing_users().await).await;
    for method in ["logging/setLevel", "tasks/get", "made/up"] {
        let params = match method {
            "logging/setLevel" => json!({"level": "info"}),
            "tasks/get" => json!({"taskId": "x"}),
            _ => json!({}),
        };
        let mut modern = scene.mcp.rpc(Era::V2026_07_28, method, params.clone());
        if method == "tasks/get" {
            modern = modern.header("mcp-name", "x");
        }
        let modern = modern.bearer_auth("a").send().await.unwrap();
        assert_eq!(modern.status(), 404, "{method}");
        let modern: Value = modern.json().await.unwrap();
        assert_eq!(modern["error"]["code"], -32601, "{method}: {modern}");
        let legacy =
            scene.mcp.rpc(Era::V2025_11_25, method, params).bearer_auth("a").send().await.unwrap();
        let legacy: Value = legacy.json().await.unwrap();
        assert_eq!(legacy["error"]["code"], -32601, "{method}: {legacy}");
    }
    let uri = json!({"uri": "k8s:///cluster/v1/Node"});
    let subscribed = scene.mcp.rpc(Era::V2025_11_25, "resources/subscribe", uri).bearer_auth("a");
    let subscribed: Value = subscribed.send().await.unwrap().json().await.unwrap();
    assert_eq!(subscribed["error"]["code"], -32601, "{subscribed}");
    let unknown = scene.mcp.rpc(
        Era::V2025_11_25,
        "tools/call",
        json!({"name": "pods_none", "arguments": {}}),
    );
    let unknown: Value = unknown.bearer_auth("a").send().await.unwrap().json().await.unwrap();
    assert_eq!(unknown["error"]["code"], -32602, "{unknown}");
    let cursor = scene.mcp.rpc(Era::V2025_11_25, "tools/list", json!({"cursor": "x"}));
    let cursor: Value = cursor.bearer_auth("a").send().await.unwrap().json().await.unwrap();
    assert_eq!(cursor["error"]["code"], -32602, "{cursor}");
    assert!(scene.api.arrived().is_empty());
}

#[tokio::test]
async fn only_post_is_served_and_only_at_the_one_path() {
    let scene = scene("", ApiServer::echoing_users().await).await;
    for method in [http::Method::GET, http::Method::DELETE, http::Method::PUT] {
        let response = scene.mcp.request(method.clone()).bearer_auth("a").send().await.unwrap();
        assert_eq!(response.status(), 405, "{method}");
    }
    let other = crate::support::Mcp::new(format!("http://{}/mcp/x", scene.running.mcp));
    let list = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/list"});
    assert_eq!(other.post(&list).bearer_auth("a").send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn hosts_origins_and_sizes_are_held_to_the_configuration() {
    let more = "allowed_hosts = [\"mcp.example.com\"]\nallowed_origins = [\"https://app.example.com\"]\nmax_body_bytes = 1024";
    let scene = scene(more, ApiServer::echoing_users().await).await;
    let list = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/list"});
    let with = |host: &'static str, origin: Option<&'static str>, body: Value| {
        let mut request = scene.mcp.post(&body).bearer_auth("a").header("host", host);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        async move { request.send().await.unwrap().status().as_u16() }
    };
    let large = |bytes: usize| {
        let mut body = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/list", "params": {"_meta": {"x": ""}}});
        let padding = bytes - body.to_string().len();
        body["params"]["_meta"]["x"] = json!("x".repeat(padding));
        body
    };
    assert_eq!(with("mcp.example.com", None, list.clone()).await, 200);
    assert_eq!(with("mcp.example.com", Some("https://app.example.com"), list.clone()).await, 200);
    assert_eq!(with("127.0.0.1", None, list.clone()).await, 403);
    assert_eq!(with("mcp.example.com.evil.test", None, list.clone()).await, 403);
    assert_eq!(with("mcp.example.com", Some("https://evil.test"), list.clone()).await, 403);
    assert_eq!(
        with("mcp.example.com", Some("https://app.example.com:8443"), list.clone()).await,
        403
    );
    assert_eq!(with("mcp.example.com", Some("http://app.example.com"), list.clone()).await, 403);
    assert_eq!(with("mcp.example.com", Some("null"), list.clone()).await, 403);
    assert_eq!(with("mcp.example.com", None, large(1024)).await, 200);
    assert_eq!(with("mcp.example.com", None, large(1025)).await, 413);
}

#[tokio::test]
async fn without_configuration_no_page_in_a_browser_may_call() {
    let scene = scene("", ApiServer::echoing_users().await).await;
    let list = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/list"});
    for origin in ["https://evil.test", "http://localhost", "null"] {
        let request = scene.mcp.post(&list).bearer_auth("a").header("origin", origin);
        assert_eq!(request.send().await.unwrap().status(), 403, "{origin}");
    }
    assert_eq!(scene.mcp.post(&list).bearer_auth("a").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn the_namespace_in_the_header_must_be_the_one_in_the_body() {
    let row =
        json!({"cells": ["web"], "object": {"metadata": {"name": "web", "namespace": "shop"}}});
    let table = json!({"kind": "Table", "columnDefinitions": [{"name": "Name"}], "rows": [row]});
    let scene = scene("", ApiServer::start(move |_| Answer::Json(200, table.clone())).await).await;
    let params = json!({"name": "pods_list_in_namespace", "arguments": {"namespace": "shop"}});
    let good = scene
        .mcp
        .rpc(Era::V2026_07_28, "tools/call", params.clone())
        .bearer_auth("a")
        .send()
        .await
        .unwrap();
    assert_eq!(good.status(), 200);
    assert_eq!(scene.api.arrived().len(), 1);
    for other in [Some("kube-system"), None] {
        let request =
            scene.mcp.rpc(Era::V2026_07_28, "tools/call", params.clone()).bearer_auth("a");
        let mut request = request.build().unwrap();
        request.headers_mut().remove("mcp-param-namespace");
        if let Some(other) = other {
            request.headers_mut().insert("mcp-param-namespace", other.parse().unwrap());
        }
        let response = reqwest::Client::new().execute(request).await.unwrap();
        assert_eq!(response.status(), 400, "{other:?}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"]["code"], -32020, "{body}");
    }
    assert_eq!(scene.api.arrived().len(), 1, "nothing more was asked");
}
