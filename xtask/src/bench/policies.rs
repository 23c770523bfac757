//! Twenty policies about fifty tools, and a server that has those tools.
//!
//! `policies/compiled.json` is what `obolus-policy compile` makes of the two files beside it; a test of `policy/` holds
//! it against them.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

const COMPILED: &str = include_str!("policies/compiled.json");
const TOOLS: &str = include_str!("policies/tools.json");

/// Adds them to the filter's configuration, in the plugin's of a listener.
pub(crate) fn add(plugin: &mut Value) -> Result<()> {
    let value =
        plugin.pointer_mut("/configuration/value").context("a plugin without configuration")?;
    let mut configuration: Value = serde_json::from_str(value.as_str().context("no text")?)?;
    let resource = configuration.pointer_mut("/resources/0").context("no resource")?;
    let resource = resource.as_object_mut().context("a resource that is no object")?;
    let compiled: Value = serde_json::from_str(COMPILED)?;
    resource.insert("access".to_owned(), json!({ "policies": compiled }));
    *value = configuration.to_string().into();
    Ok(())
}

/// What the server answers to `tools/list` with this id.
pub(crate) fn list(id: u64) -> Result<String> {
    let mut tools: Value = serde_json::from_str(TOOLS)?;
    // Tags are the policies' own, and no part of MCP.
    for tool in tools["tools"].as_array_mut().into_iter().flatten() {
        if let Some(tool) = tool.as_object_mut() {
            tool.remove("tags");
        }
    }
    Ok(json!({"jsonrpc": "2.0", "id": id, "result": tools}).to_string())
}
