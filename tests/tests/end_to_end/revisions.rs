//! Three revisions of MCP side by side on one endpoint.

use obolus_tests::fixtures::mcp_client::{McpClient, Revision, answered};
use serde_json::{Value, json};

use crate::stack;

const SERVED: [&str; 3] = ["2025-06-18", "2025-11-25", "2026-07-28"];

fn offered() -> Value {
    json!({"tools": {}, "prompts": {}, "resources": {}, "completions": {}})
}

#[tokio::test]
async fn every_revision_lists_and_calls_with_a_token_and_does_neither_without() {
    let stack = stack().await;
    let client = stack.client("alice").await.unwrap();
    let nobody = McpClient::new(&stack.gateway.resource(), None).unwrap();
    for revision in Revision::ALL {
        let client = client.speaking(revision);
        let hello = client.hello().await.unwrap();
        assert_eq!(hello.status, 200, "{revision:?}: {}", hello.body);
        let tools = client.tools().await.unwrap();
        assert!(tools.contains(&"pods_list".to_owned()), "{revision:?}: {tools:?}");
        let namespaces = client.call("namespaces_list", json!({})).await.unwrap();
        assert!(namespaces.text().contains("shop"), "{revision:?}: {}", namespaces.body);

        let nobody = nobody.speaking(revision);
        assert_eq!(nobody.hello().await.unwrap().status, 401, "{revision:?}");
        assert_eq!(nobody.call("namespaces_list", json!({})).await.unwrap().status, 401);
    }
}

#[tokio::test]
async fn initialize_agrees_on_a_revision_that_has_it() {
    let client = stack().await.client("alice").await.unwrap().speaking(Revision::V2025_11_25);
    for (asked, agreed) in [
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        // Older than what we serve, newer than what has `initialize`, and not a revision at all.
        ("2024-11-05", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("tomorrow", "2025-11-25"),
    ] {
        let params = json!({
            "protocolVersion": asked,
            "capabilities": {},
            "clientInfo": {"name": "obolus-tests", "version": "1"},
        });
        let answer = client.send("initialize", params).await.unwrap();
        let result = answer.result().unwrap();
        assert_eq!(result["protocolVersion"], agreed, "{asked}");
        assert_eq!(result["capabilities"], offered(), "{asked}");
        assert_eq!(result["serverInfo"]["name"], "obolus-mcp", "{asked}");
        assert!(answer.headers.get("mcp-session-id").is_none(), "{asked}: a session");
    }
}

#[tokio::test]
async fn discovery_tells_what_is_served() {
    let client = stack().await.client("bob").await.unwrap();
    let answer = client.send("server/discover", json!({})).await.unwrap();
    let result = answer.result().unwrap();
    assert_eq!(result["supportedVersions"], json!(SERVED));
    assert_eq!(result["capabilities"], offered());
    assert!(result["instructions"].as_str().unwrap().contains("whoami"), "{result}");
    assert!(result.to_string().contains("obolus-mcp"), "{result}");
}

#[tokio::test]
async fn a_revision_that_is_not_served_is_refused_with_those_that_are() {
    let client = stack().await.client("alice").await.unwrap();
    for (revision, version) in [
        (Revision::V2025_06_18, "2024-11-05"),
        (Revision::V2025_11_25, "2025-03-26"),
        (Revision::V2026_07_28, "2027-01-01"),
    ] {
        let client = client.speaking(revision);
        let request = client.request("tools/list", json!({})).build().unwrap();
        let body = String::from_utf8(request.body().unwrap().as_bytes().unwrap().to_vec()).unwrap();
        let mut request = request;
        request.headers_mut().insert("mcp-protocol-version", version.parse().unwrap());
        *request.body_mut() = Some(body.replace(revision.name(), version).into());
        let request = reqwest::RequestBuilder::from_parts(
            obolus_tests::https::plain_client().unwrap(),
            request,
        );
        let answer = answered(request).await.unwrap();
        assert_eq!(answer.status, 400, "{version}: {}", answer.body);
        assert_eq!(answer.body["error"]["code"], -32022, "{version}: {}", answer.body);
        assert_eq!(answer.body["error"]["data"]["supported"], json!(SERVED), "{version}");
    }
}

#[tokio::test]
async fn notifications_are_accepted_and_need_no_answer() {
    let client = stack().await.client("alice").await.unwrap();
    for (revision, method) in [
        (Revision::V2025_06_18, "notifications/initialized"),
        (Revision::V2025_11_25, "notifications/initialized"),
        (Revision::V2025_11_25, "notifications/cancelled"),
        (Revision::V2026_07_28, "notifications/cancelled"),
    ] {
        let mut message = json!({"jsonrpc": "2.0", "method": method});
        if method == "notifications/cancelled" {
            message["params"] = json!({"requestId": 7});
        }
        let request = client.speaking(revision).request(method, json!({}));
        let answer = answered(request.body(message.to_string())).await.unwrap();
        assert_eq!(answer.status, 202, "{revision:?} {method}: {}", answer.body);
        assert_eq!(answer.body, Value::from(""), "{revision:?} {method}");
    }
}

#[tokio::test]
async fn what_there_is_not_is_an_error_of_the_protocol() {
    let client = stack().await.client("alice").await.unwrap();
    for revision in Revision::ALL {
        let client = client.speaking(revision);
        let tool = client.call("pods_teleport", json!({"namespace": "shop"})).await.unwrap();
        // The gateway says the same of a tool that it hides (core/src/policy/unknown_tool.rs).
        let unknown = json!({"code": -32602, "message": "unknown tool"});
        assert_eq!(tool.body["error"], unknown, "{revision:?}: {}", tool.body);
        for method in ["prompts/none", "no/such/method"] {
            let answer = client.send(method, json!({})).await.unwrap();
            assert_eq!(answer.body["error"]["code"], -32601, "{revision:?} {method}");
            assert_eq!(answer.body["id"], 1, "{revision:?} {method}");
        }
    }
}

#[tokio::test]
async fn a_session_id_is_never_given_and_one_that_is_sent_means_nothing() {
    let stack = stack().await;
    let client = stack.client("alice").await.unwrap();
    let nobody = McpClient::new(&stack.gateway.resource(), None).unwrap();
    for revision in Revision::ALL {
        let params = || json!({"name": "whoami", "arguments": {}});
        let call = client.speaking(revision).request("tools/call", params());
        let answer = answered(call.header("mcp-session-id", "somebody-elses")).await.unwrap();
        let person = &answer.result().unwrap()["structuredContent"];
        assert_eq!(person["username"], "kc:alice", "{revision:?}");
        assert!(answer.headers.get("mcp-session-id").is_none(), "{revision:?}");
        // And it is no credential.
        let call = nobody.speaking(revision).request("tools/call", params());
        let answer = answered(call.header("mcp-session-id", "somebody-elses")).await.unwrap();
        assert_eq!(answer.status, 401, "{revision:?}");
    }
}
