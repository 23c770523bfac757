//! What pods and nodes use, where somebody measures it.

use serde_json::{Value, json};

use crate::support::api_server::status;
use crate::support::client::text;
use crate::support::{Answer, ApiServer, scene};

fn usage(name: &str, cpu: &str) -> Value {
    let usage = json!({"cpu": cpu, "memory": "64Mi"});
    json!({"metadata": {"name": name, "namespace": "shop"}, "usage": usage, "containers": [{"name": "web", "usage": usage}]})
}

#[tokio::test]
async fn what_is_used_is_asked_for_where_it_is_and_told_sorted() {
    let api = ApiServer::start(|request| match request.path() {
        path if path.starts_with("/api/v1/nodes") => {
            match request.authorization.join("").as_str() {
                "Bearer alice" => Answer::Json(
                    200,
                    json!({"items": [{"metadata": {"name": "n1"}, "status": {"allocatable": {"cpu": "2", "memory": "128Mi"}}}]}),
                ),
                _ => {
                    status(403, r#"nodes is forbidden: User "kc:bob" cannot list resource "nodes""#)
                }
            }
        }
        path if path.ends_with("/web") => Answer::Json(200, usage("web", "1")),
        path if path.ends_with("/nodes") => Answer::Json(200, json!({"items": [usage("n1", "1")]})),
        _ => Answer::Json(200, json!({"items": [usage("idle", "1m"), usage("busy", "1")]})),
    });
    let scene = scene("", api.await).await;
    for (arguments, asked) in [
        (json!({}), "pods"),
        (json!({"all_namespaces": true, "namespace": ""}), "pods"),
        (json!({"all_namespaces": false}), "namespaces/default/pods"),
        (json!({"namespace": "shop"}), "namespaces/shop/pods"),
        (
            json!({"namespace": "shop", "label_selector": "app in (a, b)"}),
            "namespaces/shop/pods?labelSelector=app+in+%28a%2C+b%29",
        ),
        (json!({"namespace": "shop", "name": "web"}), "namespaces/shop/pods/web"),
        (json!({"name": "web"}), "namespaces/default/pods/web"),
    ] {
        let top = scene.mcp.call("alice", "pods_top", arguments.clone()).await;
        let target = scene.api.arrived().last().unwrap().target.clone();
        assert_eq!(target, format!("/apis/metrics.k8s.io/v1beta1/{asked}"), "{arguments}");
        let most = &top["structuredContent"]["pods"][0];
        assert_eq!(
            (&most["cpuMillicores"], &most["memoryBytes"]),
            (&json!(1000), &json!(64 << 20))
        );
    }
    let nodes = scene.mcp.call("alice", "nodes_top", json!({})).await;
    assert_eq!(
        text(&nodes),
        "NAME   CPU     CPU%   MEMORY   MEMORY%\nn1     1000m   50%    64Mi     50%\n"
    );
    let nodes = scene.mcp.call("bob", "nodes_top", json!({})).await;
    assert_eq!(nodes["structuredContent"]["nodes"][0]["cpuMillicores"], 1000);
    assert!(
        text(&nodes).contains("no percentages") && text(&nodes).contains("forbidden"),
        "{nodes}"
    );
    let text = scene.mcp.failure("alice", "pods_top", json!({"label_selector": "a&b=c"})).await;
    assert!(text.starts_with("invalid arguments"), "{text}");
}

#[tokio::test]
async fn a_cluster_that_measures_nothing_is_told_apart_from_a_pod_that_is_not_there() {
    for (code, message, told) in [
        (404, "the server could not find the requested resource", "does not have metrics.k8s.io"),
        (503, "the server is currently unable to handle the request", "does not answer"),
        (
            404,
            r#"podmetrics.metrics.k8s.io "shop/web" not found"#,
            r#"podmetrics.metrics.k8s.io "shop/web" not found"#,
        ),
        (
            403,
            r#"pods.metrics.k8s.io is forbidden: User "kc:bob" cannot get resource "pods""#,
            "you may not get pods.metrics.k8s.io \"web\"",
        ),
    ] {
        let scene = scene("", ApiServer::start(move |_| status(code, message)).await).await;
        let text = scene
            .mcp
            .failure("alice", "pods_top", json!({"namespace": "shop", "name": "web"}))
            .await;
        assert!(text.contains(told), "{code} {message}: {text}");
    }
}
