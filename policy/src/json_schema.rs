//! What of JSON Schema has a type in Cedar.

use std::sync::Arc;

use obolus_core::policy::cedar::Type;
use serde_json::{Map, Value};

/// How far references and nested schemas are followed.
const MAX_DEPTH: usize = 12;

/// What can be read of an object, and what cannot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Members {
    pub(crate) types: Vec<(Arc<str>, Type)>,
    /// Members that have no type in Cedar, at any depth, with the reason.
    pub(crate) unreadable: Vec<(Vec<String>, String)>,
}

/// The arguments of a tool.
pub(crate) fn arguments(schema: &Value) -> Members {
    let mut members = Members::default();
    let reader = Reader { root: schema };
    if let Some(object) = reader.resolved(schema, MAX_DEPTH) {
        members.types = reader.members(object, &mut Vec::new(), &mut members.unreadable);
    }
    members
}

struct Reader<'s> {
    root: &'s Value,
}

impl<'s> Reader<'s> {
    /// The schema that is meant, where another one is named.
    fn resolved(&self, schema: &'s Value, depth: usize) -> Option<&'s Map<String, Value>> {
        let object = schema.as_object()?;
        match object.get("$ref").and_then(Value::as_str) {
            None => Some(object),
            Some(reference) => {
                let pointer = reference.strip_prefix('#')?;
                self.resolved(self.root.pointer(pointer)?, depth.checked_sub(1)?)
            }
        }
    }

    fn members(
        &self,
        object: &'s Map<String, Value>,
        path: &mut Vec<String>,
        unreadable: &mut Vec<(Vec<String>, String)>,
    ) -> Vec<(Arc<str>, Type)> {
        let required = object.get("required").and_then(Value::as_array);
        let is_required = |name: &str| {
            required.is_some_and(|names| names.iter().any(|required| required == name))
        };
        let mut types = Vec::new();
        let properties = object.get("properties").and_then(Value::as_object);
        for (name, schema) in properties.into_iter().flatten() {
            path.push(name.clone());
            match self.of(schema, path, unreadable) {
                Ok(of @ Type::Optional(_)) => types.push((name.as_str().into(), of)),
                Ok(of) if is_required(name) => types.push((name.as_str().into(), of)),
                Ok(of) => types.push((name.as_str().into(), Type::Optional(Box::new(of)))),
                Err(why) => unreadable.push((path.clone(), why)),
            }
            path.pop();
        }
        types
    }

    fn of(
        &self,
        schema: &'s Value,
        path: &mut Vec<String>,
        unreadable: &mut Vec<(Vec<String>, String)>,
    ) -> Result<Type, String> {
        if path.len() > MAX_DEPTH {
            return Err("is nested too deeply".to_owned());
        }
        let Some(object) = self.resolved(schema, MAX_DEPTH) else {
            return Err("may be anything".to_owned());
        };
        for key in ["oneOf", "anyOf", "allOf"] {
            if let Some(choices) = object.get(key).and_then(Value::as_array) {
                return self.choice(key, choices, path, unreadable);
            }
        }
        let (name, is_nullable) = self.type_name(object)?;
        let of = match name {
            "string" => Type::Text,
            "integer" => Type::Long,
            "boolean" => Type::Bool,
            "number" => return Err("is a number that may have a fraction".to_owned()),
            "array" => match object.get("items") {
                Some(items) if !object.contains_key("prefixItems") => {
                    let inner = unreadable.len();
                    let of = self.of(items, path, unreadable)?;
                    // A policy cannot read into a Set, so what stands in it is read whole or not at all.
                    if unreadable.len() > inner {
                        return Err("is an array of what has no type in Cedar".to_owned());
                    }
                    Type::Set(Box::new(of))
                }
                _ => return Err("is an array of anything".to_owned()),
            },
            "object" if object.contains_key("properties") => {
                Type::Record(self.members(object, path, unreadable))
            }
            "object" => return Err("is an object whose members have no fixed names".to_owned()),
            other => return Err(format!("is of type {other}")),
        };
        Ok(if is_nullable { Type::Optional(Box::new(of)) } else { of })
    }

    /// One alternative beside null is an optional value; anything else has no type in Cedar.
    fn choice(
        &self,
        key: &str,
        choices: &'s [Value],
        path: &mut Vec<String>,
        unreadable: &mut Vec<(Vec<String>, String)>,
    ) -> Result<Type, String> {
        let is_null = |choice: &&Value| choice.get("type").is_some_and(|name| name == "null");
        let rest: Vec<_> = choices.iter().filter(|choice| !is_null(choice)).collect();
        let &[only] = rest.as_slice() else {
            return Err(format!("is one of several types ({key})"));
        };
        let of = self.of(only, path, unreadable)?;
        let is_nullable = rest.len() < choices.len() && !matches!(of, Type::Optional(_));
        Ok(if is_nullable { Type::Optional(Box::new(of)) } else { of })
    }

    /// The one type beside null, and whether null is another.
    fn type_name(&self, object: &'s Map<String, Value>) -> Result<(&'s str, bool), String> {
        let nullable = object.get("nullable") == Some(&Value::Bool(true));
        match object.get("type") {
            Some(Value::String(name)) => Ok((name, nullable)),
            Some(Value::Array(names)) => {
                let rest: Vec<_> = names.iter().filter(|name| *name != "null").collect();
                match rest.as_slice() {
                    [Value::String(name)] => Ok((name, rest.len() < names.len() || nullable)),
                    _ => Err("is of several types".to_owned()),
                }
            }
            _ => {
                let values = object.get("enum").and_then(Value::as_array);
                let texts = values.is_some_and(|values| values.iter().all(Value::is_string))
                    || object.get("const").is_some_and(Value::is_string);
                if texts { Ok(("string", nullable)) } else { Err("may be anything".to_owned()) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_has_a_type_in_cedar_gets_it_and_what_has_none_is_told_with_the_reason() {
        let schema = json!({
            "type": "object",
            "required": ["name", "replicas", "spec"],
            "properties": {
                "name": {"type": "string"},
                "replicas": {"type": "integer"},
                "dryRun": {"type": ["boolean", "null"]},
                "labels": {"type": "array", "items": {"enum": ["a", "b"]}},
                "since": {"anyOf": [{"$ref": "#/$defs/Since"}, {"type": "null"}]},
                "spec": {"type": "object", "required": ["kind"], "properties":
                    {"kind": {"type": "string"}, "port": {"oneOf": [{"type": "string"}, {"type": "integer"}]}}},
                "ratio": {"type": "number"},
                "free": {},
                "map": {"type": "object", "additionalProperties": {"type": "string"}},
                "list": {"type": "array"},
            },
            "$defs": {"Since": {"type": "string"}},
        });
        let members = arguments(&schema);
        let types: serde_json::Map<_, _> =
            members.types.iter().map(|(name, of)| (name.to_string(), of.to_json())).collect();
        assert_eq!(
            Value::Object(types),
            json!({
                "name": "String",
                "replicas": "Long",
                "dryRun": ["?", "Bool"],
                "labels": ["?", ["Set", "String"]],
                "since": ["?", "String"],
                "spec": {"kind": "String"},
            })
        );
        let mut unreadable: Vec<_> = members
            .unreadable
            .iter()
            .map(|(path, why)| format!("{} {why}", path.join(".")))
            .collect();
        unreadable.sort();
        assert_eq!(
            unreadable,
            [
                "free may be anything",
                "list is an array of anything",
                "map is an object whose members have no fixed names",
                "ratio is a number that may have a fraction",
                "spec.port is one of several types (oneOf)",
            ]
        );
    }
}
