//! What kubelets tell, through the API server.

use serde_json::json;

use crate::support::api_server::status;
use crate::support::client::text;
use crate::support::{Answer, ApiServer, scene};

#[tokio::test]
async fn a_nodes_logs_are_read_through_its_kubelet_and_nothing_else_is() {
    let api = ApiServer::start(|request| {
        match request.path() {
        "/api/v1/nodes/n1/proxy/logs/" if request.target.contains("query=files") => {
            Answer::Text(200, match request.target.contains("tailLines") {
                true => "\noptions present and query resolved to log files for [files]\ntry without specifying options\n".to_owned(),
                false => "a\nb\nc\n".to_owned(),
            })
        }
        "/api/v1/nodes/n1/proxy/logs/" if request.target.contains("query=nobody") => {
            Answer::Text(200, "\nlog not found for nobody\n".to_owned())
        }
        "/api/v1/nodes/n1/proxy/logs/" => Answer::Text(200, "a\nb\nc\n".to_owned()),
        "/api/v1/nodes/n1/proxy/stats/summary" => Answer::Json(
            200,
            json!({"node": {"cpu": {"usageNanoCores": 1}}, "pods": [{"podRef": {"name": "web", "namespace": "shop"}}]}),
        ),
        _ => status(
            403,
            r#"nodes "n2" is forbidden: User "kc:bob" cannot get resource "nodes/proxy""#,
        ),
    }
    });
    let scene = scene("", api.await).await;
    for (query, asked) in [
        ("kubelet", "query=kubelet&tailLines=2"),
        ("files", "query=files"),
        ("/syslog", "query=%2Fsyslog"),
        ("/var/log/pods/a.log", "query=%2Fpods%2Fa.log"),
    ] {
        let arguments = json!({"name": "n1", "query": query, "tailLines": 2});
        let log = scene.mcp.call("alice", "nodes_log", arguments).await;
        assert_eq!(
            log["structuredContent"]["log"], "b\nc\n",
            "a kubelet that does not count is counted for: {log}"
        );
        let target = scene.api.arrived().last().unwrap().target.clone();
        assert_eq!(target, format!("/api/v1/nodes/n1/proxy/logs/?{asked}"));
    }
    let summary = scene.mcp.call("alice", "nodes_stats_summary", json!({"name": "n1"})).await;
    assert_eq!(summary["structuredContent"]["pods"][0]["name"], "web", "{summary}");
    assert!(text(&summary).starts_with("node n1: cpu 1m"), "{summary}");

    for (tool, arguments) in [
        ("nodes_log", json!({"name": "n2", "query": "kubelet"})),
        ("nodes_stats_summary", json!({"name": "n2"})),
    ] {
        let refused = scene.mcp.failure("bob", tool, arguments).await;
        assert!(refused.contains(r#"you may not get nodes/proxy "n2""#), "{refused}");
    }
    let before = scene.api.arrived().len();
    for query in [
        "",
        "..",
        "/../../etc/shadow",
        "a/../b",
        "/..%2fetc",
        "%2e%2e",
        "a\nb",
        "-u",
        "a b",
        "a,b",
        &"x".repeat(256),
    ] {
        let arguments = json!({"name": "n1", "query": query});
        let text = scene.mcp.failure("alice", "nodes_log", arguments).await;
        assert!(text.starts_with("invalid arguments: query must be"), "{query:?}: {text}");
    }
    for name in ["..", "n1/../n2", "n1%2f..", "n1?x"] {
        for (tool, arguments) in [
            ("nodes_log", json!({"name": name, "query": "kubelet"})),
            ("nodes_stats_summary", json!({"name": name})),
        ] {
            let text = scene.mcp.failure("alice", tool, arguments).await;
            assert!(text.starts_with("invalid arguments"), "{name:?}: {text}");
        }
    }
    assert_eq!(scene.api.arrived().len(), before, "nothing was asked");
}
