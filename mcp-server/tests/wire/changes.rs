//! What the tools that change things send, and when they send nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::support::api_server::{Arrived, status};
use crate::support::client::text;
use crate::support::{Answer, ApiServer, Era, eventually, scene};

/// A cluster in which whatever is changed is there.
fn cluster(request: &Arrived) -> Answer {
    let resource = |name: &str, kind: &str, namespaced: bool| json!({"name": name, "singularName": "", "kind": kind, "namespaced": namespaced, "verbs": []});
    match (request.method.as_str(), request.path()) {
        (_, "/api/v1") => Answer::Json(
            200,
            json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [
                resource("configmaps", "ConfigMap", true),
                resource("secrets", "Secret", true),
                resource("namespaces", "Namespace", false),
            ]}),
        ),
        (_, "/apis/apps/v1") => Answer::Json(
            200,
            json!({"kind": "APIResourceList", "groupVersion": "apps/v1", "resources": [resource("deployments", "Deployment", true)]}),
        ),
        ("PATCH" | "POST", path) if path.ends_with("broken") => {
            status(422, "ConfigMap \"broken\" is invalid: metadata: too bad")
        }
        ("PATCH" | "GET", path) => {
            let name = path.rsplit('/').next().unwrap_or_default();
            Answer::Json(
                200,
                json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": name, "generation": 3, "resourceVersion": "8"}, "spec": {}}),
            )
        }
        ("POST", _) => {
            Answer::Json(201, json!({"kind": "Pod", "apiVersion": "v1", "metadata": {}}))
        }
        ("DELETE", path) if path.ends_with("slow") => Answer::Json(
            200,
            json!({"kind": "ConfigMap", "metadata": {"deletionTimestamp": "now", "finalizers": ["example.com/wait"]}}),
        ),
        ("DELETE", _) => Answer::Json(200, json!({"kind": "Status", "status": "Success"})),
        _ => status(404, "the server could not find the requested resource"),
    }
}

fn config_map(name: &str) -> String {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop"}, "data": {"k": "v"}})
        .to_string()
}

const WEB: &str = "/api/v1/namespaces/shop/configmaps/web";

#[tokio::test]
async fn each_change_is_one_request_of_its_kind() {
    let scene = scene("", ApiServer::start(cluster).await).await;
    let target =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "namespace": "shop", "name": "web"});
    let with = |more: Value| {
        let mut arguments = target.clone();
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        arguments
    };
    let manager = "fieldManager=obolus-mcp";
    for (tool, arguments, method, query, kind) in [
        (
            "resources_create_or_update",
            json!({"resource": config_map("web")}),
            "PATCH",
            format!("{manager}&fieldValidation=Strict"),
            "application/apply-patch+yaml",
        ),
        (
            "resources_create_or_update",
            json!({"resource": config_map("web"), "dryRun": true, "force": true}),
            "PATCH",
            format!("dryRun=All&force=true&{manager}&fieldValidation=Strict"),
            "application/apply-patch+yaml",
        ),
        (
            "resources_patch",
            with(json!({"patch": "{}"})),
            "PATCH",
            format!("{manager}&fieldValidation=Strict"),
            "application/strategic-merge-patch+json",
        ),
        (
            "resources_patch",
            with(json!({"patch": "{}", "patchType": "merge", "dryRun": true})),
            "PATCH",
            format!("dryRun=All&{manager}&fieldValidation=Strict"),
            "application/merge-patch+json",
        ),
        (
            "resources_patch",
            with(json!({"patch": "[]", "patchType": "json"})),
            "PATCH",
            format!("{manager}&fieldValidation=Strict"),
            "application/json-patch+json",
        ),
        (
            "resources_diff",
            json!({"resource": config_map("web")}),
            "PATCH",
            format!("dryRun=All&{manager}&fieldValidation=Strict"),
            "application/apply-patch+yaml",
        ),
        ("resources_delete", target.clone(), "DELETE", String::new(), "application/json"),
    ] {
        let result = scene.mcp.call("alice", tool, arguments.clone()).await;
        assert_eq!(result["isError"], false, "{tool} {arguments}: {result}");
        let last = scene.api.arrived().last().cloned().unwrap();
        let (path, asked) = last.target.split_once('?').unwrap_or((&last.target, ""));
        assert_eq!((last.method.as_str(), path, asked), (method, WEB, query.as_str()), "{tool}");
        assert_eq!(last.headers["content-type"], kind, "{tool} {arguments}");
        assert_eq!(last.authorization, ["Bearer alice"]);
    }
    let all = scene.api.arrived();
    let discoveries = all.iter().filter(|request| request.path() == "/api/v1").count();
    assert_eq!(
        (discoveries, all.len()),
        (1, 9),
        "one more request for the diff, and discovery once"
    );
}

