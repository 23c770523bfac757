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
    move |content| {
        let items = content["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        ensure!(items.iter().any(|item| item["name"] == name), "no {name} in {content}");
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
