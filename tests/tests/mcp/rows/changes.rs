//! What makes, changes and removes objects, and what tells beforehand or waits for it.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::case::Case;
use crate::table::Row;
use crate::world::Person::{Alice, Bob};
use crate::world::{SHOP, World};

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row {
            tool: "pods_run",
            allowed: Case::made(Alice, |world| Box::pin(to_run(world)))
                .says("leads to its port 8080")
                .then(|world, arguments| Box::pin(runs(world, arguments, true))),
            refused: Case::made(Bob, |world| Box::pin(to_run(world)))
                .refused("create", "pods", Some(SHOP))
                .then(|world, arguments| Box::pin(runs(world, arguments, false))),
        },
        Row {
            tool: "resources_create_or_update",
            allowed: Case::made(Alice, |world| Box::pin(to_apply(world)))
                .holds("/objects/0/created", json!(true))
                .says(": created")
                .then(|world, arguments| Box::pin(has_color(world, arguments, Some("green")))),
            refused: Case::made(Bob, |world| Box::pin(to_apply(world)))
                .refused("patch", "configmaps", Some(SHOP))
                .then(|world, arguments| Box::pin(has_color(world, arguments, None))),
        },
        Row {
            tool: "resources_delete",
            allowed: Case::made(Alice, |world| Box::pin(to_delete(world)))
                .holds("/gone", json!(true))
                .then(|world, arguments| Box::pin(has_color(world, arguments, None))),
            refused: Case::made(Bob, |world| Box::pin(to_delete(world)))
                .refused("delete", "configmaps", Some(SHOP))
                .then(|world, arguments| Box::pin(has_color(world, arguments, Some("blue")))),
        },
        Row {
            tool: "resources_diff",
            allowed: Case::made(Alice, |world| Box::pin(to_compare(world)))
                .says("-  color: blue\n+  color: green\n")
                .holds("/objects/0/changes/0/path", json!("data.color"))
                .then(|world, arguments| Box::pin(has_color(world, arguments, Some("blue")))),
            refused: Case::made(Bob, |world| Box::pin(to_compare(world))).refused(
                "get",
                "configmaps",
                Some(SHOP),
            ),
        },
        Row {
            tool: "resources_patch",
            allowed: Case::made(Alice, |world| Box::pin(to_patch(world)))
                .says("is patched")
                .then(|world, arguments| Box::pin(has_color(world, arguments, Some("green")))),
            refused: Case::made(Bob, |world| Box::pin(to_patch(world)))
                .refused("patch", "configmaps", Some(SHOP))
                .then(|world, arguments| Box::pin(has_color(world, arguments, Some("blue")))),
        },
        Row {
            tool: "resources_wait",
            allowed: Case::made(Alice, |world| Box::pin(to_wait(world))).says("\"blue\""),
            refused: Case::made(Bob, |world| Box::pin(to_wait(world))).refused(
                "list",
                "configmaps",
                Some(SHOP),
            ),
        },
    ]
}

async fn to_run(world: &World) -> Result<Value> {
    let name = world.unique("to-run");
    Ok(json!({
        "namespace": SHOP, "name": name, "image": "example.test/shop/web:1.0", "port": 8080,
    }))
}

async fn runs(world: &World, arguments: &Value, is_there: bool) -> Result<()> {
    let name = arguments["name"].as_str().unwrap_or_default();
    for plural in ["pods", "services"] {
        let path = format!("/api/v1/namespaces/{SHOP}/{plural}/{name}");
        let object = world.cluster.admin_get(&path).await;
        ensure!(object.is_ok() == is_there, "{plural}: {object:?}");
    }
    Ok(())
}

fn colored(name: &str, color: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": SHOP}, "data": {"color": color},
    })
}

async fn blue(world: &World) -> Result<String> {
    let name = world.unique("colored");
    world
        .cluster
        .admin_post(&format!("/api/v1/namespaces/{SHOP}/configmaps"), &colored(&name, "blue"))
        .await?;
    Ok(name)
}

fn target(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "namespace": SHOP, "name": name})
}

async fn to_apply(world: &World) -> Result<Value> {
    Ok(json!({"resource": colored(&world.unique("colored"), "green").to_string()}))
}

async fn to_delete(world: &World) -> Result<Value> {
    Ok(target(&blue(world).await?))
}

async fn to_compare(world: &World) -> Result<Value> {
    let name = blue(world).await?;
    // Who made it holds its fields.
    Ok(json!({"resource": colored(&name, "green").to_string(), "force": true}))
}

async fn to_patch(world: &World) -> Result<Value> {
    let mut arguments = target(&blue(world).await?);
    arguments["patch"] = json!("data: {color: green}");
    Ok(arguments)
}

async fn to_wait(world: &World) -> Result<Value> {
    let mut arguments = target(&blue(world).await?);
    arguments["for"] = json!("jsonpath={.data.color}=blue");
    Ok(arguments)
}

/// The ConfigMap that the arguments are about has this color, or is not there.
async fn has_color(world: &World, arguments: &Value, color: Option<&str>) -> Result<()> {
    let resource = arguments["resource"].as_str().unwrap_or_default();
    let resource: Value = serde_json::from_str(resource).unwrap_or_default();
    let name = resource["metadata"]["name"].as_str().or(arguments["name"].as_str());
    let path = format!("/api/v1/namespaces/{SHOP}/configmaps/{}", name.unwrap_or_default());
    let object = world.cluster.admin_get(&path).await;
    let is = object.as_ref().ok().and_then(|object| object["data"]["color"].as_str());
    ensure!(is == color, "{is:?}, not {color:?}: {object:?}");
    Ok(())
}
