//! How workloads come from one revision to another.

use std::time::Duration;

use anyhow::{Result, ensure};
use obolus_tests::deadline::eventually;
use serde_json::{Value, json};

use crate::case::Case;
use crate::rollouts::{deployment, image, set_image};
use crate::table::Row;
use crate::world::Person::{Alice, Bob};
use crate::world::{SHOP, WAREHOUSE, World};

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row {
            tool: "rollout_history",
            allowed: Case::made(Alice, |world| Box::pin(twice(world)))
                .says("example.test/shop/web:2.0")
                .holds("/revisions/0/images/0", json!("example.test/shop/web:1.0"))
                .holds("/revisions/1/images/0", json!("example.test/shop/web:2.0")),
            refused: Case::made(Bob, |world| Box::pin(twice(world))).refused(
                "list",
                "replicasets.apps",
                Some(SHOP),
            ),
        },
        Row {
            tool: "rollout_restart",
            allowed: Case::made(Alice, |world| Box::pin(twice(world)))
                .then(|world, arguments| Box::pin(restarted(world, arguments, true))),
            refused: Case::made(Bob, |world| Box::pin(twice(world)))
                .refused("patch", "deployments.apps", Some(SHOP))
                .then(|world, arguments| Box::pin(restarted(world, arguments, false))),
        },
        Row {
            tool: "rollout_status",
            allowed: Case::made(Bob, |world| {
                Box::pin(async {
                    let mut arguments = twice(world).await?;
                    arguments["timeoutSeconds"] = json!(60);
                    Ok(arguments)
                })
            })
            .holds("/stage", json!("complete")),
            refused: Case::of(
                Bob,
                json!({"kind": "Deployment", "namespace": WAREHOUSE, "name": "web"}),
            )
            .refused("get", "deployments.apps", Some(WAREHOUSE)),
        },
        Row {
            tool: "rollout_undo",
            allowed: Case::made(Alice, |world| Box::pin(twice(world)))
                .holds("/changed", json!(true))
                .then(|world, arguments| Box::pin(has_image(world, arguments, "1.0"))),
            refused: Case::made(Bob, |world| Box::pin(twice(world)))
                .refused("list", "replicasets.apps", Some(SHOP))
                .then(|world, arguments| Box::pin(has_image(world, arguments, "2.0"))),
        },
    ]
}

/// A Deployment that is at its second revision, of which the controller knows.
async fn twice(world: &World) -> Result<Value> {
    let name = world.unique("rollout");
    world.cluster.admin_apply(&deployment(&name)).await?;
    let seen = |number: u32| {
        let name = name.clone();
        async move {
            let path = format!("/apis/apps/v1/namespaces/{SHOP}/deployments/{name}");
            let object = world.cluster.admin_get(&path).await?;
            let revision = &object["metadata"]["annotations"]["deployment.kubernetes.io/revision"];
            ensure!(revision == &json!(number.to_string()), "{revision}");
            ensure!(object["status"]["observedGeneration"] == object["metadata"]["generation"]);
            Ok(())
        }
    };
    eventually("the first revision", Duration::from_secs(30), || seen(1)).await?;
    set_image(world, "Deployment", &name, "example.test/shop/web:2.0").await?;
    eventually("the second revision", Duration::from_secs(30), || seen(2)).await?;
    Ok(json!({"kind": "Deployment", "namespace": SHOP, "name": name}))
}

async fn has_image(world: &World, arguments: &Value, version: &str) -> Result<()> {
    let name = arguments["name"].as_str().unwrap_or_default();
    let image = image(world, "Deployment", name).await?;
    ensure!(image.ends_with(version), "{image}");
    Ok(())
}

async fn restarted(world: &World, arguments: &Value, is: bool) -> Result<()> {
    let name = arguments["name"].as_str().unwrap_or_default();
    let path = format!("/apis/apps/v1/namespaces/{SHOP}/deployments/{name}");
    let object = world.cluster.admin_get(&path).await?;
    let annotations = &object["spec"]["template"]["metadata"]["annotations"];
    let at = annotations["kubectl.kubernetes.io/restartedAt"].as_str();
    ensure!(at.is_some() == is, "{annotations}");
    ensure!(at.is_none_or(|at| at.len() == 20 && at.ends_with('Z')), "{annotations}");
    Ok(())
}
