//! Pods: what they are, what they say, and their end.

use std::time::Duration;

use anyhow::{Result, ensure};
use obolus_tests::deadline::eventually;
use serde_json::{Value, json};

use super::pod;
use crate::case::Case;
use crate::table::Row;
use crate::world::Person::{Alice, Bob};
use crate::world::{SHOP, WAREHOUSE, World};

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row {
            tool: "pods_delete",
            allowed: Case::made(Alice, |world| Box::pin(one_to_delete(world)))
                .then(|world, arguments| Box::pin(gone(world, arguments))),
            refused: Case::made(Bob, |world| Box::pin(one_to_delete(world)))
                .refused("delete", "pods", Some(SHOP))
                .then(|world, arguments| Box::pin(there(world, arguments))),
        },
        Row {
            tool: "pods_exec",
            allowed: Case::made(Alice, |world| {
                Box::pin(async {
                    let name = world.unique("executes");
                    world.cluster.run_at_kubelet(SHOP, &name, &["web"]).await?;
                    let command = ["fail", "7", "out", "of", "order"];
                    Ok(json!({"namespace": SHOP, "name": name, "command": command}))
                })
            })
            .holds("/stdout", json!("out of order\n"))
            .holds("/stderr", json!("out of order\n"))
            .holds("/exitCode", json!(7)),
            refused: Case::of(
                Bob,
                json!({"namespace": SHOP, "name": "web", "command": ["hostname"]}),
            )
            .refused("create", "pods/exec", Some(SHOP)),
        },
        Row {
            tool: "pods_get",
            allowed: Case::made(Bob, |world| Box::pin(one_to_read(world)))
                .holds("/object/spec/containers/0/name", json!("web")),
            refused: Case::of(Bob, json!({"namespace": WAREHOUSE, "name": "web"})).refused(
                "get",
                "pods",
                Some(WAREHOUSE),
            ),
        },
        Row {
            tool: "pods_list",
            allowed: Case::of(Alice, json!({"labelSelector": "app=web"})).structured(|content| {
                let items = content["items"].as_array().map(Vec::as_slice).unwrap_or_default();
                ensure!(items.len() == 2, "not two pods: {content}");
                ensure!(items.iter().all(|item| item["namespace"] == SHOP), "{content}");
                Ok(())
            }),
            refused: Case::of(Bob, json!({})).refused("list", "pods", None),
        },
        Row {
            tool: "pods_list_in_namespace",
            allowed: Case::of(Bob, json!({"namespace": SHOP, "labelSelector": "app=web"}))
                .structured(|content| {
                    let count = content["items"].as_array().map_or(0, Vec::len);
                    ensure!(count == 2, "{count} pods: {content}");
                    Ok(())
                }),
            refused: Case::of(Bob, json!({"namespace": WAREHOUSE})).refused(
                "list",
                "pods",
                Some(WAREHOUSE),
            ),
        },
        Row {
            tool: "pods_log",
            allowed: Case::made(Bob, |world| {
                Box::pin(async {
                    world.cluster.run_at_kubelet(SHOP, "logs", &["web"]).await?;
                    Ok(json!({"namespace": SHOP, "name": "logs", "tail": 2}))
                })
            })
            .says("GET /orders/1 200\nGET /healthz 200"),
            refused: Case::of(Bob, json!({"namespace": WAREHOUSE, "name": "logs"})).refused(
                "get",
                "pods/log",
                Some(WAREHOUSE),
            ),
        },
        Row {
            tool: "pods_top",
            allowed: Case::made(Alice, |world| {
                Box::pin(async {
                    measured(world).await?;
                    Ok(json!({"namespace": SHOP, "label_selector": "app=web"}))
                })
            })
            .structured(|content| {
                let pods = content["pods"].as_array().map(Vec::as_slice).unwrap_or_default();
                ensure!(pods.len() == 2, "not two pods: {content}");
                let used = content["total"]["memoryBytes"].as_i64().unwrap_or_default();
                ensure!(used > 0, "they use nothing: {content}");
                Ok(())
            }),
            refused: Case::of(Bob, json!({"namespace": SHOP})).refused("list", "pods", Some(SHOP)),
        },
    ]
}

/// Waits until the cluster has measured the application's pods, and all nodes.
pub(super) async fn measured(world: &World) -> Result<()> {
    let path = format!("/api/v1/namespaces/{SHOP}/pods?labelSelector=app%3Dweb");
    let pods = world.cluster.admin_get(&path).await?;
    for pod in pods["items"].as_array().into_iter().flatten() {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        world.cluster.wait_for_metrics(SHOP, name).await?;
    }
    Ok(())
}

async fn one_to_delete(world: &World) -> Result<Value> {
    let name = world.unique("to-delete");
    world.cluster.admin_apply(&pod(&name, SHOP)).await?;
    Ok(json!({"namespace": SHOP, "name": name}))
}

async fn one_to_read(world: &World) -> Result<Value> {
    let name = world.unique("to-read");
    world.cluster.admin_apply(&pod(&name, SHOP)).await?;
    Ok(json!({"namespace": SHOP, "name": name}))
}

async fn there(world: &World, arguments: &Value) -> Result<()> {
    let name = arguments["name"].as_str().unwrap_or_default();
    world.cluster.admin_get(&format!("/api/v1/namespaces/{SHOP}/pods/{name}")).await?;
    Ok(())
}

async fn gone(world: &World, arguments: &Value) -> Result<()> {
    eventually("the pod to be gone", Duration::from_secs(30), || async {
        ensure!(there(world, arguments).await.is_err(), "it is there");
        Ok(())
    })
    .await
}
