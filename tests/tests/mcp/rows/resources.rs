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

/// One that says hello.
async fn a_config_map(world: &World) -> Result<Value> {
    let name = world.unique("greeting");
    world
        .cluster
        .admin_post(&format!("/api/v1/namespaces/{SHOP}/configmaps"), &config_map(&name, "hello"))
        .await?;
    Ok(named("v1", "ConfigMap", SHOP, &name))
}

fn config_map(name: &str, greeting: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": SHOP},
        "data": {"greeting": greeting},
    })
}

/// A manifest after which it would say something else. Who made it holds the field, hence the force.
async fn manifest(world: &World) -> Result<Value> {
    let there = a_config_map(world).await?;
    let name = there["name"].as_str().unwrap_or_default();
    Ok(json!({"resource": config_map(name, "servus").to_string(), "force": true}))
}

async fn patch(world: &World) -> Result<Value> {
    let mut arguments = a_config_map(world).await?;
    arguments["patch"] = json!(r#"{"data": {"greeting": "servus"}}"#);
    Ok(arguments)
}

/// The name in the arguments, or in the manifest among them.
fn name(arguments: &Value) -> Result<String> {
    let text = arguments["resource"].as_str();
    let manifest: Option<Value> = text.map(serde_json::from_str).transpose()?;
    let name = match &manifest {
        Some(object) => &object["metadata"]["name"],
        None => &arguments["name"],
    };
    Ok(name.as_str().unwrap_or_default().to_owned())
}

async fn greets(world: &World, arguments: &Value, greeting: &str) -> Result<()> {
    let path = format!("/api/v1/namespaces/{SHOP}/configmaps/{}", name(arguments)?);
    let object = world.cluster.admin_get(&path).await?;
    ensure!(object["data"]["greeting"] == greeting, "{object}");
    Ok(())
}

async fn is_there(world: &World, arguments: &Value, expected: bool) -> Result<()> {
    let path = format!("/api/v1/namespaces/{SHOP}/configmaps/{}", name(arguments)?);
    let found = world.cluster.admin_get(&path).await.is_ok();
    ensure!(found == expected, "it is there: {found}");
    Ok(())
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
    let path = format!("/apis/apps/v1/namespaces/{SHOP}/deployments/{}", name(arguments)?);
    let object = world.cluster.admin_get(&path).await?;
    ensure!(object["spec"]["replicas"] == replicas, "{object}");
    Ok(())
}
