//! Changes of several objects, of somebody else's fields, and those that are only tried: at the real API server.

use std::time::{Duration, Instant};

use anyhow::ensure;
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::cluster::Marker;
use obolus_tests::fixtures::mcp_client::{Answered, McpClient};
use serde_json::{Value, json};

use crate::world::{Person, SHOP, World};

fn config_map(name: &str, color: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": SHOP}, "data": {"color": color},
    })
}

fn manifest(objects: &[Value]) -> String {
    let documents = objects.iter().map(|object| format!("---\n{object}\n"));
    documents.collect()
}

async fn color(world: &World, name: &str) -> Option<String> {
    let path = format!("/api/v1/namespaces/{SHOP}/configmaps/{name}");
    let object = world.cluster.admin_get(&path).await.ok()?;
    object["data"]["color"].as_str().map(str::to_owned)
}

async fn apply(client: &McpClient, manifest: &str, more: Value) -> Answered {
    let mut arguments = json!({"resource": manifest});
    arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client.call("resources_create_or_update", arguments).await.unwrap()
}

#[tokio::test]
async fn of_several_objects_those_before_the_first_failure_are_there_and_it_says_so() {
    let world = World::get().await.unwrap();
    let alice = world.client(Person::Alice, &world.unique("alice-several")).unwrap();
    let names: Vec<_> = (0..3).map(|_| world.unique("several")).collect();
    let whole: Vec<_> = names.iter().map(|name| config_map(name, "green")).collect();
    // Alice edits in the shop and has no say over roles of the cluster.
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": world.unique("several")}, "rules": [],
    });
    let broken = manifest(&[whole[0].clone(), role, whole[2].clone()]);
    let answer = apply(&alice, &broken, json!({})).await;
    assert!(answer.is_tool_error(), "{}", answer.body);
    let text = answer.text();
    for part in [
        "you may not patch clusterroles",
        &format!("Done before it: ConfigMap {} in namespace {SHOP} (created)", names[0]),
        &format!("Not done after it: ConfigMap {} in namespace {SHOP}", names[2]),
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    assert_eq!(color(world, &names[0]).await.as_deref(), Some("green"));
    assert_eq!(color(world, &names[2]).await, None);

    // What cannot be read whole is not begun with.
    let mut unreadable = manifest(&[config_map(&names[2], "green")]);
    unreadable.push_str("---\nkind: ConfigMap\n");
    let answer = apply(&alice, &unreadable, json!({})).await;
    assert!(answer.is_tool_error() && answer.text().contains("document 2"), "{}", answer.body);
    let unknown = manifest(&[
        config_map(&names[2], "green"),
        json!({"apiVersion": "v1", "kind": "Nonsense", "metadata": {"name": "x"}}),
    ]);
    let answer = apply(&alice, &unknown, json!({})).await;
    assert!(answer.is_tool_error() && answer.text().contains("Nonsense"), "{}", answer.body);
    assert_eq!(color(world, &names[2]).await, None);

    // The control.
    let answer = apply(&alice, &manifest(&whole), json!({})).await;
    assert!(!answer.is_tool_error(), "{}", answer.body);
    let objects = &answer.body["result"]["structuredContent"]["objects"];
    assert_eq!(objects[0]["created"], false);
    assert_eq!(objects[2]["created"], true);
    assert_eq!(color(world, &names[2]).await.as_deref(), Some("green"));
}

#[tokio::test]
async fn a_conflict_names_who_holds_which_field_and_is_overcome_by_force_alone() {
    let world = World::get().await.unwrap();
    let alice = world.client(Person::Alice, &world.unique("alice-conflict")).unwrap();
    let name = world.unique("held");
    world.cluster.admin_apply(&config_map(&name, "blue")).await.unwrap();
    let green = manifest(&[config_map(&name, "green")]);
    let answer = apply(&alice, &green, json!({})).await;
    assert!(answer.is_tool_error(), "{}", answer.body);
    let text = answer.text();
    assert!(text.contains(".data.color") && text.contains("force"), "{text}");
    assert_eq!(color(world, &name).await.as_deref(), Some("blue"));

    let answer = apply(&alice, &green, json!({"force": true})).await;
    assert!(!answer.is_tool_error(), "{}", answer.body);
    assert_eq!(color(world, &name).await.as_deref(), Some("green"));
}

