//! Reading: what is asked of the API server, and what comes of it.

use crate::support::api_server::status;
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

fn forbidden(what: &str) -> Answer {
    status(
        403,
        &format!(
            "{what} is forbidden: User \"bob\" cannot list resource \"{what}\" in API group \"\""
        ),
    )
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
async fn lists_page_and_are_whole_objects_where_somebody_asks() {
    let scene = scene("", ApiServer::start(|request| {
        if request.headers["accept"].to_str().unwrap().contains("as=Table") {
            return Answer::Json(200, json!({"kind": "Table", "metadata": {"continue": "next one"},
                "columnDefinitions": [{"name": "Name"}],
                "rows": [{"cells": ["web"], "object": {"metadata": {"name": "web", "namespace": "shop"}}}]}));
        }
        Answer::Json(200, json!({"kind": "PodList", "metadata": {"continue": "next"}, "items": [pod("web")]}))
    }).await).await;
    let call = |arguments: Value| scene.mcp.call("alice", "pods_list", arguments);
    let table = call(json!({"limit": 1, "continue": "a+b=="})).await;
    assert_eq!(scene.api.arrived()[0].target, "/api/v1/pods?limit=1&continue=a%2Bb%3D%3D");
    assert_eq!(table["structuredContent"]["continue"], "next one");
    assert!(text(&table).contains("go on with continue=\"next one\""), "{table}");
    for output in ["yaml", "json"] {
        let whole = call(json!({"output": output})).await;
        let item = &whole["structuredContent"]["items"][0];
        assert_eq!(item["name"], "web", "{whole}");
        assert_eq!(item["object"]["status"]["phase"], "Running", "{whole}");
        assert!(!whole.to_string().contains("managedFields"), "{whole}");
        assert!(!whole.to_string().contains("last-applied"), "{whole}");
    }
    for (arguments, told) in [
        (json!({"limit": 0}), "limit must be 1 to 1000"),
        (json!({"limit": "many"}), "limit: must be a whole number, and not string \"many\""),
        (json!({"output": "xml"}), "output must be table, yaml or json"),
        (json!({"continue": "a\nb"}), "continue must be what an earlier answer gave"),
        (json!({"labelSelector": "a=b&limit=9"}), "labelSelector must be like app=web"),
        (json!({"colour": "red"}), "colour: is no parameter; there are labelSelector"),
    ] {
        let failure = scene.mcp.failure("alice", "pods_list", arguments).await;
        assert!(failure.contains(told), "{failure}");
    }
    assert_eq!(scene.api.arrived().len(), 3, "what is refused is not asked");
}

#[tokio::test]
async fn the_operators_form_is_the_one_of_whoever_names_none() {
    let api = ApiServer::start(|_| Answer::Json(200, json!({"items": [pod("web")]}))).await;
    let scene = scene("list_output = \"json\"", api).await;
    let list = scene.mcp.call("alice", "pods_list", json!({})).await;
    let read: Value = serde_json::from_str(&text(&list)).unwrap();
    assert_eq!(read["items"][0]["metadata"]["name"], "web");
}

#[tokio::test]
async fn an_object_is_had_whole_without_noise_with_everything_or_as_its_row() {
    let scene = scene("", ApiServer::start(|request| {
        if request.headers["accept"].to_str().unwrap().contains("as=Table") {
            return Answer::Json(200, json!({"kind": "Table", "columnDefinitions": [{"name": "Name"}, {"name": "Ready"}],
                "rows": [{"cells": ["web", "1/1"], "object": {"metadata": {"name": "web", "namespace": "shop"}}}]}));
        }
        Answer::Json(200, pod("web"))
    }).await).await;
    let call = |more: Value| {
        let mut arguments = json!({"name": "web", "namespace": "shop"});
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        scene.mcp.call("alice", "pods_get", arguments)
    };
    let yaml = call(json!({})).await;
    assert!(
        text(&yaml).starts_with("apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n"),
        "{yaml}"
    );
    assert!(text(&yaml).ends_with("status:\n  phase: Running\n"), "{yaml}");
    assert!(!yaml.to_string().contains("managedFields"));
    let everything = call(json!({"everything": true, "output": "json"})).await;
    let read: Value = serde_json::from_str(&text(&everything)).unwrap();
    assert_eq!(read["metadata"]["managedFields"], json!([{"manager": "kubelet"}]));
    let row = call(json!({"output": "table"})).await;
    assert_eq!(row["structuredContent"], json!({"columns": {"Name": "web", "Ready": "1/1"}}));
    assert_eq!(text(&row), "NAMESPACE   NAME   READY\nshop        web    1/1\n");
}

fn event(name: &str, time: &str, kind: &str, message: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "shop"}, "type": "Warning", "reason": "Failed", "lastTimestamp": time,
        "involvedObject": {"kind": kind, "name": "web", "namespace": "shop"}, "message": message, "count": 2})
}

