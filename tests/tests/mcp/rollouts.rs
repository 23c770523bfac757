//! Going back really goes back, and a restart really makes new pods: with the real controllers.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use obolus_tests::deadline::eventually;
use serde_json::{Value, json};

use crate::world::{Person, SHOP, World};

const ONE: &str = "example.test/shop/web:1.0";
const TWO: &str = "example.test/shop/web:2.0";
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn deployment(name: &str) -> Value {
    workload("Deployment", name)
}

fn workload(kind: &str, name: &str) -> Value {
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": kind,
        "metadata": {"name": name, "namespace": SHOP},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "web", "image": ONE}], "terminationGracePeriodSeconds": 0},
            },
        },
    });
    if kind != "DaemonSet" {
        object["spec"]["replicas"] = json!(1);
    }
    if kind == "StatefulSet" {
        object["spec"]["serviceName"] = json!(name);
    }
    object
}

fn path(kind: &str, name: &str) -> String {
    let plural = format!("{}s", kind.to_lowercase());
    format!("/apis/apps/v1/namespaces/{SHOP}/{plural}/{name}")
}

pub(crate) async fn set_image(world: &World, kind: &str, name: &str, image: &str) -> Result<()> {
    let mut object = workload(kind, name);
    object["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
    world.cluster.admin_apply(&object).await.map(drop)
}

pub(crate) async fn image(world: &World, kind: &str, name: &str) -> Result<String> {
    let object = world.cluster.admin_get(&path(kind, name)).await?;
    let image = object.pointer("/spec/template/spec/containers/0/image").and_then(Value::as_str);
    image.map(str::to_owned).context("no image")
}

/// All pods of the workload have this image, and there are some.
async fn pods_have(world: &World, name: &str, image: &str) -> Result<()> {
    let path = format!("/api/v1/namespaces/{SHOP}/pods?labelSelector=app%3D{name}");
    let pods = world.cluster.admin_get(&path).await?;
    let pods = pods["items"].as_array().context("no list")?;
    ensure!(!pods.is_empty(), "no pods");
    ensure!(pods.iter().all(|pod| pod["spec"]["containers"][0]["image"] == image), "{pods:?}");
    Ok(())
}

#[tokio::test]
async fn undo_goes_back_to_the_revision_before_and_to_any_that_is_kept() {
    let world = World::get().await.unwrap();
    for kind in ["Deployment", "StatefulSet", "DaemonSet"] {
        let name = world.unique(&format!("undo-{}", kind.to_lowercase()));
        let alice = world.client(Person::Alice, &world.unique("alice-undo")).unwrap();
        let call = async |tool: &str, more: Value| -> Value {
            let mut arguments = json!({"kind": kind, "name": name, "namespace": SHOP});
            arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let answer = alice.call(tool, arguments).await.unwrap();
            assert!(!answer.is_tool_error(), "{kind} {tool}: {}", answer.body);
            answer.body["result"]["structuredContent"].clone()
        };
        world.cluster.admin_apply(&workload(kind, &name)).await.unwrap();
        let complete = json!({"timeoutSeconds": 60});
        assert_eq!(call("rollout_status", complete.clone()).await["stage"], "complete", "{kind}");
        let alone = json!({"kind": kind, "name": name, "namespace": SHOP});
        let answer = alice.call("rollout_undo", alone).await.unwrap();
        assert!(
            answer.is_tool_error() && answer.text().contains("nothing to go back to"),
            "{kind}: {}",
            answer.body
        );

        set_image(world, kind, &name, TWO).await.unwrap();
        assert_eq!(call("rollout_status", complete.clone()).await["stage"], "complete", "{kind}");
        eventually("the new pods", PATIENCE, || pods_have(world, &name, TWO)).await.unwrap();

        let checked = call("rollout_undo", json!({"dryRun": true})).await;
        assert_eq!((&checked["changed"], &checked["dryRun"]), (&json!(true), &json!(true)));
        assert_eq!(image(world, kind, &name).await.unwrap(), TWO, "a check changes nothing");

        assert_eq!(call("rollout_undo", json!({})).await["toRevision"], 1, "{kind}");
        assert_eq!(image(world, kind, &name).await.unwrap(), ONE);
        assert_eq!(call("rollout_status", complete.clone()).await["stage"], "complete", "{kind}");
        eventually("the old pods", PATIENCE, || pods_have(world, &name, ONE)).await.unwrap();

        // What was the first is the third now, and the second is still there.
        let history = call("rollout_history", json!({})).await;
        let numbers: Vec<_> =
            history["revisions"].as_array().unwrap().iter().map(|r| &r["revision"]).collect();
        assert_eq!(numbers, [&json!(2), &json!(3)], "{kind}: {history}");
        let shown = call("rollout_history", json!({"revision": 2})).await;
        assert_eq!(shown["template"]["template"]["spec"]["containers"][0]["image"], TWO);
        assert_eq!(call("rollout_undo", json!({"toRevision": 2})).await["toRevision"], 2);
        assert_eq!(image(world, kind, &name).await.unwrap(), TWO);
        // Gone back to, it is the newest.
        assert_eq!(call("rollout_status", complete.clone()).await["stage"], "complete", "{kind}");
        let again = call("rollout_undo", json!({"toRevision": 4})).await;
        assert_eq!(again["changed"], false, "{kind}: it is so already");
    }
}

#[tokio::test]
async fn a_restart_makes_new_pods_and_a_paused_deployment_is_not_restarted() {
    let world = World::get().await.unwrap();
    let name = world.unique("restart");
    let alice = world.client(Person::Alice, &world.unique("alice-restart")).unwrap();
    world.cluster.admin_apply(&deployment(&name)).await.unwrap();
    let arguments = json!({"kind": "Deployment", "name": name, "namespace": SHOP});
    let mut waiting = arguments.clone();
    waiting["timeoutSeconds"] = json!(60);
    let waited = alice.call("rollout_status", waiting.clone()).await.unwrap();
    assert_eq!(waited.body["result"]["structuredContent"]["stage"], "complete", "{}", waited.body);
    let pods = async || -> Result<Vec<Value>> {
        let path = format!("/api/v1/namespaces/{SHOP}/pods?labelSelector=app%3D{name}");
        let pods = world.cluster.admin_get(&path).await?;
        let pods = pods["items"].as_array().context("no list")?;
        Ok(pods.iter().map(|pod| pod["metadata"]["uid"].clone()).collect())
    };
    let before = pods().await.unwrap();
    assert_eq!(before.len(), 1);
    let restarted = alice.call("rollout_restart", arguments.clone()).await.unwrap();
    assert!(!restarted.is_tool_error(), "{}", restarted.body);
    let waited = alice.call("rollout_status", waiting).await.unwrap();
    assert_eq!(waited.body["result"]["structuredContent"]["stage"], "complete", "{}", waited.body);
    eventually("the old pod to be gone", PATIENCE, || async {
        let now = pods().await?;
        ensure!(now.len() == 1 && now != before, "{now:?}");
        Ok(())
    })
    .await
    .unwrap();

    let mut paused = deployment(&name);
    paused["spec"]["paused"] = json!(true);
    world.cluster.admin_apply(&paused).await.unwrap();
    for tool in ["rollout_restart", "rollout_undo"] {
        let answer = alice.call(tool, arguments.clone()).await.unwrap();
        assert!(
            answer.is_tool_error() && answer.text().contains("spec.paused"),
            "{tool}: {}",
            answer.body
        );
    }
}
