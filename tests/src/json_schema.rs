//! As much of JSON Schema as our own schema is written in. A word that is not known here is an error: nothing is
//! passed over.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Map, Value};

/// Whether a value is as the schema says; the error says where it is not.
pub fn check(schema: &Value, value: &Value) -> Result<()> {
    let schema = schema.as_object().context("a schema that is no object")?;
    for (word, wanted) in schema {
        word_holds(schema, word, wanted, value)
            .with_context(|| format!("{word}: {wanted} does not hold for {value}"))?;
    }
    Ok(())
}

fn word_holds(
    schema: &Map<String, Value>,
    word: &str,
    wanted: &Value,
    value: &Value,
) -> Result<()> {
    let members = || value.as_object().into_iter().flatten();
    let length =
        |wanted: &Value| anyhow::Ok(usize::try_from(wanted.as_u64().context(word.to_owned())?)?);
    match word {
        "$schema" | "title" | "description" => {}
        "const" => ensure!(value == wanted),
        "enum" => ensure!(wanted.as_array().context("no list")?.contains(value)),
        "type" => {
            let types: Vec<_> =
                wanted.as_array().map_or(vec![wanted], |list| list.iter().collect());
            ensure!(types.iter().any(|name| is_of_type(value, name.as_str().unwrap_or_default())));
        }
        "minimum" => ensure!(value.as_f64() >= wanted.as_f64()),
        "pattern" => ensure!(is_hex(wanted.as_str().unwrap_or_default(), value)?),
        "required" => {
            let names = wanted.as_array().context("no list")?;
            let names = names.iter().filter_map(Value::as_str);
            names
                .map(|name| value.get(name).context(name.to_owned()))
                .collect::<Result<Vec<_>>>()?;
        }
        "properties" => {
            for (name, member) in members() {
                if let Some(schema) = wanted.get(name) {
                    check(schema, member).with_context(|| name.clone())?;
                }
            }
        }
        "additionalProperties" => {
            let named = schema.get("properties").and_then(Value::as_object);
            let others =
                members().filter(|(name, _)| named.is_none_or(|named| !named.contains_key(*name)));
            for (name, member) in others {
                match wanted {
                    Value::Bool(true) => {}
                    Value::Bool(false) => bail!("{name} is one more"),
                    schema => check(schema, member).with_context(|| name.clone())?,
                }
            }
        }
        "maxProperties" => ensure!(members().count() <= length(wanted)?),
        "items" => {
            for item in value.as_array().into_iter().flatten() {
                check(wanted, item)?;
            }
        }
        "maxItems" => ensure!(value.as_array().map_or(0, Vec::len) <= length(wanted)?),
        "oneOf" => {
            let schemas = wanted.as_array().context("no list")?;
            ensure!(schemas.iter().filter(|schema| check(schema, value).is_ok()).count() == 1);
        }
        _ => bail!("a word that is not known here"),
    }
    Ok(())
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match name {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        _ => false,
    }
}

/// So many hexadecimal digits: the only pattern there is.
fn is_hex(pattern: &str, value: &Value) -> Result<bool> {
    let digits = pattern.strip_prefix("^[0-9a-f]{").and_then(|rest| rest.strip_suffix("}$"));
    let digits: usize = digits.context("a pattern that is not known here")?.parse()?;
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    Ok(value.as_str().is_some_and(|text| text.len() == digits && text.bytes().all(is_digit)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_fits_is_taken_and_what_does_not_is_named() {
        let schema = json!({
            "type": "object",
            "properties": {
                "kind": {"const": "a"},
                "digest": {"type": "string", "pattern": "^[0-9a-f]{4}$"},
                "count": {"type": "integer", "minimum": 0},
                "list": {"type": "array", "items": {"enum": ["x", "y"]}, "maxItems": 2},
                "any": {"additionalProperties": {"oneOf": [{"type": ["string", "null"]}, {"type": "object"}]}},
            },
            "required": ["kind"],
            "additionalProperties": false,
        });
        for good in [
            json!({"kind": "a"}),
            json!({"kind": "a", "digest": "00af", "count": 0, "list": ["x", "y"]}),
            json!({"kind": "a", "any": {"b": null, "c": "d", "e": {}}}),
        ] {
            check(&schema, &good).unwrap();
        }
        for (bad, said) in [
            (json!([]), "does not hold for []"),
            (json!({}), "required"),
            (json!({"kind": "b"}), "const"),
            (json!({"kind": "a", "digest": "00aF"}), "pattern"),
            (json!({"kind": "a", "digest": "00aff"}), "pattern"),
            (json!({"kind": "a", "count": -1}), "minimum"),
            (json!({"kind": "a", "count": "1"}), "type"),
            (json!({"kind": "a", "list": ["z"]}), "enum"),
            (json!({"kind": "a", "list": ["x", "x", "x"]}), "maxItems"),
            (json!({"kind": "a", "any": {"b": 1}}), "oneOf"),
            (json!({"kind": "a", "more": 1}), "more is one more"),
        ] {
            let error = format!("{:#}", check(&schema, &bad).unwrap_err());
            assert!(error.contains(said), "{bad}: {error}");
        }
        assert!(check(&json!({"maxLength": 1}), &json!("")).is_err(), "not passed over");
    }
}
