//! What goes wrong behind us, and input that tries to make it go wrong.

use std::time::Duration;

use crate::support::api_server::{Arrived, status};
use crate::support::{Answer, ApiServer, Era, Mcp, eventually, scene, write_config};
use obolus_mcp::{Config, Running};
use serde_json::{Value, json};

/// A cluster with Deployments and pods, as far as paths go.
fn cluster(request: &Arrived) -> Answer {
    match (request.method.as_str(), request.path()) {
        (_, "/apis/apps/v1") => Answer::Json(
            200,
            json!({"kind": "APIResourceList", "groupVersion": "apps/v1", "resources": [
                {"name": "deployments", "singularName": "", "kind": "Deployment", "namespaced": true, "verbs": []},
                {"name": "deployments/scale", "singularName": "", "kind": "Scale", "namespaced": true, "verbs": []},
                {"name": "controllerrevisions", "singularName": "", "kind": "ControllerRevision", "namespaced": true, "verbs": []},
            ]}),
        ),
        (method, "/apis/apps/v1/namespaces/shop/deployments/web/scale") => {
            let patched = serde_json::from_slice::<Value>(&request.body).unwrap_or_default();
            let replicas =
                if method == "PATCH" { patched["spec"]["replicas"].clone() } else { json!(2) };
            let scale = json!({
                "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": {"name": "web"},
                "spec": {"replicas": replicas}, "status": {"replicas": 2},
            });
            Answer::Json(200, scale)
        }
        (_, path) if path.ends_with("/log") => Answer::Text(200, "one\ntwo\n".to_owned()),
        ("GET", path) if path.ends_with("/web") => Answer::Json(
            200,
            json!({"kind": "Pod", "metadata": {"name": "web", "managedFields": [{}]}, "path": path}),
        ),
        ("DELETE", _) => Answer::Json(200, json!({"kind": "Pod"})),
        ("GET", path) if path.starts_with("/api/v1/") || path.starts_with("/apis/apps/v1/") => {
            Answer::Json(
                200,
                json!({"kind": "Table", "columnDefinitions": [{"name": "Name"}], "rows": []}),
            )
        }
        _ => status(404, "the server could not find the requested resource"),
    }
}

#[tokio::test]
async fn each_tool_asks_for_what_it_says() {
    let scene = scene("", ApiServer::start(cluster).await).await;
    for (tool, arguments, asked) in [
        (
            "namespaces_list",
            json!({"fieldSelector": "status.phase=Active"}),
            "GET /api/v1/namespaces?fieldSelector=status.phase%3DActive&limit=250",
        ),
        (
            "pods_list",
            json!({"labelSelector": "app in (a, b)"}),
            "GET /api/v1/pods?labelSelector=app+in+%28a%2C+b%29&limit=250",
        ),
        (
            "pods_list",
            json!({"labelSelector": "", "fieldSelector": null}),
            "GET /api/v1/pods?limit=250",
        ),
        (
            "pods_list_in_namespace",
            json!({"namespace": "shop"}),
            "GET /api/v1/namespaces/shop/pods?limit=250",
        ),
        (
            "pods_get",
            json!({"name": "web", "namespace": "shop"}),
            "GET /api/v1/namespaces/shop/pods/web",
        ),
        ("pods_get", json!({"name": "web"}), "GET /api/v1/namespaces/default/pods/web"),
        (
            "pods_log",
            json!({"name": "web", "namespace": "shop"}),
            "GET /api/v1/namespaces/shop/pods/web/log?limitBytes=268435456&tailLines=100",
        ),
        (
            "pods_log",
            json!({"name": "web", "container": "c", "previous": true, "tail": 5}),
            "GET /api/v1/namespaces/default/pods/web/log?container=c&limitBytes=268435456&previous=true&tailLines=5",
        ),
        (
            "pods_delete",
            json!({"name": "web", "namespace": "shop"}),
            "DELETE /api/v1/namespaces/shop/pods/web?",
        ),
        (
            "resources_list",
            json!({"apiVersion": "apps/v1", "kind": "Deployment"}),
            "GET /apis/apps/v1/deployments?limit=250",
        ),
        (
            "resources_list",
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop"}),
            "GET /apis/apps/v1/namespaces/shop/deployments?limit=250",
        ),
        (
            "resources_get",
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web"}),
            "GET /apis/apps/v1/namespaces/shop/deployments/web",
        ),
        (
            "resources_scale",
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web"}),
            "GET /apis/apps/v1/namespaces/shop/deployments/web/scale",
        ),
        (
            "resources_scale",
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web", "scale": 5}),
            "PATCH /apis/apps/v1/namespaces/shop/deployments/web/scale?",
        ),
    ] {
        let result = scene.mcp.call("alice", tool, arguments.clone()).await;
        assert_eq!(result["isError"], false, "{tool} {arguments}: {result}");
        let arrived = scene.api.arrived();
        // Where nothing was found, it is asked whether there is such a namespace at all.
        let is_advice = |request: &&Arrived| request.target == "/api/v1/namespaces?limit=500";
        let last = arrived.iter().rfind(|request| !is_advice(request)).unwrap();
        let shown = format!("{} {}", last.method, last.target);
        assert_eq!(shown.trim_end_matches('?'), asked.trim_end_matches('?'), "{tool}");
        assert!(
            arrived.iter().all(|request| request.authorization == ["Bearer alice"]),
            "discovery too is the caller's"
        );
    }
}

