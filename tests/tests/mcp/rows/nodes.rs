//! What nodes say of themselves.

use anyhow::{Result, ensure};
use obolus_tests::fixtures::cluster::KUBELET_NODE;
use serde_json::{Value, json};

use super::has;
use crate::case::Case;
use crate::table::Row;
use crate::world::Person::{Alice, Bob};
use crate::world::{SHOP, World};

pub(super) fn rows() -> Vec<Row> {
    let log = || json!({"name": KUBELET_NODE, "query": "kubelet", "tailLines": 3});
    vec![
        Row {
            tool: "nodes_log",
            allowed: Case::of(Alice, log()).says("entry 000997").structured(|content| {
                let log = content["log"].as_str().unwrap_or_default();
                ensure!(log.lines().count() == 3, "not three lines: {log}");
                Ok(())
            }),
            refused: Case::of(Bob, log()).refused("get", "nodes/proxy", None),
        },
        Row {
            tool: "nodes_stats_summary",
            allowed: Case::of(Alice, json!({"name": KUBELET_NODE}))
                .holds("/node/cpuMillicores", json!(321)),
            refused: Case::of(Bob, json!({"name": KUBELET_NODE})).refused(
                "get",
                "nodes/proxy",
                None,
            ),
        },
        Row {
            tool: "nodes_top",
            allowed: Case::made(Alice, |world| {
                Box::pin(async {
                    measured(world).await?;
                    Ok(json!({}))
                })
            })
            .structured(has("/nodes", "name", KUBELET_NODE))
            .structured(has("/nodes", "name", "node-1")),
            refused: Case::of(Bob, json!({})).refused("list", "nodes.metrics.k8s.io", None),
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
                let count = content["pods"].as_array().map_or(0, Vec::len);
                ensure!(count == 2, "{count} pods: {content}");
                Ok(())
            }),
            refused: Case::of(Bob, json!({"namespace": SHOP})).refused(
                "list",
                "pods.metrics.k8s.io",
                Some(SHOP),
            ),
        },
    ]
}

/// Waits until the pods that are there from the start have been measured.
async fn measured(world: &World) -> Result<()> {
    let pods = "/api/v1/namespaces/shop/pods?labelSelector=app%3Dweb";
    let pods: Value = world.cluster.admin_get(pods).await?;
    for pod in pods["items"].as_array().into_iter().flatten() {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        world.cluster.wait_for_metrics(SHOP, name).await?;
    }
    Ok(())
}
