//! Arguments that make no sense, made from each tool's own schema: the answer is a tool error that names the parameter, and
//! the API server is not asked.

use anyhow::{Context as _, Result, ensure};
use obolus_tests::fixtures::cluster::username;
use serde_json::{Map, Value, json};

use crate::world::{Person, World};

/// A parameter that no tool has.
const UNKNOWN: &str = "surelyNotAParameter";

/// Tries every parameter of the tool; how many calls that were.
pub(crate) async fn refused(world: &World, tool: &Value) -> Result<usize> {
    let tool_name = tool["name"].as_str().context("a tool without a name")?;
    let name = world.unique(&format!("alice-bad-{}", tool_name.replace('_', "-")));
    let client = world.client(Person::Alice, &name)?;
    let cases = cases(&tool["inputSchema"])?;
    for (parameter, arguments) in &cases {
        let answer = client.call(tool_name, arguments.clone()).await?;
        let told = || format!("{tool_name} {arguments}: {} {}", answer.status, answer.body);
        ensure!(answer.is_tool_error(), "not a tool error: {}", told());
        ensure!(answer.text().contains(parameter.as_str()), "{parameter} is not named: {}", told());
    }
    world.cluster.marker().await?;
    let user = format!("kc:{name}");
    let mut asked = world.cluster.audit_events()?;
    asked.retain(|event| username(event) == user);
    ensure!(asked.is_empty(), "the API server was asked: {asked:#?}");
    Ok(cases.len())
}

/// The parameter that is wrong, and the arguments.
fn cases(schema: &Value) -> Result<Vec<(String, Value)>> {
    let mut cases = Vec::new();
    let mut add = |name: &str, arguments: Value| cases.push((name.to_owned(), arguments));
    add(UNKNOWN, plausible(schema, &[(UNKNOWN, json!(1))])?);
    for name in required(schema) {
        let mut arguments = plausible(schema, &[])?;
        arguments.as_object_mut().context("no object")?.remove(name);
        add(name, arguments);
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        add(name, plausible(schema, &[(name, wrong(property))])?);
    }
    Ok(cases)
}

/// Arguments of the right types for what is required, with these on top.
pub(crate) fn plausible(schema: &Value, others: &[(&str, Value)]) -> Result<Value> {
    let mut arguments = Map::new();
    for name in required(schema) {
        let property = schema["properties"].get(name).context("required, but not described")?;
        arguments.insert(name.to_owned(), plausible_value(property));
    }
    arguments.extend(others.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    Ok(Value::Object(arguments))
}

fn required(schema: &Value) -> Vec<&str> {
    schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn types(property: &Value) -> Vec<&str> {
    match &property["type"] {
        Value::String(one) => vec![one],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn plausible_value(property: &Value) -> Value {
    if let Some(first) = property["enum"].get(0) {
        return first.clone();
    }
    match types(property).first() {
        Some(&"integer" | &"number") => json!(1),
        Some(&"boolean") => json!(true),
        Some(&"array") => json!(["x"]),
        Some(&"object") => json!({}),
        // A version, a kind and a name alike.
        _ => json!("v1"),
    }
}

/// Of no type that the parameter has.
fn wrong(property: &Value) -> Value {
    let types = types(property);
    let has = |name: &str| types.contains(&name);
    if !has("object") { json!({"no": "such thing"}) } else { json!(["neither", 1]) }
}
