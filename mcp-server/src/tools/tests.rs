use serde_json::{Value, json};

use super::*;

fn definitions() -> Vec<Value> {
    Tools::chosen(&ToolChoice::default(), None)
        .unwrap()
        .definitions()
        .iter()
        .map(|tool| serde_json::to_value(tool).unwrap())
        .collect()
}

/// A property without what is ours: the description, and the header that mirrors it.
fn bare(property: &Value) -> Value {
    let mut property = property.as_object().cloned().unwrap();
    property.remove("description");
    property.remove("x-mcp-header");
    Value::Object(property)
}

#[test]
fn parameters_and_annotations_are_those_of_kubernetes_mcp_server() {
    let parity: Value = serde_json::from_str(include_str!("parity.json")).unwrap();
    let definitions = definitions();
    for (name, theirs) in parity.as_object().unwrap() {
        let ours = definitions.iter().find(|tool| tool["name"] == json!(name));
        let ours = ours.unwrap_or_else(|| panic!("{name} is missing"));
        let schema = &ours["inputSchema"];
        let required: Vec<_> = schema["required"].as_array().into_iter().flatten().collect();
        for (key, property) in schema["properties"].as_object().into_iter().flatten() {
            let is_required = required.contains(&&json!(key));
            let Some(theirs) = theirs["params"].get(key) else {
                assert!(!is_required, "{name} {key}: calls that are made to them would fail");
                continue;
            };
            let mut property = bare(property);
            property["required"] = json!(is_required);
            assert_eq!(&property, theirs, "{name} {key}");
        }
        for key in theirs["params"].as_object().unwrap().keys() {
            assert!(schema["properties"].get(key).is_some(), "{name} has no {key}");
        }
        let mut annotations = ours["annotations"].clone();
        annotations.as_object_mut().unwrap().remove("title");
        assert_eq!(annotations, theirs["annotations"], "{name}");
    }
}

#[test]
fn every_tool_is_described_annotated_and_promises_its_output() {
    for tool in definitions() {
        let name = &tool["name"];
        for hint in ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"] {
            assert!(tool["annotations"][hint].is_boolean(), "{name} {hint}");
        }
        assert!(
            tool["title"].is_string() && tool["annotations"]["title"] == tool["title"],
            "{name}"
        );
        assert!(tool["description"].as_str().unwrap().len() > 10, "{name}");
        assert_eq!(tool["inputSchema"]["type"], "object", "{name}");
        assert_eq!(tool["inputSchema"]["additionalProperties"], json!(false), "{name}");
        assert_eq!(tool["outputSchema"]["type"], "object", "{name}");
        assert!(
            !tool.to_string().contains("$ref"),
            "{name}: clients differ in how well they follow references"
        );
        if let Some(namespace) = tool["inputSchema"]["properties"].get("namespace") {
            assert_eq!(namespace["x-mcp-header"], "Namespace", "{name}");
        }
    }
}

#[test]
fn the_list_is_in_the_same_order_every_time() {
    let names =
        |tools: &[Value]| tools.iter().map(|tool| tool["name"].to_string()).collect::<Vec<_>>();
    let first = names(&definitions());
    let mut sorted = first.clone();
    sorted.sort();
    assert_eq!(first, sorted);
    assert_eq!(first, names(&definitions()));
}
