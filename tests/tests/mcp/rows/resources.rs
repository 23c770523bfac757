//! Objects of any kind.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::lists;
use crate::case::Case;
use crate::table::Row;
use crate::world::Person::{Alice, Bob};
use crate::world::{SHOP, WAREHOUSE, World};

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row {
            tool: "resources_get",
            allowed: Case::of(Bob, deployment(SHOP, "web")).holds("/object/spec/replicas", json!(2)),
            refused: Case::of(
                Bob,
                json!({"apiVersion": "v1", "kind": "ConfigMap", "namespace": WAREHOUSE, "name": "x"}),
            )
            .refused("get", "configmaps", Some(WAREHOUSE)),
        },
        Row {
            tool: "resources_list",
            allowed: Case::of(
                Bob,
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "namespace": SHOP}),
            )
            .structured(lists("web")),
            refused: Case::of(
                Bob,
                json!({"apiVersion": "v1", "kind": "Service", "namespace": SHOP}),
            )
            .refused("list", "services", Some(SHOP)),
        },
        Row {
            tool: "resources_scale",
            allowed: Case::made(Alice, |world| Box::pin(to_scale(world)))
                .holds("/desired", json!(2))
                .then(|world, arguments| Box::pin(has_replicas(world, arguments, 2))),
            refused: Case::made(Bob, |world| Box::pin(to_scale(world)))
                .refused("patch", "deployments.apps/scale", Some(SHOP))
                .then(|world, arguments| Box::pin(has_replicas(world, arguments, 1))),
        },
    ]
}

fn deployment(namespace: &str, name: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "namespace": namespace, "name": name})
}

/// A Deployment of one replica; the arguments want two.
async fn to_scale(world: &World) -> Result<Value> {
    let name = world.unique("to-scale");
    let labels = json!({"app": name});
    let object = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": SHOP},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "web", "image": "example.test/shop/web:1.0"}]},
            },
        },
    });
    world.cluster.admin_apply(&object).await?;
    let mut arguments = deployment(SHOP, &name);
    arguments["scale"] = json!(2);
    Ok(arguments)
}

async fn has_replicas(world: &World, arguments: &Value, replicas: u32) -> Result<()> {
    let name = arguments["name"].as_str().unwrap_or_default();
    let path = format!("/apis/apps/v1/namespaces/{SHOP}/deployments/{name}");
    let object = world.cluster.admin_get(&path).await?;
    ensure!(object["spec"]["replicas"] == replicas, "{object}");
    Ok(())
}
