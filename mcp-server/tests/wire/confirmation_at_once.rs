//! A call that makes several requests asks about all of them before the first, so that nothing is half done.

use serde_json::{Value, json};

use crate::confirmation::{again, refused, send, state, token};
use crate::support::client::{result, text};
use crate::support::{Answer, ApiServer, Era, Scene, scene};

/// Takes whatever is sent; there is a Deployment `web`, and kinds are as in every cluster.
async fn taking(rules: &str) -> Scene {
    let kinds = |version: &str, plural: &str, kind: &str| {
        let resources = json!([{"name": plural, "singularName": "", "namespaced": true, "kind": kind, "verbs": []}]);
        json!({"kind": "APIResourceList", "groupVersion": version, "resources": resources})
    };
    let answer = move |request: &crate::support::api_server::Arrived| match (
        request.method.as_str(),
        request.path(),
    ) {
        ("GET", "/api/v1") => Answer::Json(200, kinds("v1", "configmaps", "ConfigMap")),
        ("GET", "/apis/apps/v1") => {
            Answer::Json(200, kinds("apps/v1", "deployments", "Deployment"))
        }
        ("GET", path) if path.ends_with("/deployments/web") => Answer::Json(
            200,
            json!({
                "kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "web", "namespace": "shop"}, "spec": {},
            }),
        ),
        _ => Answer::Json(201, json!({"metadata": {"name": "x", "namespace": "shop"}})),
    };
    let rules = format!("confirmation_fallback = \"deny\"\n{rules}");
    scene(&rules, ApiServer::start(answer).await).await
}

fn rule(scope: &str) -> String {
    format!("[[confirmation_rules]]\n{scope}\nmessage = \"Sure?\"\n")
}

/// What was sent that changes something, or reads an object: kinds are asked for before.
fn sent(scene: &Scene) -> Vec<String> {
    let arrived = scene.api.arrived();
    let of_objects = arrived.iter().filter(|request| request.path().contains("/namespaces/shop/"));
    of_objects.map(|request| format!("{} {}", request.method, request.path())).collect()
}

/// A no lets nothing be sent, a yes all of it, and the person is asked once. What the question says, and what was sent.
async fn asked_once(rules: &str, call: Value) -> (String, Vec<String>) {
    let scene = taking(rules).await;
    let alice = token("alice", 1);
    let question = send(&scene, &alice, call.clone()).await;
    let no = send(&scene, &alice, again(call.clone(), &state(&question), "decline")).await;
    assert!(refused(&no).contains("said no"), "{no}");
    let unable = scene.mcp.rpc(Era::ALL[0], "tools/call", call.clone());
    let unable = result(unable.bearer_auth(&alice).send().await.unwrap()).await;
    assert!(text(&unable).contains("nobody can be asked"), "{unable}");
    assert_eq!(
        sent(&scene),
        Vec::<String>::new(),
        "nothing is sent before the answer, or after a no"
    );

    let question = send(&scene, &alice, call.clone()).await;
    let message =
        question["inputRequests"]["confirmation"]["params"]["message"].as_str().unwrap().to_owned();
    let done = send(&scene, &alice, again(call, &state(&question), "accept")).await;
    assert_eq!(done["isError"], false, "asked once, and done: {done}");
    (message, sent(&scene))
}

#[tokio::test]
async fn a_pod_and_its_service_are_asked_about_at_once_though_their_name_is_made_up_each_time() {
    for name in [None, Some("web")] {
        let mut call = json!({"name": "pods_run", "arguments": {"image": "nginx", "namespace": "shop", "port": 80}});
        if let Some(name) = name {
            call["arguments"]["name"] = json!(name);
        }
        let (message, sent) = asked_once(&rule("verb = \"create\""), call).await;
        let named = name.map_or(String::new(), |name| format!(" \"{name}\""));
        for kind in ["pods", "services"] {
            let told = format!("create {kind}{named} in namespace \"shop\" on ");
            assert!(message.contains(&told), "{told}: {message}");
        }
        let made = ["pods", "services"].map(|kind| format!("POST /api/v1/namespaces/shop/{kind}"));
        assert_eq!(sent, made);
    }
}

#[tokio::test]
async fn all_documents_of_a_manifest_are_asked_about_at_once() {
    let document = |name: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop"}});
    let manifest = format!("{}\n---\n{}", document("a"), document("b"));
    let call = json!({"name": "resources_create_or_update", "arguments": {"resource": manifest}});
    let (message, sent) = asked_once(&rule("kind = \"ConfigMap\""), call).await;
    assert!(
        message.contains("patch configmaps \"a\"") && message.contains("patch configmaps \"b\""),
        "{message}"
    );
    let path = "/api/v1/namespaces/shop/configmaps";
    assert_eq!(sent, [format!("PATCH {path}/a"), format!("PATCH {path}/b")]);
}

#[tokio::test]
async fn what_reads_before_it_changes_is_asked_about_at_once_if_both_are() {
    let call = json!({"name": "rollout_restart", "arguments": {"kind": "Deployment", "name": "web", "namespace": "shop"}});
    let (message, sent) = asked_once(&rule("kind = \"Deployment\""), call.clone()).await;
    assert!(
        message.contains("get deployments.apps") && message.contains("patch deployments.apps"),
        "{message}"
    );
    let path = "/apis/apps/v1/namespaces/shop/deployments/web";
    assert_eq!(sent, [format!("GET {path}"), format!("PATCH {path}")]);

    // A change that reads what nobody is asked about finds out first whether there is anything to ask about.
    let scene = taking(&rule("verb = \"patch\"")).await;
    let question = send(&scene, &token("alice", 1), call).await;
    state(&question);
    assert_eq!(self::sent(&scene), [format!("GET {path}")]);
}
