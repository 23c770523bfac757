//! An object that is read without its managedFields.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

/// They are most of an object's bytes, and hardly ever wanted: passed over as they are read, they cost next to nothing.
#[derive(Debug)]
pub(super) struct WithoutManagedFields(pub(super) Map<String, Value>);

impl<'de> Deserialize<'de> for WithoutManagedFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object).map(Self)
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Map<String, Value>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            let value = match key.as_str() {
                "metadata" => Value::Object(fields.next_value::<Metadata>()?.0),
                _ => fields.next_value()?,
            };
            object.insert(key, value);
        }
        Ok(object)
    }
}

struct Metadata(Map<String, Value>);

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OfMetadata).map(Self)
    }
}

struct OfMetadata;

impl<'de> Visitor<'de> for OfMetadata {
    type Value = Map<String, Value>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object's metadata")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut metadata = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            if key == "managedFields" {
                fields.next_value::<IgnoredAny>()?;
            } else {
                metadata.insert(key, fields.next_value()?);
            }
        }
        Ok(metadata)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_is_read_whole_but_for_its_own_managed_fields() {
        let whole = json!({
            "kind": "Pod", "status": null, "spec": {"managedFields": [1], "n": [1, 1.5, -1, "x", true]},
            "metadata": {"name": "web", "labels": {"managedFields": "a"}, "managedFields": [{"manager": "kubectl"}]},
            "managedFields": 7,
        });
        let read: WithoutManagedFields = serde_json::from_str(&whole.to_string()).unwrap();
        let mut expected = whole;
        expected["metadata"].as_object_mut().unwrap().remove("managedFields").unwrap();
        assert_eq!(Value::Object(read.0), expected);
        for none in ["[]", "7", r#"{"metadata": 7}"#, r#"{"metadata": {"managedFields": }}"#] {
            assert!(serde_json::from_str::<WithoutManagedFields>(none).is_err(), "{none}");
        }
    }
}
