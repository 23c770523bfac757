//! What happened, what belongs together, and what kinds there are.

use std::time::Duration;

use anyhow::{Result, ensure};
use obolus_tests::deadline::eventually;
use serde_json::{Value, json};

use super::lists;
use crate::case::Case;
use crate::table::Row;
use crate::world::Person::{Alice, Bob, Stranger};
use crate::world::{SHOP, WAREHOUSE, World};

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row {
            tool: "api_resources",
            allowed: Case::of(Bob, json!({"group": "apps", "namespaced": true}))
                .says("deploy")
                .structured(|content| {
                    let kinds = content["kinds"].as_array().map(Vec::as_slice).unwrap_or_default();
                    let of_apps = |kind: &Value| kind["apiVersion"] == "apps/v1";
                    ensure!(!kinds.is_empty() && kinds.iter().all(of_apps), "{content}");
                    Ok(())
                }),
            refused: Case::of(Stranger, json!({})).not_accepted(),
        },
        Row {
            tool: "events_list",
            allowed: Case::made(Alice, |world| Box::pin(told(world))).structured(|content| {
                let events = content["events"].as_array().map(Vec::as_slice).unwrap_or_default();
                let times: Vec<_> = events.iter().map(|event| event["lastSeen"].as_str()).collect();
                ensure!(times == [Some("2026-11-22T09:00:00Z"), Some("2026-11-22T08:00:00Z")], "{content}");
                Ok(())
            }),
            refused: Case::of(Bob, json!({"namespace": SHOP})).refused("list", "events", Some(SHOP)),
        },
        Row {
            tool: "explain",
            allowed: Case::of(Bob, json!({"path": "deployments.spec.template.spec.containers"}))
                .holds("/type", json!("[]Container"))
                .says("image <string>"),
            refused: Case::of(Stranger, json!({"path": "pods"})).not_accepted(),
        },
        Row {
            tool: "projects_list",
            allowed: Case::made(Alice, |world| Box::pin(projects(world))).structured(lists("shop-project")),
            refused: Case::made(Bob, |world| Box::pin(projects(world))).refused(
                "list",
                "projects.project.openshift.io",
                None,
            ),
        },
        Row {
            tool: "resources_describe",
            allowed: Case::made(Alice, |world| Box::pin(pod_of_a_deployment(world)))
                .holds("/owners/0/kind", json!("ReplicaSet"))
                .holds("/owners/1/kind", json!("Deployment"))
                .holds("/owners/1/name", json!("web"))
                .says("Belongs to:"),
            refused: Case::of(
                Bob,
                json!({"apiVersion": "v1", "kind": "ConfigMap", "namespace": WAREHOUSE, "name": "x"}),
            )
            .refused("get", "configmaps", Some(WAREHOUSE)),
        },
    ]
}

/// Two events about a pod that is not there.
async fn told(world: &World) -> Result<Value> {
    let name = world.unique("told-about");
    for time in ["08", "09"] {
        let event = json!({
            "apiVersion": "v1", "kind": "Event", "type": "Warning", "reason": "BackOff", "message": "again",
            "metadata": {"name": format!("{name}.{time}"), "namespace": SHOP},
            "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": SHOP, "name": name},
            "lastTimestamp": format!("2026-11-22T{time}:00:00Z"), "count": 3,
        });
        world.cluster.admin_post(&format!("/api/v1/namespaces/{SHOP}/events"), &event).await?;
    }
    Ok(json!({"namespace": SHOP, "kind": "Pod", "name": name, "warnings": true}))
}

/// OpenShift's kind of that name, with one project that developers may see.
async fn projects(world: &World) -> Result<Value> {
    let group = "project.openshift.io";
    let rbac = "rbac.authorization.k8s.io";
    let open = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    for object in [
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("projects.{group}")},
            "spec": {
                "group": group, "scope": "Cluster",
                "names": {"kind": "Project", "plural": "projects", "singular": "project"},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": open}}],
            },
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "see-projects"},
            "rules": [{"apiGroups": [group], "resources": ["projects"], "verbs": ["get", "list"]}],
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": "developers-see-projects"},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "see-projects"},
            "subjects": [{"apiGroup": rbac, "kind": "Group", "name": "kc:developers"}],
        }),
    ] {
        world.cluster.admin_apply(&object).await?;
    }
    let project = json!({"apiVersion": format!("{group}/v1"), "kind": "Project", "metadata": {"name": "shop-project"}});
    eventually("the kind to be served", Duration::from_secs(30), || async {
        world.cluster.admin_apply(&project).await
    })
    .await?;
    Ok(json!({}))
}

/// A pod of the Deployment `web`.
async fn pod_of_a_deployment(world: &World) -> Result<Value> {
    let path = format!("/api/v1/namespaces/{SHOP}/pods?labelSelector=app%3Dweb");
    let name = eventually("a pod of web", Duration::from_secs(60), || async {
        let pods = world.cluster.admin_get(&path).await?;
        let name = pods["items"][0]["metadata"]["name"].as_str().map(str::to_owned);
        ensure!(name.is_some(), "none yet");
        Ok(name)
    })
    .await?;
    Ok(json!({"apiVersion": "v1", "kind": "Pod", "namespace": SHOP, "name": name}))
}