#[tokio::test]
async fn events_come_newest_first_and_each_once() {
    let scene = scene(
        "",
        ApiServer::start(|request| {
            let page = |next: &str, items: Value| {
                Answer::Json(
                    200,
                    json!({"kind": "EventList", "metadata": {"continue": next}, "items": items}),
                )
            };
            if request.target.contains("continue=two") {
                return page(
                    "",
                    json!([
                        event("c", "2026-11-22T10:00:00Z", "Pod", "newest"),
                        event("d", "2026-11-22T07:00:00Z", "Secret", "is hunter2")
                    ]),
                );
            }
            page(
                "two",
                json!([
                    event("a", "2026-11-22T08:00:00Z", "Pod", "old"),
                    event("b", "2026-11-22T09:00:00Z", "Pod", "newer")
                ]),
            )
        })
        .await,
    )
    .await;
    let list = scene
        .mcp
        .call(
            "alice",
            "events_list",
            json!({"namespace": "shop", "kind": "Pod", "name": "web", "warnings": true}),
        )
        .await;
    assert_eq!(
        scene.api.arrived()[0].target,
        "/api/v1/namespaces/shop/events?fieldSelector=involvedObject.kind%3DPod%2CinvolvedObject.name%3Dweb%2Ctype%3DWarning&limit=500"
    );
    let messages: Vec<_> = list["structuredContent"]["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["message"].as_str().unwrap())
        .collect();
    assert_eq!(messages, ["newest", "newer", "old", "[redacted: 10 bytes]"]);
    assert!(text(&list).starts_with("LAST SEEN"), "{list}");
    let short = scene.mcp.call("alice", "events_list", json!({"limit": 1})).await;
    assert_eq!(short["structuredContent"]["remaining"], 3, "{short}");
    assert!(text(&short).contains("[the newest 1, at least 3 more"), "{short}");
}

#[tokio::test]
async fn a_description_shows_what_may_be_read_and_says_what_may_not() {
    let scene = scene("", ApiServer::start(|request| match request.path() {
        "/api/v1" | "/apis/apps/v1" => {
            let (version, name, kind) = if request.path() == "/api/v1" { ("v1", "pods", "Pod") } else { ("apps/v1", "replicasets", "ReplicaSet") };
            Answer::Json(200, json!({"kind": "APIResourceList", "groupVersion": version, "resources": [
                {"name": name, "singularName": "", "kind": kind, "namespaced": true, "verbs": []}]}))
        }
        "/api/v1/namespaces/shop/pods/web" => Answer::Json(200, pod("web")),
        "/apis/apps/v1/namespaces/shop/replicasets/web-5d" => Answer::Json(200, json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {"name": "web-5d", "uid": "u2"}, "spec": {"replicas": 2}, "status": {"readyReplicas": 1}})),
        path => forbidden(path.rsplit('/').next().unwrap()),
    }).await).await;
    let told = scene
        .mcp
        .call(
            "alice",
            "resources_describe",
            json!({"apiVersion": "v1", "kind": "Pod", "name": "web", "namespace": "shop"}),
        )
        .await;
    let structured = &told["structuredContent"];
    assert_eq!(
        structured["owners"],
        json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-5d", "state": "1/2 ready"}])
    );
    assert_eq!(structured["object"]["status"]["phase"], "Running");
    assert_eq!(structured["notes"].as_array().unwrap().len(), 1, "{told}");
    assert!(
        text(&told).contains("[events could not be read: refused: you may not list events"),
        "{told}"
    );
    assert!(
        text(&told).contains("Belongs to:\n  ReplicaSet (apps/v1)   web-5d   1/2 ready\n"),
        "{told}"
    );
}

