//! The argument by which a call names one of several clusters: the same for every tool, and taken out of the arguments
//! before the tool sees them ([`crate::cluster::Clusters::chosen`]).

use std::sync::Arc;

use rmcp::model::{JsonObject, Tool};
use serde_json::{Value, json};

use crate::cluster::{CONTEXT, Contexts};
use crate::config::ContextName;

/// Adds the argument to a tool's schema. Its header lets a gateway that has checked it route by it.
pub(super) fn add(tool: &mut Tool, contexts: &Contexts) {
    let names: Vec<_> = contexts.names.iter().map(ContextName::as_str).collect();
    let argument = json!({
        "type": "string",
        "description": format!("The cluster; {} if left out", contexts.default),
        "enum": names,
        "x-mcp-header": "Context",
    });
    let schema: &mut JsonObject = Arc::make_mut(&mut tool.input_schema);
    let properties = schema.entry("properties").or_insert_with(|| json!({}));
    if let Value::Object(properties) = properties {
        properties.insert(CONTEXT.to_owned(), argument);
    }
}