#[tokio::test]
async fn scale_reads_without_a_number_and_sets_nothing_but_the_number() {
    let scene = scene("", ApiServer::start(cluster).await).await;
    let target =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web"});
    let read = scene.mcp.call("alice", "resources_scale", target.clone()).await;
    assert_eq!(read["structuredContent"]["desired"], 2);
    assert_eq!(read["structuredContent"]["changed"], false);
    let mut change = target.clone();
    change["scale"] = json!(0);
    let set = scene.mcp.call("alice", "resources_scale", change).await;
    assert_eq!(set["structuredContent"]["desired"], 0);
    assert_eq!(set["structuredContent"]["changed"], true);
    let last = scene.api.arrived().last().cloned().unwrap();
    assert_eq!(last.headers["content-type"], "application/merge-patch+json");
    assert_eq!(
        serde_json::from_slice::<Value>(&last.body).unwrap(),
        json!({"spec": {"replicas": 0}})
    );

    let before = scene.api.arrived().len();
    for wrong in [json!(-1), json!(3_000_000_000_u64), json!(1.5), json!("3")] {
        let mut change = target.clone();
        change["scale"] = wrong.clone();
        let text = scene.mcp.failure("alice", "resources_scale", change).await;
        assert!(text.starts_with("invalid arguments"), "{wrong}: {text}");
    }
    assert_eq!(scene.api.arrived().len(), before);
    let mut unscalable = target;
    unscalable["kind"] = json!("ControllerRevision");
    assert!(
        scene.mcp.failure("alice", "resources_scale", unscalable).await.contains("has no scale")
    );
}

