//! Prompts: listed, gathered as the caller, completed by what the caller may list.

use crate::support::client::result;
use crate::support::{Answer, ApiServer, Era, Scene, scene};
use serde_json::{Value, json};

fn list(kind: &str, items: Value) -> Value {
    json!({"kind": kind, "apiVersion": "v1", "metadata": {}, "items": items})
}

/// A cluster with one pod that fails, whose bearer `nobody` may do nothing in.
async fn cluster(more: &str) -> Scene {
    let api = ApiServer::start(|request| {
        if request.authorization == ["Bearer nobody"] {
            return crate::support::api_server::status(403, "no");
        }
        let pod = json!({
            "kind": "Pod", "apiVersion": "v1", "metadata": {"name": "web-1", "namespace": "shop"},
            "status": {"phase": "Running", "containerStatuses": [{
                "name": "app", "ready": false, "restartCount": 7, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
            }]},
        });
        let table = json!({"kind": "Table", "columnDefinitions": [{"name": "Message"}], "rows": [
            {"cells": ["Back-off restarting"], "object": {"metadata": {"name": "e", "namespace": "shop"}}},
        ]});
        let named = |names: &[&str]| {
            list("PartialObjectMetadataList", names.iter().map(|name| json!({"metadata": {"name": name}})).collect())
        };
        let accepts = request.headers["accept"].to_str().unwrap_or_default();
        let as_names = accepts.contains("PartialObjectMetadataList");
        match request.path() {
            "/api/v1/namespaces" => Answer::Json(200, named(&["shop", "shipping", "kube-system"])),
            "/api/v1/namespaces/shop/pods" if as_names => Answer::Json(200, named(&["web-1", "web-2", "db"])),
            "/api/v1/namespaces/shop/pods/web-1" => Answer::Json(200, pod),
            "/api/v1/namespaces/shop/pods/web-1/log" => {
                let when = if request.target.contains("previous=true") { "before" } else { "now" };
                Answer::Text(200, format!("{when}: panic at main.rs:7\n"))
            }
            "/api/v1/pods" => Answer::Json(200, list("PodList", json!([pod]))),
            "/api/v1/nodes" => crate::support::api_server::status(403, "nodes are not yours"),
            "/api/v1/events" | "/api/v1/namespaces/shop/events" => Answer::Json(200, table),
            "/apis/apps/v1" => Answer::Json(200, json!({"kind": "APIResourceList", "resources": [
                {"name": "deployments", "kind": "Deployment", "namespaced": true, "singularName": "", "verbs": []},
                {"name": "statefulsets", "kind": "StatefulSet", "namespaced": true, "singularName": "", "verbs": []},
                {"name": "daemonsets", "kind": "DaemonSet", "namespaced": true, "singularName": "", "verbs": []},
            ], "groupVersion": "apps/v1"})),
            _ => Answer::Json(200, list("List", json!([]))),
        }
    })
    .await;
    scene(more, api).await
}

async fn ask(scene: &Scene, token: &str, method: &str, params: Value) -> Value {
    let request = scene.mcp.rpc(Era::V2026_07_28, method, params).bearer_auth(token);
    request.send().await.unwrap().json().await.unwrap()
}

async fn said(scene: &Scene, name: &str, arguments: Value) -> String {
    let params = json!({"name": name, "arguments": arguments});
    let answer = ask(scene, "alice", "prompts/get", params).await;
    let text = &answer["result"]["messages"][0]["content"]["text"];
    text.as_str().unwrap_or_else(|| panic!("no prompt: {answer}")).to_owned()
}

#[tokio::test]
async fn prompts_are_listed_in_every_revision_with_their_arguments() {
    let scene = cluster("").await;
    for era in Era::ALL {
        let request = scene.mcp.rpc(era, "prompts/list", json!({})).bearer_auth("a");
        let listed = result(request.send().await.unwrap()).await;
        let names: Vec<_> =
            listed["prompts"].as_array().unwrap().iter().map(|p| &p["name"]).collect();
        assert_eq!(names, ["cluster-health", "namespace-triage", "pod-failing"]);
        assert_eq!(listed["prompts"][2]["arguments"][1]["name"], "pod");
        assert_eq!(listed["prompts"][2]["arguments"][1]["required"], true);
    }
    assert!(scene.api.arrived().is_empty());
}

