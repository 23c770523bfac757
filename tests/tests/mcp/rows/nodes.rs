//! What nodes say of themselves.

use anyhow::ensure;
use obolus_tests::fixtures::cluster::KUBELET_NODE;
use serde_json::json;

use super::pods::measured;
use crate::case::Case;
use crate::table::Row;
use crate::world::Person::{Alice, Bob};

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row {
            tool: "nodes_log",
            allowed: Case::of(
                Alice,
                json!({"name": KUBELET_NODE, "query": "kubelet", "tailLines": 2}),
            )
            .says("entry 000999 of the journal of kubelet")
            .structured(|content| {
                let log = content["log"].as_str().unwrap_or_default();
                ensure!(log.lines().count() == 2, "not two lines: {content}");
                Ok(())
            }),
            refused: Case::of(Bob, json!({"name": KUBELET_NODE, "query": "kubelet"})).refused(
                "get",
                "nodes/proxy",
                None,
            ),
        },
        Row {
            tool: "nodes_stats_summary",
            allowed: Case::of(Alice, json!({"name": KUBELET_NODE})).structured(|content| {
                let used = content["node"]["memoryWorkingSetBytes"].as_u64();
                ensure!(used.is_some_and(|used| used > 0), "the node uses nothing: {content}");
                Ok(())
            }),
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
            .says("CPU%")
            .structured(|content| {
                let nodes = content["nodes"].as_array().map(Vec::as_slice).unwrap_or_default();
                let used = |name| nodes.iter().any(|node| node[name].as_i64() > Some(0));
                ensure!(used("memoryBytes"), "no node uses memory: {content}");
                Ok(())
            }),
            refused: Case::of(Bob, json!({})).refused("list", "nodes", None),
        },
    ]
}