#[tokio::test]
async fn a_dry_run_and_a_diff_change_nothing_and_the_same_call_without_does() {
    let world = World::get().await.unwrap();
    let alice = world.client(Person::Alice, &world.unique("alice-dry")).unwrap();
    let name = world.unique("dry");
    let green = manifest(&[config_map(&name, "green")]);
    let target = json!({"apiVersion": "v1", "kind": "ConfigMap", "namespace": SHOP, "name": name});
    let with = |more: Value| {
        let mut arguments = target.clone();
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        arguments
    };
    let ok = |answer: &Answered| assert!(!answer.is_tool_error(), "{}", answer.body);

    let dry = apply(&alice, &green, json!({"dryRun": true})).await;
    ok(&dry);
    assert!(dry.text().contains("would be created"), "{}", dry.text());
    let diff = alice.call("resources_diff", json!({"resource": green})).await.unwrap();
    ok(&diff);
    assert_eq!(diff.body["result"]["structuredContent"]["objects"][0]["outcome"], "created");
    assert_eq!(color(world, &name).await, None);
    ok(&apply(&alice, &green, json!({})).await);
    assert_eq!(color(world, &name).await.as_deref(), Some("green"));
    let diff = alice.call("resources_diff", json!({"resource": green})).await.unwrap();
    assert_eq!(diff.body["result"]["structuredContent"]["objects"][0]["outcome"], "unchanged");

    for (patch_type, patch) in [
        ("strategic", r#"{"data": {"color": "red"}}"#),
        ("merge", "data: {color: yellow}"),
        ("json", r#"[{"op": "replace", "path": "/data/color", "value": "white"}]"#),
        ("apply", "data: {color: black}"),
    ] {
        let before = color(world, &name).await;
        let more = json!({"patch": patch, "patchType": patch_type, "force": patch_type == "apply"});
        let mut dry = with(more.clone());
        dry["dryRun"] = json!(true);
        ok(&alice.call("resources_patch", dry).await.unwrap());
        let diff = alice.call("resources_diff", with(more.clone())).await.unwrap();
        ok(&diff);
        let change = &diff.body["result"]["structuredContent"]["objects"][0]["changes"][0];
        assert_eq!(change["before"].as_str(), before.as_deref(), "{patch_type}: {change}");
        assert_eq!(color(world, &name).await, before, "{patch_type}");
        ok(&alice.call("resources_patch", with(more)).await.unwrap());
        let after = color(world, &name).await;
        assert_eq!(after.as_deref(), change["after"].as_str(), "{patch_type}");
        assert_ne!(after, before, "{patch_type}");
    }

    let mut dry = target.clone();
    dry["dryRun"] = json!(true);
    ok(&alice.call("resources_delete", dry).await.unwrap());
    assert!(color(world, &name).await.is_some());
    ok(&alice.call("resources_delete", target).await.unwrap());
    assert_eq!(color(world, &name).await, None);
}

#[tokio::test]
async fn a_secrets_change_is_seen_in_a_diff_and_its_values_nowhere() {
    let world = World::get().await.unwrap();
    let alice = world.client(Person::Alice, &world.unique("alice-secret")).unwrap();
    let name = world.unique("secret");
    let secret = |password: &str| {
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": SHOP},
            "stringData": {"password": password, "same": "hunter2-same"},
        })
        .to_string()
    };
    let values = ["hunter2", "aHVudGVyMi1", "hunter3", "aHVudGVyMy1"];
    let clean = |answer: &Answered| {
        let text = answer.body.to_string();
        assert!(!values.iter().any(|value| text.contains(value)), "{text}");
    };
    let answer = apply(&alice, &secret("hunter2-old"), json!({"show": true})).await;
    assert!(!answer.is_tool_error() && answer.text().contains("[redacted:"), "{}", answer.body);
    clean(&answer);
    let diff = alice.call("resources_diff", json!({"resource": secret("hunter3-new")})).await;
    let diff = diff.unwrap();
    assert!(!diff.is_tool_error(), "{}", diff.body);
    clean(&diff);
    let changes = &diff.body["result"]["structuredContent"]["objects"][0]["changes"];
    assert_eq!(changes.as_array().unwrap().len(), 1, "{changes}");
    assert_eq!(changes[0]["path"], "data.password");
    assert_eq!(changes[0]["before"], "[redacted: 11 bytes, before]");
    assert_eq!(changes[0]["after"], "[redacted: 11 bytes, after]");

    // What the API server does not accept, it quotes.
    for wrong in [
        json!({"stringData": {"a b": "hunter2-x"}}),
        json!({"data": {"a": "hunter2-x"}}),
        json!({"stringData": {"a": ["hunter2-x"]}}),
        json!({"type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": "hunter2-x"}}),
    ] {
        let mut object: Value = serde_json::from_str(&secret("x")).unwrap();
        object["metadata"]["name"] = json!(world.unique("wrong"));
        object.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        let answer = apply(&alice, &object.to_string(), json!({})).await;
        assert!(answer.is_tool_error(), "{wrong}: {}", answer.body);
        clean(&answer);
    }
    // Waiting tells nobody what a value is.
    let guess = json!({
        "apiVersion": "v1", "kind": "Secret", "namespace": SHOP, "name": name,
        "for": "jsonpath={.data.password}=aHVudGVyMi1vbGQ=", "timeoutSeconds": 1,
    });
    let answer = alice.call("resources_wait", guess).await.unwrap();
    assert!(answer.is_tool_error(), "{}", answer.body);
    let path = format!("/api/v1/namespaces/{SHOP}/secrets/{name}");
    let held = world.cluster.admin_get(&path).await.unwrap();
    assert_eq!(held["data"]["password"], "aHVudGVyMi1vbGQ=", "the control: it is that value");
}

