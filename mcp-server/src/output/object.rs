//! One object, as YAML to read.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Reply, bounded};

/// An object as the API server holds it, without `managedFields`: they are most of its bytes and none of its meaning.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Object {
    /// The object, with its apiVersion, kind and metadata.
    object: Map<String, Value>,
}

impl Object {
    /// Takes what the API server sent.
    pub(crate) fn read(mut object: Map<String, Value>) -> Self {
        if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
            metadata.remove("managedFields");
        }
        Self { object }
    }

    /// The object to read, in YAML.
    pub(crate) fn reply(self) -> Reply<Self> {
        let text = serde_yaml_ng::to_string(&self.object).unwrap_or_else(|error| error.to_string());
        Reply { structured: self, text: bounded(text) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_is_yaml_without_managed_fields() {
        let pod = json!({"kind": "Pod", "metadata": {"name": "web", "managedFields": [{"manager": "kubelet"}]}});
        let reply = Object::read(pod.as_object().cloned().unwrap()).reply();
        assert_eq!(reply.text, "kind: Pod\nmetadata:\n  name: web\n");
        assert_eq!(
            json!(reply.structured),
            json!({"object": {"kind": "Pod", "metadata": {"name": "web"}}})
        );
    }
}
