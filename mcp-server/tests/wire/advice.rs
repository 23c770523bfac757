//! Advice: what a failure says to do next, by what its person may see.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::api_server::{Arrived, status};
use crate::support::client::text;
use crate::support::{Answer, ApiServer, scene};
use serde_json::{Value, json};

fn pod(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "status": {"phase": "Running"},
        "metadata": {
            "name": name, "namespace": "shop", "uid": "u1", "managedFields": [{"manager": "kubelet"}],
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5d", "uid": "u2", "controller": true}],
        },
    })
}

fn names(kind: &str, of: &[(&str, &str)]) -> Answer {
    let items: Vec<_> = of
        .iter()
        .map(|(namespace, name)| json!({"metadata": {"name": name, "namespace": namespace}}))
        .collect();
    Answer::Json(200, json!({"kind": kind, "metadata": {}, "items": items}))
}

fn missing(kind: &str, name: &str) -> Answer {
    let body = json!({"kind": "Status", "reason": "NotFound", "code": 404,
        "message": format!("{kind} \"{name}\" not found"), "details": {"kind": kind, "name": name}});
    Answer::Json(404, body)
}

fn forbidden(what: &str) -> Answer {
    status(
        403,
        &format!(
            "{what} is forbidden: User \"bob\" cannot list resource \"{what}\" in API group \"\""
        ),
    )
}

fn metadata_only(request: &Arrived) -> bool {
    let accept = request.headers["accept"].to_str().unwrap();
    accept.contains("as=PartialObjectMetadataList")
}

fn discovery(path: &str) -> Value {
    let kind = |resource: &str, kind: &str, namespaced: bool| {
        json!({"resource": resource, "responseKind": {"kind": kind}, "singularResource": kind.to_lowercase(),
            "scope": if namespaced { "Namespaced" } else { "Cluster" }, "verbs": ["get", "list"], "shortNames": []})
    };
    let items = if path == "/api" {
        json!([{"metadata": {}, "versions": [{"version": "v1", "resources": [kind("pods", "Pod", true), kind("nodes", "Node", false)]}]}])
    } else {
        json!([{"metadata": {"name": "apps"}, "versions": [{"version": "v1", "resources": [kind("deployments", "Deployment", true)]}]}])
    };
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": items})
}

#[tokio::test]
async fn what_is_missing_is_told_with_what_is_there() {
    let scene = scene(
        "",
        ApiServer::start(|request| match request.path() {
            "/api/v1/namespaces" if metadata_only(request) => {
                names("NamespaceList", &[("", "shop"), ("", "warehouse")])
            }
            "/api/v1/namespaces/shop/pods" if metadata_only(request) => {
                names("PodList", &[("shop", "web-5d8f-abcde"), ("shop", "db")])
            }
            "/api/v1/pods"
                if metadata_only(request)
                    && request.target.contains("fieldSelector=metadata.name%3Dcart") =>
            {
                names("PodList", &[("warehouse", "cart")])
            }
            "/api/v1/pods" | "/api/v1/namespaces/shpo/pods" if metadata_only(request) => {
                names("PodList", &[])
            }
            path if path.contains("/pods/") => missing("pods", path.rsplit('/').next().unwrap()),
            _ => status(404, "the server could not find the requested resource"),
        })
        .await,
    )
    .await;
    let failure = |name: &'static str, namespace: &'static str| {
        scene.mcp.failure("alice", "pods_get", json!({"name": name, "namespace": namespace}))
    };
    let near = failure("web-5d8f-vwxyz", "shop").await;
    assert!(near.contains("Names like it: web-5d8f-abcde") && !near.contains("db"), "{near}");
    let elsewhere = failure("cart", "shop").await;
    assert!(elsewhere.contains("There is one of this name in warehouse"), "{elsewhere}");
    let nowhere = failure("web", "shpo").await;
    assert!(nowhere.contains("There is no namespace \"shpo\"; there are shop"), "{nowhere}");
    assert!(scene.api.arrived().iter().all(|request| request.authorization == ["Bearer alice"]));
}

#[tokio::test]
async fn who_may_not_list_is_told_nothing_that_lists_would_tell() {
    let scene = scene(
        "",
        ApiServer::start(|request| match request.path() {
            path if path.ends_with("/pods/web") => missing("pods", "web"),
            path => forbidden(path.rsplit('/').next().unwrap()),
        })
        .await,
    )
    .await;
    let failure =
        scene.mcp.failure("bob", "pods_get", json!({"name": "web", "namespace": "shop"})).await;
    assert!(failure.ends_with("pods \"web\" not found"), "{failure}");
}

#[tokio::test]
async fn a_missing_permission_is_told_with_who_can_give_it_and_where_else_to_look() {
    let scene = scene(
        "",
        ApiServer::start(|request| match request.path() {
            "/api/v1/namespaces" if metadata_only(request) => {
                names("NamespaceList", &[("", "shop"), ("", "warehouse")])
            }
            path => forbidden(path.rsplit('/').next().unwrap()),
        })
        .await,
    )
    .await;
    let everywhere = scene.mcp.failure("b0b", "pods_list", json!({})).await;
    for part in [
        "you may not list pods in all namespaces",
        "User \"bob\"",
        "the verb list on pods",
        "a ClusterRole and a ClusterRoleBinding",
        "Name one namespace",
        "shop, warehouse",
    ] {
        assert!(everywhere.contains(part), "{part}: {everywhere}");
    }
    let there =
        scene.mcp.failure("b0b", "pods_list_in_namespace", json!({"namespace": "shop"})).await;
    assert!(
        there.contains("a Role and a RoleBinding there")
            && !there.contains("There is no namespace"),
        "{there}"
    );
    let nowhere =
        scene.mcp.failure("b0b", "pods_list_in_namespace", json!({"namespace": "shp"})).await;
    assert!(nowhere.contains("There is no namespace \"shp\"; there are shop"), "{nowhere}");
}

