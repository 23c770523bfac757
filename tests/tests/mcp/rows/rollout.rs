//! How workloads get from one revision to the next, and back.

use std::time::Duration;

use anyhow::{Result, ensure};
use obolus_tests::deadline::eventually;
use serde_json::{Value, json};

use super::deployment;
use crate::case::Case;
use crate::table::Row;
use crate::world::Person::{Alice, Bob};
use crate::world::{SHOP, WAREHOUSE, World};

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row {
            tool: "rollout_history",
            allowed: Case::made(Alice, |world| Box::pin(two_revisions(world))).structured(
                |content| {
                    let count = content["revisions"].as_array().map_or(0, Vec::len);
                    ensure!(count == 2, "{count} revisions: {content}");
                    Ok(())
                },
            ),
            refused: Case::made(Bob, |world| Box::pin(two_revisions(world))).refused(
                "list",
                "replicasets.apps",
                Some(SHOP),
            ),
        },
        Row {
            tool: "rollout_restart",
            allowed: Case::made(Alice, |world| Box::pin(one_revision(world)))
                .then(|world, arguments| Box::pin(restarted(world, arguments, true))),
            refused: Case::made(Bob, |world| Box::pin(one_revision(world)))
                .refused("patch", "deployments.apps", Some(SHOP))
                .then(|world, arguments| Box::pin(restarted(world, arguments, false))),
        },
        Row {
            tool: "rollout_status",
            allowed: Case::of(Bob, json!({"kind": "Deployment", "namespace": SHOP, "name": "web"}))
                .says("web"),
            refused: Case::of(
                Bob,
                json!({"kind": "Deployment", "namespace": WAREHOUSE, "name": "web"}),
            )
            .refused("get", "deployments.apps", Some(WAREHOUSE)),
        },
        Row {
            tool: "rollout_undo",
            allowed: Case::made(Alice, |world| Box::pin(two_revisions(world)))
                .holds("/toRevision", json!(1))
                .then(|world, arguments| Box::pin(has_image(world, arguments, "1.0"))),
            refused: Case::made(Bob, |world| Box::pin(two_revisions(world)))
                .refused("list", "replicasets.apps", Some(SHOP))
                .then(|world, arguments| Box::pin(has_image(world, arguments, "2.0"))),
        },
    ]
}

async fn one_revision(world: &World) -> Result<Value> {
    let name = world.unique("rolled");
    world.cluster.admin_apply(&deployment(&name, SHOP, 1)).await?;
    Ok(json!({"kind": "Deployment", "namespace": SHOP, "name": name}))
}

/// First with 1.0, then with 2.0 of its image.
async fn two_revisions(world: &World) -> Result<Value> {
    let arguments = one_revision(world).await?;
    let name = arguments["name"].as_str().unwrap_or_default();
    revision(world, &arguments, 1).await?;
    let mut object = deployment(name, SHOP, 1);
    object["spec"]["template"]["spec"]["containers"][0]["image"] =
        json!("example.test/shop/web:2.0");
    world.cluster.admin_apply(&object).await?;
    revision(world, &arguments, 2).await?;
    Ok(arguments)
}

/// Waits until the Deployment has come to this revision.
async fn revision(world: &World, arguments: &Value, number: u32) -> Result<()> {
    eventually("the Deployment's next revision", Duration::from_secs(30), || async {
        let object = read(world, arguments).await?;
        let found = &object["metadata"]["annotations"]["deployment.kubernetes.io/revision"];
        ensure!(*found == number.to_string(), "{found}");
        Ok(())
    })
    .await
}

async fn read(world: &World, arguments: &Value) -> Result<Value> {
    let name = arguments["name"].as_str().unwrap_or_default();
    world.cluster.admin_get(&format!("/apis/apps/v1/namespaces/{SHOP}/deployments/{name}")).await
}

async fn restarted(world: &World, arguments: &Value, expected: bool) -> Result<()> {
    let object = read(world, arguments).await?;
    let template = &object["spec"]["template"]["metadata"]["annotations"];
    let found = template.get("kubectl.kubernetes.io/restartedAt").is_some();
    ensure!(found == expected, "restarted: {found}, {template}");
    Ok(())
}

async fn has_image(world: &World, arguments: &Value, tag: &str) -> Result<()> {
    let object = read(world, arguments).await?;
    let image = &object["spec"]["template"]["spec"]["containers"][0]["image"];
    ensure!(image.as_str().is_some_and(|image| image.ends_with(tag)), "{image}");
    Ok(())
}
