//! Objects of any kind.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{deployment, lists};
use crate::case::Case;
use crate::table::Row;
use crate::world::Person::{Alice, Bob};
use crate::world::{SHOP, WAREHOUSE, World};

pub(super) fn rows() -> Vec<Row> {
    let mut rows = reading();
    rows.extend(writing());
    rows
}

fn reading() -> Vec<Row> {
    vec![
        Row {
            tool: "resources_describe",
            allowed: Case::of(Alice, named("apps/v1", "Deployment", SHOP, "web"))
                .holds("/object/spec/replicas", json!(2))
                .says("ReplicaSet"),
            refused: Case::of(Bob, named("v1", "Service", SHOP, "web")).refused(
                "get",
                "services",
                Some(SHOP),
            ),
        },
        Row {
            tool: "resources_get",
            allowed: Case::of(Bob, named("apps/v1", "Deployment", SHOP, "web"))
                .holds("/object/spec/replicas", json!(2)),
            refused: Case::of(Bob, named("v1", "ConfigMap", WAREHOUSE, "x")).refused(
                "get",
                "configmaps",
                Some(WAREHOUSE),
            ),
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
    ]
}

fn writing() -> Vec<Row> {
    vec![Row {
        tool: "resources_scale",
        allowed: Case::made(Alice, |world| Box::pin(to_scale(world)))
            .holds("/desired", json!(2))
            .then(|world, arguments| Box::pin(has_replicas(world, arguments, 2))),
        refused: Case::made(Bob, |world| Box::pin(to_scale(world)))
            .refused("patch", "deployments.apps/scale", Some(SHOP))
            .then(|world, arguments| Box::pin(has_replicas(world, arguments, 1))),
    }]
}

fn named(api_version: &str, kind: &str, namespace: &str, name: &str) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "namespace": namespace, "name": name})
}

fn name(arguments: &Value) -> &str {
    arguments["name"].as_str().unwrap_or_default()
}

/// A Deployment of one replica; the arguments want two.
async fn to_scale(world: &World) -> Result<Value> {
    let name = world.unique("to-scale");
    world.cluster.admin_apply(&deployment(&name, SHOP, 1)).await?;
    let mut arguments = named("apps/v1", "Deployment", SHOP, &name);
    arguments["scale"] = json!(2);
    Ok(arguments)
}

async fn has_replicas(world: &World, arguments: &Value, replicas: u32) -> Result<()> {
    let path = format!("/apis/apps/v1/namespaces/{SHOP}/deployments/{}", name(arguments));
    let object = world.cluster.admin_get(&path).await?;
    ensure!(object["spec"]["replicas"] == replicas, "{object}");
    Ok(())
}