#[tokio::test]
async fn what_is_deleted_and_how_is_in_the_body() {
    let scene = scene("", ApiServer::start(cluster).await).await;
    let arguments = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "namespace": "shop", "name": "slow",
        "gracePeriodSeconds": 0, "propagationPolicy": "Foreground", "dryRun": false,
    });
    let result = scene.mcp.call("alice", "resources_delete", arguments).await;
    assert_eq!(result["structuredContent"]["gone"], false);
    assert!(text(&result).contains("waits for example.com/wait"), "{result}");
    let last = scene.api.arrived().last().cloned().unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(&last.body).unwrap(),
        json!({"gracePeriodSeconds": 0, "propagationPolicy": "Foreground"})
    );
    let arguments = json!({"name": "web", "namespace": "shop", "gracePeriodSeconds": 7});
    scene.mcp.call("alice", "pods_delete", arguments).await;
    let last = scene.api.arrived().last().cloned().unwrap();
    assert_eq!(last.path(), "/api/v1/namespaces/shop/pods/web");
    assert_eq!(
        serde_json::from_slice::<Value>(&last.body).unwrap(),
        json!({"gracePeriodSeconds": 7})
    );
}

#[tokio::test]
async fn a_manifest_is_not_begun_with_if_any_of_it_is_denied_unknown_elsewhere_or_wrong() {
    let denied = "[[denied_resources]]\ngroup = \"\"\nkind = \"Secret\"\n";
    let scene = scene(denied, ApiServer::start(cluster).await).await;
    let first = config_map("web");
    let changes = || {
        let arrived = scene.api.arrived();
        arrived.into_iter().filter(|request| request.method != "GET").count()
    };
    for (second, namespace, word) in [
        (
            "apiVersion: v1\nkind: Secret\nmetadata: {name: a, namespace: shop}".to_owned(),
            None,
            "denied_resources",
        ),
        ("apiVersion: v1\nkind: Nonsense\nmetadata: {name: a}".to_owned(), None, "Nonsense"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {}".to_owned(), None, "document 2"),
        (config_map("api"), Some("warehouse"), "the namespace shop, and the call of warehouse"),
    ] {
        let mut arguments = json!({"resource": format!("{first}\n---\n{second}")});
        if let Some(namespace) = namespace {
            arguments["namespace"] = json!(namespace);
        }
        for tool in ["resources_create_or_update", "resources_diff"] {
            let told = scene.mcp.failure("alice", tool, arguments.clone()).await;
            assert!(told.contains(word), "{tool} {second}: {told}");
        }
        assert_eq!(changes(), 0, "{second}");
    }
    let both =
        json!({"resource": format!("{first}\n---\n{}", config_map("api")), "namespace": "shop"});
    let result = scene.mcp.call("alice", "resources_create_or_update", both).await;
    assert_eq!(result["isError"], false, "the control: {result}");
    assert_eq!(changes(), 2);
}

#[tokio::test]
async fn the_first_failure_ends_a_manifest_and_says_what_is_done() {
    let scene = scene("", ApiServer::start(cluster).await).await;
    let documents = ["one", "broken", "three"].map(config_map).join("\n---\n");
    let told = scene
        .mcp
        .failure("alice", "resources_create_or_update", json!({"resource": documents}))
        .await;
    for part in [
        "ConfigMap broken in namespace shop: could not patch configmaps",
        "Done before it: ConfigMap one in namespace shop (applied)",
        "Not done after it: ConfigMap three in namespace shop",
    ] {
        assert!(told.contains(part), "no {part:?} in {told}");
    }
    let names: Vec<_> = scene
        .api
        .arrived()
        .iter()
        .filter(|request| request.method == "PATCH")
        .map(|request| request.path().rsplit('/').next().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["one", "broken"]);
}

#[tokio::test]
async fn a_pod_is_made_and_never_changed_and_half_of_it_is_told() {
    let scene = scene(
        "",
        ApiServer::start(|request: &Arrived| match request.path() {
            path if path.ends_with("/services") => status(
                403,
                "services is forbidden: User \"alice\" cannot create resource \"services\"",
            ),
            _ => cluster(request),
        })
        .await,
    )
    .await;
    let alone = json!({"image": "nginx:1", "name": "web", "namespace": "shop"});
    let result = scene.mcp.call("alice", "pods_run", alone.clone()).await;
    assert_eq!(result["isError"], false, "{result}");
    let made = scene.api.arrived().last().cloned().unwrap();
    assert_eq!((made.method.as_str(), made.path()), ("POST", "/api/v1/namespaces/shop/pods"));
    let pod: Value = serde_json::from_slice(&made.body).unwrap();
    assert_eq!(pod["spec"]["containers"], json!([{"name": "web", "image": "nginx:1"}]));

    let mut with_port = alone;
    with_port["port"] = json!(8080.0);
    let told = scene.mcp.failure("alice", "pods_run", with_port).await;
    assert!(
        told.contains("you may not create services")
            && told.contains("Done before it: Pod web in namespace shop (created)"),
        "{told}"
    );
    // What comes after it asks what to advise.
    let arrived = scene.api.arrived();
    let service = arrived.iter().rfind(|request| request.method == "POST").unwrap();
    let service: Value = serde_json::from_slice(&service.body).unwrap();
    assert_eq!(service["spec"]["ports"], json!([{"port": 8080, "targetPort": 8080}]));
    assert_eq!(service["spec"]["selector"], pod["metadata"]["labels"]);
}

fn pod(phase: &str, version: &str) -> Value {
    json!({
        "kind": "Pod", "apiVersion": "v1",
        "metadata": {"name": "web", "namespace": "shop", "resourceVersion": version},
        "status": {"phase": phase},
    })
}

fn pods(request: &Arrived, items: Value, events: &str) -> Answer {
    match request.path() {
        "/api/v1" => Answer::Json(
            200,
            json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [{"name": "pods", "singularName": "", "kind": "Pod", "namespaced": true, "verbs": []}]}),
        ),
        _ if request.target.contains("watch=true") => Answer::Text(200, events.to_owned()),
        _ => Answer::Json(
            200,
            json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "7"}, "items": items}),
        ),
    }
}