#[tokio::test]
async fn kinds_are_told_by_the_api_server_each_time_and_sent_once() {
    let scene = scene(
        "",
        ApiServer::start(|request| match request.path() {
            path @ ("/api" | "/apis") if request.authorization == ["Bearer mallory"] => {
                forbidden(path)
            }
            path @ ("/api" | "/apis") => Answer::Tagged("\"v7\"", discovery(path)),
            _ => status(404, "the server could not find the requested resource"),
        })
        .await,
    )
    .await;
    for token in ["alice", "bob"] {
        let list = scene.mcp.call(token, "api_resources", json!({"namespaced": true})).await;
        let kinds: Vec<_> = list["structuredContent"]["kinds"]
            .as_array()
            .unwrap()
            .iter()
            .map(|kind| kind["kind"].as_str().unwrap())
            .collect();
        assert_eq!(kinds, ["Pod", "Deployment"], "{list}");
    }
    let arrived = scene.api.arrived();
    assert_eq!(arrived.len(), 4, "each is asked for with each caller's own token");
    assert!(arrived[..2].iter().all(|request| !request.headers.contains_key("if-none-match")));
    assert!(arrived[2..].iter().all(|request| request.headers["if-none-match"] == "\"v7\""));
    let refused = scene.mcp.failure("mallory", "api_resources", json!({})).await;
    assert!(
        refused.contains("you may not discover"),
        "what is kept is for those who may ask: {refused}"
    );
}

#[tokio::test]
async fn fields_are_explained_from_a_document_that_is_sent_once() {
    let document = json!({"components": {"schemas": {"io.k8s.api.core.v1.Pod": {
        "type": "object", "description": "A pod.", "x-kubernetes-group-version-kind": [{"group": "", "version": "v1", "kind": "Pod"}],
        "properties": {"spec": {"type": "object", "description": "What is wanted."}},
    }}}});
    let scene = scene(
        "",
        ApiServer::start(move |request| match request.path() {
            path @ ("/api" | "/apis") => Answer::Json(200, discovery(path)),
            "/openapi/v3" if request.authorization == ["Bearer mallory"] => {
                forbidden("/openapi/v3")
            }
            "/openapi/v3" => Answer::Json(
                200,
                json!({"paths": {"api/v1": {"serverRelativeURL": "/openapi/v3/api/v1?hash=AB12"}}}),
            ),
            "/openapi/v3/api/v1" => Answer::Json(200, document.clone()),
            _ => status(404, "the server could not find the requested resource"),
        })
        .await,
    )
    .await;
    for token in ["alice", "bob"] {
        let told = scene.mcp.call(token, "explain", json!({"path": "pods"})).await;
        assert!(
            text(&told).starts_with(
                "Pod <Pod> (v1)\nA pod.\n\nFIELDS\nspec <Object>\n  What is wanted.\n"
            ),
            "{told}"
        );
    }
    let sent = scene
        .api
        .arrived()
        .iter()
        .filter(|request| request.target == "/openapi/v3/api/v1?hash=AB12")
        .count();
    assert_eq!(sent, 1);
    let refused = scene.mcp.failure("mallory", "explain", json!({"path": "pods"})).await;
    assert!(refused.contains("refused: you may not get"), "{refused}");
    for (path, told) in [
        ("pods.spek", "Pod has no such field; there are spec"),
        ("podz", "like it are Pod"),
        ("deployments", "does not describe its fields"),
        ("..%2f", "the cluster has no such kind"),
    ] {
        let failure = scene.mcp.failure("alice", "explain", json!({"path": path})).await;
        assert!(failure.contains(told), "{failure}");
    }
}