#[tokio::test]
async fn no_argument_can_change_the_path() {
    let scene = scene("", ApiServer::start(cluster).await).await;
    let escapes = [
        "../../api/v1/secrets",
        "..",
        ".",
        "shop/../kube-system",
        "shop%2f..%2fkube-system",
        "shop?x=",
        "shop#",
        "shop\\x",
        "%2e%2e",
        "shop/pods",
        " shop",
        "shop\n",
        "shop\u{0}",
    ];
    for escape in escapes {
        for (tool, arguments) in [
            ("pods_list_in_namespace", json!({"namespace": escape})),
            ("pods_get", json!({"name": "web", "namespace": escape})),
            ("pods_get", json!({"name": escape})),
            ("pods_delete", json!({"name": escape, "namespace": "shop"})),
            ("pods_log", json!({"name": escape})),
            ("pods_log", json!({"name": "web", "container": escape})),
            (
                "resources_get",
                json!({"apiVersion": format!("apps/{escape}"), "kind": "Deployment", "name": "web"}),
            ),
            ("resources_get", json!({"apiVersion": "apps/v1", "kind": escape, "name": "web"})),
            (
                "resources_get",
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": escape}),
            ),
            (
                "resources_list",
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "namespace": escape}),
            ),
            (
                "resources_scale",
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": escape, "scale": 1}),
            ),
        ] {
            // The older revision, in which a header need not repeat the namespace.
            let call = scene.mcp.rpc(
                Era::V2025_11_25,
                "tools/call",
                json!({"name": tool, "arguments": arguments}),
            );
            let answer: Value =
                call.bearer_auth("alice").send().await.unwrap().json().await.unwrap();
            if escape.contains('\0') {
                // No tool is asked: readers differ about where such a text ends.
                assert_eq!(answer["error"]["code"], -32700, "{tool} {arguments}: {answer}");
                continue;
            }
            assert_eq!(answer["result"]["isError"], true, "{tool} {arguments}: {answer}");
            assert!(
                crate::support::client::text(&answer["result"]).starts_with("invalid arguments: "),
                "{answer}"
            );
        }
    }
    for arguments in [
        json!({"labelSelector": "a&limit=9"}),
        json!({"fieldSelector": "a=b&x=y"}),
        json!({"label_selector": "a"}),
    ] {
        let text = scene.mcp.failure("alice", "pods_list", arguments).await;
        assert!(text.starts_with("invalid arguments"), "{text}");
    }
    assert!(scene.api.arrived().is_empty(), "{:?}", scene.api.arrived());

    scene.mcp.call("alice", "pods_get", json!({"name": "web", "namespace": "shop"})).await;
    assert_eq!(scene.api.arrived().len(), 1, "the control: a plain name arrives");
}

