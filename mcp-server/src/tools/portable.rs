//! Schemas that clients of all kinds can take.

use rmcp::model::JsonObject;
use serde_json::Value;

/// A field that may be missing is never null in what we send: one type says all of it, and clients that know no unions of
/// types can take it.
pub(super) fn portable(mut schema: JsonObject) -> JsonObject {
    for_each(&mut schema);
    schema
}

/// Without what says nothing to a client: MCP's dialect is JSON Schema 2020-12 where none is named (SEP-1613), and the
/// widths of Rust's integers are formats that nobody else knows. Every model pays for each word of it.
pub(super) fn brief(mut schema: JsonObject) -> JsonObject {
    schema.remove("$schema");
    without_widths(&mut schema);
    schema
}

fn without_widths(schema: &mut JsonObject) {
    if let Some(Value::String(format)) = schema.get("format")
        && (format.starts_with("int") || format.starts_with("uint"))
    {
        schema.remove("format");
    }
    for nested in schema.values_mut() {
        match nested {
            Value::Object(nested) => without_widths(nested),
            Value::Array(items) => {
                items.iter_mut().filter_map(Value::as_object_mut).for_each(without_widths);
            }
            _ => {}
        }
    }
}

fn for_each(schema: &mut JsonObject) {
    let required: Vec<String> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect();
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for (name, property) in properties {
            if let Value::Object(property) = property
                && !required.contains(name)
            {
                without_null(property);
            }
        }
    }
    for nested in schema.values_mut() {
        match nested {
            Value::Object(nested) => for_each(nested),
            Value::Array(items) => {
                for nested in items.iter_mut().filter_map(Value::as_object_mut) {
                    for_each(nested);
                }
            }
            _ => {}
        }
    }
}

fn without_null(property: &mut JsonObject) {
    let Some(Value::Array(types)) = property.get_mut("type") else { return };
    types.retain(|name| name != "null");
    if let [only] = types.as_slice() {
        let only = only.clone();
        property.insert("type".to_owned(), only);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn formats_that_others_know_stay_and_so_does_a_field_of_that_name() {
        let schema = json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "properties": {
            "count": {"type": "integer", "format": "uint32", "minimum": 0},
            "at": {"type": "string", "format": "date-time"},
            "format": {"type": "string"},
        }});
        let expected = json!({"type": "object", "properties": {
            "count": {"type": "integer", "minimum": 0},
            "at": {"type": "string", "format": "date-time"},
            "format": {"type": "string"},
        }});
        assert_eq!(json!(brief(schema.as_object().cloned().unwrap())), expected);
    }

    #[test]
    fn what_may_be_missing_is_not_null_and_what_must_be_there_may_be() {
        let schema = json!({"type": "object", "required": ["must"], "properties": {
            "may": {"type": ["string", "null"]},
            "must": {"type": ["string", "null"]},
            "either": {"type": ["string", "integer", "null"]},
            "list": {"type": "array", "items": {"type": "object", "properties": {"deep": {"type": ["integer", "null"]}}}},
        }});
        let schema = json!(portable(schema.as_object().cloned().unwrap()));
        assert_eq!(schema["properties"]["may"]["type"], "string");
        assert_eq!(schema["properties"]["must"]["type"], json!(["string", "null"]));
        assert_eq!(schema["properties"]["either"]["type"], json!(["string", "integer"]));
        assert_eq!(schema["properties"]["list"]["items"]["properties"]["deep"]["type"], "integer");
    }
}