#[tokio::test]
async fn an_unknown_kind_is_told_with_the_kinds_that_are_like_it() {
    let scene = scene("", ApiServer::start(|request| match request.path() {
        path @ ("/api" | "/apis") => Answer::Json(200, discovery(path)),
        "/api/v1" => Answer::Json(200, json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [
            {"name": "pods", "singularName": "pod", "kind": "Pod", "namespaced": true, "verbs": []}]})),
        _ => status(404, "the server could not find the requested resource"),
    }).await).await;
    for (kind, told) in [
        ("Deployment", "There is Deployment in apps/v1"),
        ("pods", "There is Pod in v1"),
        ("Deploymnt", "Kinds like it: Deployment in apps/v1"),
        ("Zzzzzz", "api_resources tells which kinds there are"),
    ] {
        let arguments = json!({"apiVersion": "v1", "kind": kind});
        let failure = scene.mcp.failure("alice", "resources_list", arguments).await;
        assert!(
            failure.contains(&format!("has no kind {kind} in apiVersion v1"))
                && failure.contains(told),
            "{failure}"
        );
    }
}

#[tokio::test]
async fn a_kind_that_has_gone_elsewhere_is_found_again_by_what_reads() {
    let discovered = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&discovered);
    let scene = scene("", ApiServer::start(move |request| match request.path() {
        "/apis/x.example/v1" => {
            let plural = if counted.fetch_add(1, Ordering::SeqCst) == 0 { "olds" } else { "news" };
            Answer::Json(200, json!({"kind": "APIResourceList", "groupVersion": "x.example/v1", "resources": [
                {"name": plural, "singularName": "", "kind": "Thing", "namespaced": true, "verbs": []}]}))
        }
        "/apis/x.example/v1/news" => Answer::Json(200, json!({"kind": "Table", "columnDefinitions": [{"name": "Name"}], "rows": []})),
        _ => Answer::Text(404, "404 page not found".to_owned()),
    }).await).await;
    let list = scene
        .mcp
        .call("alice", "resources_list", json!({"apiVersion": "x.example/v1", "kind": "Thing"}))
        .await;
    assert_eq!(text(&list), "no Thing found\n");
    assert_eq!(discovered.load(Ordering::SeqCst), 2, "it was asked for again, once");
}

#[tokio::test]
async fn an_api_server_that_has_too_much_to_do_is_asked_once_more() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let api = ApiServer::start(move |request| {
        let busy = || {
            let body = json!({"kind": "Status", "message": "too many requests", "reason": "TooManyRequests", "details": {"retryAfterSeconds": 1}});
            Answer::Json(429, body)
        };
        if counted.fetch_add(1, Ordering::SeqCst) == 0 || request.path().ends_with("/busy") {
            return busy();
        }
        Answer::Json(200, pod("web"))
    }).await;
    let scene = scene("", api).await;
    let pod = scene.mcp.call("alice", "pods_get", json!({"name": "web"})).await;
    assert_eq!(pod["isError"], false, "{pod}");
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    let failure = scene.mcp.failure("alice", "pods_get", json!({"name": "busy"})).await;
    assert!(failure.contains("429") && failure.contains("try again in 1 s"), "{failure}");
    assert_eq!(asked.load(Ordering::SeqCst), 4, "once more, and not again");
}

#[tokio::test]
async fn fields_and_their_managers_are_named() {
    let scene = scene("", ApiServer::start(|request| match request.path() {
        "/apis/apps/v1" => Answer::Json(200, json!({"kind": "APIResourceList", "groupVersion": "apps/v1", "resources": [
            {"name": "deployments", "singularName": "", "kind": "Deployment", "namespaced": true, "verbs": []},
            {"name": "deployments/scale", "singularName": "", "kind": "Scale", "namespaced": true, "verbs": []}]})),
        path if path.contains("/web/") => Answer::Json(409, json!({"kind": "Status", "reason": "Conflict", "message": "Apply failed with 1 conflict",
            "details": {"name": "web", "causes": [{"reason": "FieldManagerConflict", "message": "conflict with \"helm\" using apps/v1", "field": ".spec.replicas"}]}})),
        _ => Answer::Json(422, json!({"kind": "Status", "reason": "Invalid", "message": "Scale \"db\" is invalid",
            "details": {"name": "db", "causes": [{"reason": "FieldValueInvalid", "message": "must be less", "field": "spec.replicas"}]}})),
    }).await).await;
    let scale = |name: &'static str| {
        let arguments = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": name, "namespace": "shop", "scale": 3});
        scene.mcp.failure("alice", "resources_scale", arguments)
    };
    let conflict = scale("web").await;
    assert!(
        conflict.contains("\"helm\" manages .spec.replicas: leave these fields out"),
        "{conflict}"
    );
    let invalid = scale("db").await;
    assert!(invalid.contains("Correct by field: spec.replicas: must be less"), "{invalid}");
}