#[tokio::test]
async fn a_refusal_names_verb_resource_namespace_and_the_user_as_the_api_server_states() {
    let forbidden = r#"pods is forbidden: User "kc:bob" cannot list resource "pods" in API group "" in the namespace "kube-system""#;
    let api = ApiServer::start(move |_| status(403, forbidden)).await;
    let scene = scene("", api).await;
    let text = scene
        .mcp
        .failure("bob-token", "pods_list_in_namespace", json!({"namespace": "kube-system"}))
        .await;
    assert!(text.contains(r#"you may not list pods in namespace "kube-system""#), "{text}");
    assert!(text.contains(forbidden) && text.contains(&scene.api.url), "{text}");
}

#[tokio::test]
async fn a_token_that_the_api_server_refuses_is_told_with_the_servers_name_and_never_shown() {
    let api = ApiServer::start(|request| {
        status(401, &format!("Unauthorized: {}", request.authorization.join(",")))
    });
    let scene = scene("", api.await).await;
    let text = scene.mcp.failure("s3cret-token", "whoami", json!({})).await;
    assert!(
        text.contains("exchanged token was not accepted") && text.contains(&scene.api.url),
        "{text}"
    );
    assert!(!text.contains("s3cret"), "{text}");
}

#[tokio::test]
async fn unknown_kinds_and_missing_objects_say_what_is_missing() {
    let scene = scene("", ApiServer::start(cluster).await).await;
    for (api_version, kind) in [("apps/v1", "Nonsense"), ("none.example.com/v1", "Deployment")] {
        let arguments = json!({"apiVersion": api_version, "kind": kind, "name": "x"});
        let text = scene.mcp.failure("alice", "resources_get", arguments).await;
        assert!(text.contains(&format!("no kind {kind} in apiVersion {api_version}")), "{text}");
    }
    drop(scene);
    let scene =
        crate::support::scene("", ApiServer::start(|_| status(404, r#"pods "x" not found"#)).await)
            .await;
    let text = scene.mcp.failure("alice", "pods_get", json!({"name": "x"})).await;
    assert!(
        text.contains(r#"could not get pods "x" in namespace "default""#)
            && text.contains("not found"),
        "{text}"
    );
}

#[tokio::test]
async fn an_api_server_that_does_not_answer_is_a_tool_error_in_time() {
    let api = ApiServer::start(|_| Answer::Hang).await;
    let folder = tempfile::tempdir().unwrap();
    let config = Config::load(&write_config(&folder, "", &api, 1)).unwrap();
    let running = Running::start(&config).unwrap();
    let mcp = Mcp::new(format!("http://{}/mcp", running.mcp));
    let text = mcp.failure("alice", "pods_list", json!({})).await;
    assert!(text.contains("did not answer within 1 s") && text.contains(&api.url), "{text}");
    eventually("the request is taken back", || api.abandoned() == 1).await;
}

#[tokio::test]
async fn an_api_server_that_is_not_there_or_not_itself_is_a_tool_error() {
    let api = ApiServer::echoing_users().await;
    let other = ApiServer::echoing_users().await;
    let folder = tempfile::tempdir().unwrap();
    let path = write_config(&folder, "", &api, 5);
    // Its certificate is signed by somebody else.
    std::fs::write(folder.path().join("ca.pem"), &other.ca_pem).unwrap();
    let running = Running::start(&Config::load(&path).unwrap()).unwrap();
    let mcp = Mcp::new(format!("http://{}/mcp", running.mcp));
    let text = mcp.failure("alice", "whoami", json!({})).await;
    assert!(text.contains("cannot be reached") && text.contains("certificate"), "{text}");
    assert!(
        api.arrived().is_empty(),
        "the token is not shown to somebody who is not the API server"
    );

    // Nobody listens any more.
    let path = write_config(&folder, "", &other, 5);
    let gone = other.url.clone();
    drop(other);
    let running = Running::start(&Config::load(&path).unwrap()).unwrap();
    let mcp = Mcp::new(format!("http://{}/mcp", running.mcp));
    let text = mcp.failure("alice", "whoami", json!({})).await;
    assert!(text.contains("cannot be reached") && text.contains(&gone), "{text}");
}

#[tokio::test]
async fn answers_that_make_no_sense_or_never_end_are_tool_errors() {
    let scene = scene(
        "",
        ApiServer::start(|request| match request.path() {
            "/api/v1/namespaces" => Answer::Text(200, "<html>login</html>".to_owned()),
            "/api/v1/pods" => Answer::Text(200, "x".repeat(17 * 1024 * 1024)),
            path if path.ends_with("/log") => Answer::Text(200, "é\n".repeat(200_000) + "end"),
            _ => Answer::Text(302, String::new()),
        })
        .await,
    )
    .await;
    let text = scene.mcp.failure("alice", "namespaces_list", json!({})).await;
    assert!(text.contains("cannot be understood") && !text.contains("login"), "{text}");
    let text = scene.mcp.failure("alice", "pods_list", json!({})).await;
    assert!(text.contains("larger than"), "{text}");
    let text = scene.mcp.failure("alice", "whoami", json!({})).await;
    assert!(text.contains("302"), "{text}");
    let log = scene.mcp.call("alice", "pods_log", json!({"name": "web"})).await;
    assert_eq!(log["structuredContent"]["truncated"], true);
    assert!(log["structuredContent"]["log"].as_str().unwrap().ends_with("end\n"));
    assert!(log.to_string().len() < 400 * 1024, "{}", log.to_string().len());
}

#[tokio::test]
async fn a_caller_who_leaves_takes_the_request_along() {
    let scene = scene("", ApiServer::start(|_| Answer::Hang).await).await;
    for era in Era::ALL {
        let before = scene.api.abandoned();
        let call = scene.mcp.rpc(era, "tools/call", json!({"name": "pods_list", "arguments": {}}));
        let call = tokio::spawn(call.bearer_auth("alice").send());
        eventually("the request arrives", || scene.api.arrived().len() == before + 1).await;
        call.abort();
        eventually("the request is taken back", || scene.api.abandoned() == before + 1).await;
    }
    let metrics = format!("http://{}/metrics", scene.running.operations);
    let counted = async || {
        let text = reqwest::get(&metrics).await.unwrap().text().await.unwrap();
        text.contains("{tool=\"pods_list\",outcome=\"cancelled\"} 3")
    };
    tokio::time::timeout(Duration::from_secs(10), async { while !counted().await {} })
        .await
        .unwrap();
}