/// Somebody has begun to watch the object since then.
async fn watched(world: &World, name: &str, before: Marker) {
    eventually("the watch", Duration::from_secs(30), || async {
        let seen = world.cluster.requests_since(before).await?;
        let is_watch = |event: &Value| {
            event["verb"] == "watch"
                && event["requestURI"].as_str().is_some_and(|uri| uri.contains(name))
        };
        ensure!(seen.iter().any(is_watch), "{} requests, and no watch", seen.len());
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn waiting_ends_when_it_is_so_and_with_its_time() {
    let world = World::get().await.unwrap();
    let alice = world.client(Person::Alice, &world.unique("alice-waits")).unwrap();
    let name = world.unique("awaited");
    let wait = |what: &'static str, seconds: u32| {
        let (alice, name) = (&alice, &name);
        async move {
            let arguments = json!({
                "apiVersion": "v1", "kind": "ConfigMap", "namespace": SHOP, "name": name,
                "for": what, "timeoutSeconds": seconds,
            });
            alice.call("resources_wait", arguments).await.unwrap()
        }
    };
    let path = format!("/api/v1/namespaces/{SHOP}/configmaps");
    let answer = wait("create", 1).await;
    assert!(answer.is_tool_error() && answer.text().contains("does not exist"), "{}", answer.body);
    let made = async |before| {
        watched(world, &name, before).await;
        world.cluster.admin_post(&path, &config_map(&name, "blue")).await.unwrap();
    };
    let before = world.cluster.marker().await.unwrap();
    let (answer, ()) = tokio::join!(wait("create", 60), made(before));
    assert!(!answer.is_tool_error(), "{}", answer.body);

    let turned = async |before| {
        watched(world, &name, before).await;
        world.cluster.admin_apply(&config_map(&name, "green")).await.unwrap();
    };
    let before = world.cluster.marker().await.unwrap();
    let (answer, ()) = tokio::join!(wait("jsonpath={.data.color}=green", 60), turned(before));
    assert!(!answer.is_tool_error(), "{}", answer.body);

    let started = Instant::now();
    let answer = wait("delete", 1).await;
    assert!(answer.is_tool_error() && answer.text().contains("it was there"), "{}", answer.body);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());

    let gone = async |before| {
        watched(world, &name, before).await;
        world.cluster.admin_delete(&format!("{path}/{name}")).await.unwrap();
    };
    let before = world.cluster.marker().await.unwrap();
    let (answer, ()) = tokio::join!(wait("delete", 60), gone(before));
    assert!(!answer.is_tool_error(), "{}", answer.body);
    let answer = wait("delete", 5).await;
    assert!(!answer.is_tool_error(), "what is gone already is told at once: {}", answer.body);
}
