//! Releases: helm's own program, as the person who calls.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::has;
use crate::case::Case;
use crate::charts::helm;
use crate::table::Row;
use crate::world::Person::{Alice, Bob};
use crate::world::{SHOP, World, charts};

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row {
            tool: "helm_install",
            allowed: Case::made(Alice, |world| Box::pin(to_install(world)))
                .says("deployed")
                .then(|world, arguments| Box::pin(is_there(world, arguments, true))),
            refused: Case::made(Bob, |world| Box::pin(to_install(world)))
                .refused("list", "secrets", Some(SHOP))
                .then(|world, arguments| Box::pin(is_there(world, arguments, false))),
        },
        Row {
            tool: "helm_list",
            allowed: Case::made(Alice, |world| {
                Box::pin(async {
                    install(world, "listed").await?;
                    Ok(json!({"namespace": SHOP}))
                })
            })
            .structured(has("/releases", "name", "listed")),
            refused: Case::of(Bob, json!({"namespace": SHOP})).refused(
                "list",
                "secrets",
                Some(SHOP),
            ),
        },
        Row {
            tool: "helm_uninstall",
            allowed: Case::made(Alice, |world| Box::pin(to_uninstall(world)))
                .then(|world, arguments| Box::pin(is_there(world, arguments, false))),
            refused: Case::made(Bob, |world| Box::pin(to_uninstall(world)))
                .refused("list", "secrets", Some(SHOP))
                .then(|world, arguments| Box::pin(is_there(world, arguments, true))),
        },
    ]
}

async fn to_install(world: &World) -> Result<Value> {
    let name = world.unique("installed");
    Ok(json!({"chart": "notes", "name": name, "namespace": SHOP, "values": {"replicas": 0}}))
}

async fn to_uninstall(world: &World) -> Result<Value> {
    let name = world.unique("uninstalled");
    install(world, &name).await?;
    Ok(json!({"name": name, "namespace": SHOP}))
}

async fn install(world: &World, name: &str) -> Result<()> {
    let chart = charts().join("notes");
    let chart = chart.to_str().context("no path for helm")?;
    let installed =
        helm(world, &["install", name, chart, "--namespace", SHOP, "--set", "replicas=0"]).await?;
    ensure!(installed.status.success(), "{installed:?}");
    Ok(())
}

async fn is_there(world: &World, arguments: &Value, expected: bool) -> Result<()> {
    let name = arguments["name"].as_str().unwrap_or_default();
    let path = format!("/apis/apps/v1/namespaces/{SHOP}/deployments/{name}");
    let found = world.cluster.admin_get(&path).await.is_ok();
    ensure!(found == expected, "what the release makes is there: {found}");
    Ok(())
}