fn waiting() -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "namespace": "shop", "name": "web", "for": "jsonpath={.status.phase}=Running", "timeoutSeconds": 60})
}

#[tokio::test]
async fn waiting_looks_once_and_then_watches_from_there() {
    let events = [
        json!({"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": {"resourceVersion": "8"}}}),
        json!({"type": "MODIFIED", "object": pod("Pending", "9")}),
        json!({"type": "MODIFIED", "object": pod("Running", "10")}),
    ];
    let events: String = events.iter().map(|event| format!("{event}\n")).collect();
    let api = ApiServer::start(move |request| pods(request, json!([pod("Pending", "6")]), &events));
    let scene = scene("", api.await).await;
    let result = scene.mcp.call("alice", "resources_wait", waiting()).await;
    assert_eq!(result["isError"], false, "{result}");
    assert!(text(&result).contains(".status.phase is \"Running\""), "{result}");
    let asked: Vec<_> = scene.api.arrived().into_iter().skip(1).map(|one| one.target).collect();
    assert_eq!(
        asked,
        [
            "/api/v1/namespaces/shop/pods?fieldSelector=metadata.name%3Dweb",
            "/api/v1/namespaces/shop/pods?watch=true&timeoutSeconds=290&fieldSelector=metadata.name%3Dweb&allowWatchBookmarks=true&resourceVersion=7",
        ]
    );
}

#[tokio::test]
async fn a_watch_that_has_lost_its_place_looks_again_and_one_that_ends_goes_on() {
    let round = Arc::new(AtomicUsize::new(0));
    let rounds = Arc::clone(&round);
    let api = ApiServer::start(move |request| {
        if !request.target.contains("watch=true") {
            return pods(request, json!([]), "");
        }
        match rounds.fetch_add(1, Ordering::SeqCst) {
            // It ends after a change.
            0 => pods(
                request,
                json!([]),
                &format!("{}\n", json!({"type": "ADDED", "object": pod("Pending", "9")})),
            ),
            1 => pods(
                request,
                json!([]),
                &format!(
                    "{}\n",
                    json!({"type": "ERROR", "object": {"kind": "Status", "code": 410}})
                ),
            ),
            2 => status(410, "too old resource version"),
            _ => pods(
                request,
                json!([]),
                &format!("{}\n", json!({"type": "MODIFIED", "object": pod("Running", "12")})),
            ),
        }
    });
    let scene = scene("", api.await).await;
    let result = scene.mcp.call("alice", "resources_wait", waiting()).await;
    assert_eq!(result["isError"], false, "{result}");
    let targets: Vec<_> = scene.api.arrived().into_iter().skip(1).map(|one| one.target).collect();
    let shape: String = targets
        .iter()
        .map(|target| {
            if !target.contains("watch=true") {
                'l'
            } else if target.ends_with("resourceVersion=9") {
                'c'
            } else {
                'w'
            }
        })
        .collect();
    assert_eq!(
        shape, "lwclwlw",
        "look, watch, continue after its end, look after 410, …: {targets:?}"
    );
}

#[tokio::test]
async fn somebody_who_stops_waiting_takes_the_watch_along() {
    let api = ApiServer::start(|request| {
        if request.target.contains("watch=true") {
            return Answer::Hang;
        }
        pods(request, json!([]), "")
    });
    let scene = scene("", api.await).await;
    let call = scene.mcp.rpc(
        Era::V2025_11_25,
        "tools/call",
        json!({"name": "resources_wait", "arguments": waiting()}),
    );
    let call = tokio::spawn(call.bearer_auth("alice").send());
    eventually("the watch arrives", || {
        scene.api.arrived().iter().any(|one| one.target.contains("watch=true"))
    })
    .await;
    assert_eq!(scene.api.abandoned(), 0);
    call.abort();
    eventually("the watch is taken back", || scene.api.abandoned() == 1).await;
}
