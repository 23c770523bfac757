//! The configuration changes while people are being served: at once and whole, or not at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::support::client::result;
use crate::support::{Answer, ApiServer, DEADLINE, Era, Scene, scene};
use serde_json::{Value, json};

async fn started(more: &str) -> Scene {
    let api = ApiServer::start(|request| match request.path() {
        "/api/v1" => Answer::Json(
            200,
            json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [
                {"name": "secrets", "kind": "Secret", "namespaced": true, "singularName": "", "verbs": []},
                {"name": "configmaps", "kind": "ConfigMap", "namespaced": true, "singularName": "", "verbs": []},
            ]}),
        ),
        path => Answer::Json(200, json!({"kind": "X", "apiVersion": "v1", "metadata": {"name": path.len().to_string()}})),
    })
    .await;
    scene(more, api).await
}

/// Writes another configuration, as a person's editor or Kubernetes would: whole.
fn write(scene: &Scene, more: &str) {
    let text = format!(
        "listen = \"127.0.0.1:0\"\noperations = \"127.0.0.1:0\"\n{more}\n[cluster]\nserver = \"{}\"\n\
         certificate_authority = \"ca.pem\"\nrequest_timeout_seconds = 30\n",
        scene.api.url
    );
    let path = scene.folder.path().join("mcp.toml");
    let new = scene.folder.path().join("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, path).unwrap();
    scene.running.reload();
}

async fn tools(scene: &Scene) -> Vec<String> {
    let request = scene.mcp.rpc(Era::V2026_07_28, "tools/list", json!({})).bearer_auth("a");
    let list = result(request.send().await.unwrap()).await;
    let tools = list["tools"].as_array().unwrap();
    tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let started = std::time::Instant::now();
    while !holds().await {
        assert!(started.elapsed() < DEADLINE, "not within {DEADLINE:?}: {what}");
    }
}

#[tokio::test]
async fn a_changed_configuration_is_taken_and_a_bad_one_is_not() {
    let scene = started("").await;
    let has = async |tool: &str| tools(&scene).await.iter().any(|name| name == tool);
    assert!(has("pods_delete").await);
    write(&scene, "read_only = true");
    until("read_only takes effect", async || !has("pods_delete").await).await;
    assert!(has("pods_list").await);

    // A drop-in counts as much, and so does its end.
    let drop_ins = scene.folder.path().join("conf.d");
    std::fs::create_dir(&drop_ins).unwrap();
    std::fs::write(drop_ins.join("10.toml"), "disabled_tools = [\"pods_list\"]").unwrap();
    scene.running.reload();
    until("the drop-in takes effect", async || !has("pods_list").await).await;

    // A bad one, whatever else it says, changes nothing; the next good one shows that it had been looked at.
    write(&scene, "read_only = false\nmade_up_setting = 1");
    write(&scene, "read_only = false\nmax_body_bytes = 1");
    std::fs::write(drop_ins.join("10.toml"), "disabled_tools = [").unwrap();
    scene.running.reload();
    for _ in 0..50 {
        assert!(!has("pods_delete").await && !has("pods_list").await);
    }
    std::fs::remove_file(drop_ins.join("10.toml")).unwrap();
    write(&scene, "read_only = true\nenabled_tools = [\"pods_list\"]");
    until("the last good one takes effect", async || tools(&scene).await == ["pods_list"]).await;
}

#[tokio::test]
async fn nothing_is_weakened_while_configurations_come_and_go_under_load() {
    let deny = "[[denied_resources]]\nkind = \"Secret\"\n";
    let scene = Arc::new(started(&format!("disabled_tools = [\"pods_delete\"]\n{deny}")).await);
    let (over, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut people = tokio::task::JoinSet::new();
    for person in 0..8 {
        let (scene, over, served) = (Arc::clone(&scene), Arc::clone(&over), Arc::clone(&served));
        people.spawn(async move {
            let token = format!("person-{person}");
            while !over.load(Ordering::SeqCst) {
                let get = |kind: &str| json!({"apiVersion": "v1", "kind": kind, "name": "x", "namespace": "shop"});
                let secret = scene.mcp.call(&token, "resources_get", get("Secret")).await;
                assert_eq!(secret["isError"], true, "a denied kind was served: {secret}");
                let map = scene.mcp.call(&token, "resources_get", get("ConfigMap")).await;
                assert_eq!(map["isError"], false, "{map}");
                let delete = json!({"name": "pods_delete", "arguments": {"name": "x", "namespace": "shop"}});
                let request = scene.mcp.rpc(Era::V2026_07_28, "tools/call", delete).bearer_auth(&token);
                let answer: Value = request.send().await.unwrap().json().await.unwrap();
                assert_eq!(answer["error"]["code"], -32602, "a disabled tool was served: {answer}");
                served.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    for round in 0..40 {
        let before = served.load(Ordering::SeqCst);
        write(
            &scene,
            &format!(
                "disabled_tools = [\"pods_delete\"]\nserver_instructions = \"{round}\"\n{deny}"
            ),
        );
        until("people are served meanwhile", async || {
            tokio::task::yield_now().await;
            served.load(Ordering::SeqCst) > before
        })
        .await;
        if round % 4 == 0 {
            write(&scene, "this is no TOML");
        }
    }
    until("the last one takes effect", async || {
        let request =
            scene.mcp.rpc(Era::V2026_07_28, "server/discover", json!({})).bearer_auth("a");
        result(request.send().await.unwrap()).await["instructions"] == "39"
    })
    .await;
    over.store(true, Ordering::SeqCst);
    while let Some(ended) = people.join_next().await {
        ended.unwrap();
    }
    assert!(
        !scene
            .api
            .arrived()
            .iter()
            .any(|request| request.path().contains("secrets") || request.method == "DELETE")
    );
    assert!(served.load(Ordering::SeqCst) >= 40);
}

#[tokio::test]
async fn a_person_comes_as_often_as_the_limit_allows_whatever_their_token_or_a_reload() {
    let more = "[http]\nrate_limit_rps = 0.001\nrate_limit_burst = 3\n";
    let scene = started(more).await;
    let list = async |token: &str| {
        let request = scene.mcp.rpc(Era::V2026_07_28, "tools/list", json!({})).bearer_auth(token);
        request.send().await.unwrap()
    };
    for _ in 0..3 {
        assert_eq!(list("alice").await.status(), 200);
    }
    let refused = list("alice").await;
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(list("bob").await.status(), 200, "others have their own");
    write(&scene, &format!("read_only = true\n{more}"));
    until("the reload takes effect", async || {
        let token = format!("somebody-{}", scene.api.arrived().len());
        let request = scene.mcp.rpc(
            Era::V2026_07_28,
            "tools/call",
            json!({"name": "pods_delete", "arguments": {}}),
        );
        let answer: Value = request.bearer_auth(token).send().await.unwrap().json().await.unwrap();
        answer["error"]["code"] == -32602 || answer.get("reason").is_some()
    })
    .await;
    assert_eq!(list("alice").await.status(), 429, "a reload forgives nobody");
}