#[tokio::test]
async fn what_one_may_do_is_asked_and_listed_and_says_where_it_is_not_all() {
    let scene = scene("", ApiServer::start(|request| match request.path() {
        path @ ("/api" | "/apis") => Answer::Json(200, discovery(path)),
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews" => {
            let asked: Value = serde_json::from_slice(&request.body).unwrap();
            let attributes = &asked["spec"]["resourceAttributes"];
            let allowed = attributes["verb"] == "list" && attributes["group"] == "apps" && attributes["resource"] == "deployments";
            Answer::Json(201, json!({"metadata": {}, "spec": asked["spec"], "status": {"allowed": allowed, "reason": "by binding"}}))
        }
        "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews" => Answer::Json(201, json!({"metadata": {}, "spec": {}, "status": {
            "resourceRules": [{"verbs": ["get"], "apiGroups": ["", "apps"], "resources": ["pods"], "resourceNames": []}],
            "nonResourceRules": [], "incomplete": true, "evaluationError": "webhook cannot list"}})),
        _ => status(404, "the server could not find the requested resource"),
    }).await).await;
    for (arguments, allowed) in [
        (json!({"verb": "list", "resource": "deployments", "namespace": "shop"}), true),
        (json!({"verb": "list", "resource": "Deployment"}), true),
        (json!({"verb": "list", "resource": "deployments.apps"}), true),
        (json!({"verb": "delete", "resource": "deployments.apps"}), false),
        (json!({"verb": "list", "resource": "pods/log"}), false),
    ] {
        let told = scene.mcp.call("alice", "can_i", arguments).await;
        assert_eq!(told["structuredContent"]["allowed"], allowed, "{told}");
        assert!(
            text(&told).starts_with(if allowed {
                "yes: you may list deployments.apps"
            } else {
                "no: you may not"
            }),
            "{told}"
        );
    }
    let rules = scene.mcp.call("alice", "can_i", json!({"namespace": "shop"})).await;
    assert_eq!(rules["structuredContent"]["rules"][0]["resources"], json!(["pods", "pods.apps"]));
    assert!(
        text(&rules).contains("[incomplete, you may be allowed more: webhook cannot list"),
        "{rules}"
    );
    for arguments in [
        json!({"verb": "list"}),
        json!({"resource": "pods"}),
        json!({"verb": "l i", "resource": "pods"}),
        json!({"verb": "get", "resource": "a\nb"}),
    ] {
        let failure = scene.mcp.failure("alice", "can_i", arguments).await;
        assert!(failure.contains("verb") || failure.contains("resource"), "{failure}");
    }
}

#[tokio::test]
async fn projects_are_openshifts_and_the_configuration_is_without_credentials() {
    let scene = scene("", ApiServer::start(|request| match request.path() {
        "/apis/project.openshift.io/v1" if request.authorization == ["Bearer alice"] => Answer::Json(200, json!({
            "kind": "APIResourceList", "groupVersion": "project.openshift.io/v1", "resources": [
                {"name": "projects", "singularName": "", "kind": "Project", "namespaced": false, "verbs": []}]})),
        "/apis/authentication.k8s.io/v1/selfsubjectreviews" if request.authorization == ["Bearer alice"] => {
            Answer::Json(201, crate::support::api_server::review("alice"))
        }
        "/apis/authentication.k8s.io/v1/selfsubjectreviews" => status(401, "Unauthorized"),
        "/apis/project.openshift.io/v1/projects" => Answer::Json(200, json!({"kind": "Table", "columnDefinitions": [{"name": "Name"}],
            "rows": [{"cells": ["shop"], "object": {"metadata": {"name": "shop"}}}]})),
        _ => status(404, "the server could not find the requested resource"),
    }).await).await;
    let none = scene.mcp.failure("bob", "projects_list", json!({})).await;
    assert!(none.contains("Only OpenShift has projects: use namespaces_list here"), "{none}");
    let list = scene.mcp.call("alice", "projects_list", json!({})).await;
    assert_eq!(text(&list), "NAME\nshop\n");
    for arguments in [json!({}), json!({"minified": true}), json!({"minified": false})] {
        let view = scene.mcp.call("alice", "configuration_view", arguments).await;
        let kubeconfig = &view["structuredContent"];
        assert_eq!(
            kubeconfig["clusters"][0]["cluster"]["server"],
            scene.api.url.as_str(),
            "{view}"
        );
        assert_eq!(kubeconfig["users"], json!([{"name": "caller", "user": {}}]));
        assert_eq!(kubeconfig["current-context"], kubeconfig["contexts"][0]["name"]);
        assert!(
            text(&view).starts_with("apiVersion: v1\nclusters:\n")
                && !view.to_string().contains("alice"),
            "{view}"
        );
    }
    let stranger = scene.mcp.failure("mallory", "configuration_view", json!({})).await;
    assert!(stranger.contains("not accepted") && !stranger.contains("clusters"), "{stranger}");
}