#[tokio::test]
async fn why_a_pod_fails_comes_with_the_pod_its_events_and_its_logs_as_the_caller() {
    let scene = cluster("").await;
    let text = said(&scene, "pod-failing", json!({"namespace": "shop", "pod": "web-1"})).await;
    for part in [
        "Why is pod web-1 in namespace shop failing?",
        "\n    shop/web-1: container app: CrashLoopBackOff, 7 restarts\n",
        "\n    kind: Pod\n",
        "Back-off restarting",
        "## Log of container app\n    now: panic at main.rs:7\n",
        "## Log of container app before its last restart\n    before: panic at main.rs:7\n",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert!(scene.api.arrived().iter().all(|request| request.authorization == ["Bearer alice"]));
}

#[tokio::test]
async fn how_the_cluster_is_says_what_is_wrong_and_what_could_not_be_read() {
    let scene = cluster("").await;
    let text = said(&scene, "cluster-health", json!({})).await;
    for part in [
        "## Nodes\n    (could not be read) refused: ",
        "## Pods in trouble\n    1 of 1:\n    shop/web-1: container app: CrashLoopBackOff",
        "## Deployments in trouble\n    none of 0\n",
        "## Warnings\n",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let text = said(&scene, "namespace-triage", json!({"namespace": "shop"})).await;
    assert!(text.starts_with("Triage namespace shop."), "{text}");
    let asked = scene.api.arrived();
    assert!(
        asked.iter().any(|request| request.path() == "/apis/apps/v1/namespaces/shop/deployments")
    );
}

#[tokio::test]
async fn what_a_prompt_does_not_take_is_refused_before_anything_is_asked() {
    let scene = cluster("").await;
    for (name, arguments, word) in [
        ("pod-failing", json!({"namespace": "shop"}), "pod is missing"),
        ("pod-failing", json!({"namespace": "../x", "pod": "web-1"}), "namespace must be"),
        ("pod-failing", json!({"namespace": "shop", "pod": ".."}), "name must be"),
        ("pod-failing", json!({"namespace": "shop", "pod": "web-1", "log": "x"}), "arguments are"),
        ("cluster-health", json!({"namespace": 7}), "strings"),
        ("made-up", json!({}), "unknown prompt"),
    ] {
        let answer =
            ask(&scene, "alice", "prompts/get", json!({"name": name, "arguments": arguments}))
                .await;
        assert_eq!(answer["error"]["code"], -32602, "{name} {answer}");
        assert!(answer["error"]["message"].as_str().unwrap().contains(word), "{word}: {answer}");
    }
    assert!(scene.api.arrived().is_empty());
    let params = json!({"name": "pod-failing", "arguments": {"namespace": "shop", "pod": "web-1"}});
    let answer = ask(&scene, "nobody", "prompts/get", params).await;
    assert!(
        answer["error"]["message"]
            .as_str()
            .unwrap()
            .contains("get pods \"web-1\" in namespace \"shop\""),
        "{answer}"
    );
}

#[tokio::test]
async fn arguments_are_completed_by_what_the_caller_may_list() {
    let scene = cluster("").await;
    let complete = async |token: &str, name: &str, value: &str, known: Value| {
        let params = json!({
            "ref": {"type": "ref/prompt", "name": "pod-failing"},
            "argument": {"name": name, "value": value}, "context": {"arguments": known},
        });
        let answer = ask(&scene, token, "completion/complete", params).await;
        answer["result"]["completion"]["values"].clone()
    };
    assert_eq!(complete("alice", "namespace", "sh", json!({})).await, json!(["shipping", "shop"]));
    assert_eq!(
        complete("alice", "pod", "web", json!({"namespace": "shop"})).await,
        json!(["web-1", "web-2"])
    );
    assert_eq!(complete("alice", "pod", "web", json!({})).await, json!([]), "of which namespace?");
    assert_eq!(complete("nobody", "namespace", "", json!({})).await, json!([]));
    assert_eq!(complete("alice", "other", "", json!({})).await, Value::Null);
}

#[tokio::test]
async fn the_operators_prompts_stand_beside_ours_or_in_their_place() {
    let scene = cluster(
        "[[prompts]]\nname = \"logs\"\ndescription = \"Logs\"\n[[prompts.arguments]]\nname = \"pod\"\nrequired = true\n\
         [[prompts.messages]]\nrole = \"user\"\ncontent = \"Show the logs of {{pod}}.\"\n\
         [[prompts]]\nname = \"cluster-health\"\ndescription = \"Ours\"\n[[prompts.messages]]\ncontent = \"How is it?\"\n",
    )
    .await;
    assert_eq!(said(&scene, "logs", json!({"pod": "web-1"})).await, "Show the logs of web-1.");
    assert_eq!(said(&scene, "cluster-health", json!({})).await, "How is it?");
    assert!(scene.api.arrived().is_empty());
    let answer = ask(&scene, "a", "prompts/get", json!({"name": "logs", "arguments": {}})).await;
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
}
