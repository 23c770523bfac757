//! Tools that are about their arguments.

use serde_json::{Value, json};

use super::content::said;
use crate::catalogue::{Answer, Call};

/// The schema that the suite looks for, keyword by keyword.
pub(crate) fn address() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {"address": {
            "$anchor": "addressDef",
            "type": "object",
            "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
        }},
        "properties": {
            "name": {"type": "string"},
            "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": {"type": "string"},
            "email": {"type": "string"},
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {
            "properties": {"contactMethod": {"const": "phone"}},
            "required": ["contactMethod"],
        },
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "additionalProperties": false,
    })
}

/// One argument that `Mcp-Param-Region` mirrors; the transport holds one against the other.
pub(crate) fn mirrored() -> Value {
    json!({
        "type": "object",
        "properties": {"region": {"type": "string", "x-mcp-header": "Region"}},
        "required": ["region"],
    })
}

/// Says which arguments came.
pub(crate) async fn echo(call: Call) -> Answer {
    Ok(said(Value::Object(call.arguments).to_string()).into())
}
