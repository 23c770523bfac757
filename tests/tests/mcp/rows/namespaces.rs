//! Namespaces, what OpenShift makes of them, and what happens in them.

use std::time::Duration;

use anyhow::Result;
use obolus_tests::deadline::eventually;
use serde_json::{Value, json};

use super::{has, lists};
use crate::case::Case;
use crate::table::Row;
use crate::world::Person::{Alice, Bob};
use crate::world::{SHOP, World};

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row {
            tool: "events_list",
            allowed: Case::made(Alice, |world| Box::pin(an_event(world)))
                .structured(has("/events", "reason", "OutOfStock"))
                .says("nothing left to sell"),
            refused: Case::of(Bob, json!({"namespace": SHOP})).refused(
                "list",
                "events",
                Some(SHOP),
            ),
        },
        Row {
            tool: "namespaces_list",
            allowed: Case::of(Alice, json!({})).structured(lists("warehouse")).says("warehouse"),
            refused: Case::of(Bob, json!({})).refused("list", "namespaces", None),
        },
        Row {
            tool: "projects_list",
            allowed: Case::made(Alice, |world| Box::pin(a_project(world)))
                .structured(lists("clearance")),
            refused: Case::made(Bob, |world| Box::pin(a_project(world))).refused(
                "list",
                "projects.project.openshift.io",
                None,
            ),
        },
    ]
}

async fn an_event(world: &World) -> Result<Value> {
    let name = world.unique("event");
    let event = json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"name": name, "namespace": SHOP},
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "name": "web", "namespace": SHOP},
        "type": "Warning", "reason": "OutOfStock", "message": "nothing left to sell", "count": 3,
        "source": {"component": "till"},
        "firstTimestamp": "2026-11-20T08:00:00Z", "lastTimestamp": "2026-11-20T08:05:00Z",
    });
    world.cluster.admin_apply(&event).await?;
    Ok(json!({"namespace": SHOP, "fieldSelector": "reason=OutOfStock"}))
}

/// As OpenShift has them, as far as a list shows it.
async fn a_project(world: &World) -> Result<Value> {
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {
            "name": "projects.project.openshift.io",
            // The group is OpenShift's, and belongs to whoever runs this cluster.
            "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
        },
        "spec": {
            "group": "project.openshift.io", "scope": "Cluster",
            "names": {"kind": "Project", "plural": "projects", "singular": "project"},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object"}},
            }],
        },
    });
    world.cluster.admin_apply(&definition).await?;
    let project = json!({
        "apiVersion": "project.openshift.io/v1", "kind": "Project", "metadata": {"name": "clearance"},
    });
    eventually("the kind Project", Duration::from_secs(30), || world.cluster.admin_apply(&project))
        .await?;
    Ok(json!({}))
}
