//! The rows of the table, by what the tools are about.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::table::Row;

mod access;
mod changes;
mod config;
mod helm;
mod namespaces;
mod nodes;
mod pods;
mod resources;
mod rollouts;

pub(crate) fn all() -> Vec<Row> {
    [
        access::rows(),
        changes::rows(),
        config::rows(),
        helm::rows(),
        namespaces::rows(),
        nodes::rows(),
        pods::rows(),
        resources::rows(),
        rollouts::rows(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Some item of the structured list has this name.
fn lists(name: &'static str) -> impl Fn(&Value) -> Result<()> {
    has("/items", "name", name)
}

/// Some element of the array at the pointer has this text in this member.
fn has(
    pointer: &'static str,
    member: &'static str,
    text: &'static str,
) -> impl Fn(&Value) -> Result<()> {
    move |content| {
        let elements = content.pointer(pointer).and_then(Value::as_array);
        let elements = elements.map(Vec::as_slice).unwrap_or_default();
        let found = elements.iter().any(|element| element[member] == text);
        ensure!(found, "nothing in {pointer} has the {member} {text}: {content}");
        Ok(())
    }
}

/// A pod that says nothing about where it runs.
fn pod(name: &str, namespace: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"containers": [{"name": "web", "image": "example.test/shop/web:1.0"}]},
    })
}

/// A Deployment of this many pods.
fn deployment(name: &str, namespace: &str, replicas: u32) -> Value {
    let labels = json!({"app": name});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "web", "image": "example.test/shop/web:1.0"}]},
            },
        },
    })
}
