//! Releases.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::case::Case;
use crate::table::Row;
use crate::world::Person::{Alice, Bob};
use crate::world::{SHOP, World};

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row {
            tool: "helm_install",
            allowed: Case::made(Alice, |world| Box::pin(async { Ok(to_install(world)) }))
                .holds("/status", json!("deployed"))
                .holds("/chartVersion", json!("0.1.0"))
                .structured(says_no_value)
                .then(|world, arguments| Box::pin(is_made(world, arguments, true))),
            refused: Case::made(Bob, |world| Box::pin(async { Ok(to_install(world)) }))
                .refused("get", "secrets", Some(SHOP))
                .then(|world, arguments| Box::pin(is_made(world, arguments, false))),
        },
        Row {
            tool: "helm_list",
            allowed: Case::made(Alice, |world| {
                Box::pin(installed(world, json!({"namespace": SHOP})))
            })
            .structured(lists_releases),
            refused: Case::of(Bob, json!({"namespace": SHOP})).refused(
                "list",
                "secrets",
                Some(SHOP),
            ),
        },
        Row {
            tool: "helm_uninstall",
            allowed: Case::made(Alice, |world| Box::pin(to_uninstall(world)))
                .holds("/found", json!(true))
                .then(|world, arguments| Box::pin(is_made(world, arguments, false))),
            refused: Case::made(Bob, |world| Box::pin(to_uninstall(world)))
                .refused("list", "secrets", Some(SHOP))
                .then(|world, arguments| Box::pin(is_made(world, arguments, true))),
        },
    ]
}

const VALUE: &str = "canary-of-the-caller";

fn to_install(world: &World) -> Value {
    let name = world.unique("notes");
    json!({"chart": "notes", "name": name, "namespace": SHOP, "values": {"password": VALUE}})
}

/// Installs one more, and hands out the arguments.
async fn installed(world: &World, arguments: Value) -> Result<Value> {
    let client = world.client(Alice, &world.unique("alice-installs"))?;
    let answer = client.call("helm_install", to_install(world)).await?;
    ensure!(!answer.is_tool_error(), "{}", answer.body);
    Ok(arguments)
}

async fn to_uninstall(world: &World) -> Result<Value> {
    let client = world.client(Alice, &world.unique("alice-installs"))?;
    let arguments = to_install(world);
    let answer = client.call("helm_install", arguments.clone()).await?;
    ensure!(!answer.is_tool_error(), "{}", answer.body);
    Ok(json!({"name": arguments["name"], "namespace": SHOP}))
}

fn says_no_value(content: &Value) -> Result<()> {
    ensure!(!content.to_string().contains("canary"), "a value is shown: {content}");
    Ok(())
}

fn lists_releases(content: &Value) -> Result<()> {
    let releases = content["releases"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_ours = |release: &Value| {
        release["chart"] == "notes-0.1.0"
            && release["status"] == "deployed"
            && release["namespace"] == SHOP
    };
    ensure!(releases.iter().any(is_ours), "no release of notes in {content}");
    Ok(())
}

/// Whether the chart's objects are there, with the values of whoever installed it.
async fn is_made(world: &World, arguments: &Value, wanted: bool) -> Result<()> {
    let name = arguments["name"].as_str().unwrap_or_default();
    for kind in ["configmaps", "secrets"] {
        let path = format!("/api/v1/namespaces/{SHOP}/{kind}/{name}");
        let found = world.cluster.admin_get(&path).await.is_ok();
        ensure!(found == wanted, "{path} is {}there", if found { "" } else { "not " });
    }
    Ok(())
}
