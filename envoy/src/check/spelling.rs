//! One spelling for Envoy's configuration.
//!
//! Envoy takes keys in snake_case and in lowerCamelCase, and a typed configuration also as a
//! `TypedStruct`. A check that knew one spelling would be passed by the other.

use serde_json::{Map, Value};

/// The value as our generator would spell it.
pub(super) fn one_spelling(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(one_spelling).collect()),
        Value::Object(map) => object(map),
        other => other,
    }
}

fn object(mut map: Map<String, Value>) -> Value {
    let kind = map.get("@type").and_then(Value::as_str).unwrap_or_default();
    // The application's own JSON, whose spelling is its own.
    if kind.ends_with("/google.protobuf.Struct") {
        return Value::Object(map);
    }
    if kind.ends_with(".TypedStruct") {
        let type_url = map.remove("type_url").or_else(|| map.remove("typeUrl"));
        if let (Some(type_url), Some(Value::Object(mut inner))) = (type_url, map.remove("value")) {
            inner.insert("@type".to_owned(), type_url);
            return object(inner);
        }
        return Value::Null;
    }
    let members = map.into_iter().map(|(key, value)| (snake_case(&key), one_spelling(value)));
    Value::Object(members.collect())
}

/// Names of filters and hosts, which have dots or dashes, stay as they are.
fn snake_case(key: &str) -> String {
    let is_camel = key.starts_with(|first: char| first.is_ascii_lowercase())
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_camel {
        return key.to_owned();
    }
    let mut snake = String::with_capacity(key.len() + 4);
    for character in key.chars() {
        if character.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn camel_case_and_typed_structs_read_as_the_generator_writes() {
        let value = json!({"httpFilters": [{"name": "x", "typedConfig": {
            "@type": "type.googleapis.com/xds.type.v3.TypedStruct",
            "type_url": "type.googleapis.com/a.Wasm",
            "value": {"config": {"failOpen": true, "configuration": {
                "@type": "type.googleapis.com/google.protobuf.Struct",
                "value": {"maxWaiting": 1},
            }}},
        }}], "typedPerFilterConfig": {"obolus.guard": {}, "a-Bc": {}}});
        assert_eq!(
            one_spelling(value),
            json!({"http_filters": [{"name": "x", "typed_config": {
                "@type": "type.googleapis.com/a.Wasm",
                "config": {"fail_open": true, "configuration": {
                    "@type": "type.googleapis.com/google.protobuf.Struct",
                    "value": {"maxWaiting": 1},
                }},
            }}], "typed_per_filter_config": {"obolus.guard": {}, "a-Bc": {}}}),
        );
    }
}
