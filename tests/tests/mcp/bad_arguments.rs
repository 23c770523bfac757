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
    let none = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&none);
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut plausible = Map::new();
    for name in &required {
        let property = properties.get(*name).context("required, but not described")?;
        plausible.insert((*name).to_owned(), plausible_value(property));
    }
    let with = |name: &str, value: Option<Value>| {
        let mut arguments = plausible.clone();
        match value {
            Some(value) => drop(arguments.insert(name.to_owned(), value)),
            None => drop(arguments.remove(name)),
        }
        (name.to_owned(), Value::Object(arguments))
    };
    let mut cases = vec![with(UNKNOWN, Some(json!(1)))];
    cases.extend(required.iter().map(|name| with(name, None)));
    cases.extend(properties.iter().map(|(name, property)| with(name, Some(wrong(property)))));
    Ok(cases)
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
