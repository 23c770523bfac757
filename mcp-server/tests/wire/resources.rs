//! Resources: `k8s://` URIs, read as the caller, in one spelling.

use crate::support::client::result;
use crate::support::{Answer, ApiServer, Era, Scene, scene};
use serde_json::{Value, json};

async fn cluster(more: &str) -> Scene {
    let api = ApiServer::start(|request| match request.path() {
        "/api/v1" => Answer::Json(
            200,
            json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [
                {"name": "secrets", "kind": "Secret", "namespaced": true, "singularName": "", "verbs": []},
                {"name": "nodes", "kind": "Node", "namespaced": false, "singularName": "", "verbs": []},
            ]}),
        ),
        "/api/v1/nodes" | "/api/v1/secrets" | "/api/v1/namespaces/shop/secrets" => {
            let names = json!([{"metadata": {"name": "n1"}}]);
            match request.headers["accept"].to_str().unwrap_or_default().contains("as=Table") {
                true => Answer::Json(200, json!({"kind": "Table", "columnDefinitions": [{"name": "Name"}], "rows": [
                    {"cells": ["n1"], "object": {"metadata": {"name": "n1"}}},
                ]})),
                false => Answer::Json(200, json!({"kind": "List", "items": names})),
            }
        }
        "/api/v1/nodes/n1" => {
            Answer::Json(200, json!({"kind": "Node", "apiVersion": "v1", "metadata": {"name": "n1", "managedFields": []}}))
        }
        "/api/v1/namespaces/shop/secrets/s" => Answer::Json(
            200,
            json!({"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "s", "namespace": "shop"}, "data": {"key": "Y2FuYXJ5"}}),
        ),
        _ => crate::support::api_server::status(404, "not found"),
    })
    .await;
    scene(more, api).await
}

async fn read(scene: &Scene, era: Era, uri: &str) -> Value {
    let request = scene.mcp.rpc(era, "resources/read", json!({ "uri": uri })).bearer_auth("alice");
    request.send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn objects_and_lists_are_read_as_the_caller_in_every_revision() {
    let scene = cluster("").await;
    for era in Era::ALL {
        for (uri, mime_type, text) in [
            (
                "k8s:///cluster/v1/Node/n1",
                "application/yaml",
                "apiVersion: v1\nkind: Node\nmetadata:\n  name: n1\n",
            ),
            ("k8s:///cluster/v1/Node/n1?output=json", "application/json", "\"name\": \"n1\""),
            ("k8s:///cluster/v1/Node", "text/plain", "n1"),
            ("k8s:///namespaces/shop/v1/Secret/s", "application/yaml", "kind: Secret"),
            ("k8s:///namespaces/shop/v1/Secret", "text/plain", "n1"),
        ] {
            let answer = read(&scene, era, uri).await;
            let contents = &answer["result"]["contents"][0];
            assert_eq!(
                (&contents["uri"], &contents["mimeType"]),
                (&json!(uri), &json!(mime_type)),
                "{answer}"
            );
            let found = contents["text"].as_str().unwrap();
            assert!(found.contains(text), "{uri} {found}");
            assert!(!found.contains("Y2FuYXJ5"), "Secrets are redacted: {found}");
            assert_eq!(answer["result"]["cacheScope"], "private", "{answer}");
        }
    }
    assert!(scene.api.arrived().iter().all(|request| request.authorization == ["Bearer alice"]));
}

#[tokio::test]
async fn what_is_listed_can_be_read_and_templates_say_the_rest() {
    let scene = cluster("").await;
    let list = async |method: &str| {
        let request = scene.mcp.rpc(Era::V2026_07_28, method, json!({})).bearer_auth("a");
        result(request.send().await.unwrap()).await
    };
    let listed = list("resources/list").await;
    assert_eq!(listed["resources"][1]["uri"], "k8s:///cluster/v1/Node");
    let templates = list("resources/templates/list").await;
    assert_eq!(
        templates["resourceTemplates"][0]["uriTemplate"],
        "k8s:///namespaces/{namespace}/{+apiVersion}/{kind}/{name}{?output}"
    );
    assert!(scene.api.arrived().is_empty());
    let answer = read(&scene, Era::V2026_07_28, "k8s:///cluster/v1/Node").await;
    assert!(answer.get("result").is_some(), "{answer}");

    let complete = async |variable: &str, known: Value| {
        let params = json!({
            "ref": {"type": "ref/resource", "uri": templates["resourceTemplates"][2]["uriTemplate"]},
            "argument": {"name": variable, "value": "n"}, "context": {"arguments": known},
        });
        let request =
            scene.mcp.rpc(Era::V2026_07_28, "completion/complete", params).bearer_auth("a");
        result(request.send().await.unwrap()).await["completion"]["values"].clone()
    };
    assert_eq!(complete("name", json!({"apiVersion": "v1", "kind": "Node"})).await, json!(["n1"]));
    assert_eq!(complete("name", json!({"apiVersion": "v1", "kind": "Secret"})).await, json!([]));
}

#[tokio::test]
async fn a_uri_that_leads_elsewhere_or_nowhere_is_not_found() {
    let scene = cluster("").await;
    for uri in [
        "k8s:///namespaces/shop/../vault/v1/Secret/s",
        "k8s:///namespaces/shop/v1/Secret/%73",
        "k8s:///namespaces/shop/v1/Secret/..%2fs",
        "k8s://other/cluster/v1/Node/n1",
        "k8s:///cluster/v1/Secret/s",
        "k8s:///namespaces/shop/v1/Node/n1",
        "k8s:///cluster/v1/Made/up",
        "k8s:///namespaces/shop/v1/Secret/none",
        "file:///etc/passwd",
    ] {
        let modern = read(&scene, Era::V2026_07_28, uri).await;
        assert_eq!(modern["error"]["code"], -32602, "{uri} {modern}");
        let legacy = read(&scene, Era::V2025_11_25, uri).await;
        assert!(
            [json!(-32002), json!(-32602)].contains(&legacy["error"]["code"]),
            "{uri} {legacy}"
        );
    }
    let asked = scene.api.arrived();
    assert!(
        asked
            .iter()
            .all(|request| !request.path().contains("..") && !request.path().contains("vault"))
    );
    assert!(
        read(&scene, Era::V2026_07_28, "k8s:///namespaces/shop/v1/Secret/s")
            .await
            .get("result")
            .is_some()
    );
}

#[tokio::test]
async fn what_the_operator_has_denied_is_denied_here_too() {
    let scene = cluster("[[denied_resources]]\nkind = \"Secret\"\n").await;
    let answer = read(&scene, Era::V2026_07_28, "k8s:///namespaces/shop/v1/Secret/s").await;
    assert!(answer["error"]["message"].as_str().unwrap().contains("denied_resources"), "{answer}");
    assert!(
        read(&scene, Era::V2026_07_28, "k8s:///cluster/v1/Node/n1").await.get("result").is_some()
    );
    assert!(!scene.api.arrived().iter().any(|request| request.path().ends_with("/secrets/s")));
}
