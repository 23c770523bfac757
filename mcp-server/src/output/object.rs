//! One object, as YAML to read.

use schemars::JsonSchema;
use serde::Serialize;

use super::Reply;
use super::text::{BoundedText, MAX_TEXT_BYTES, one_line};
use crate::cluster::Shown;

/// More fields than the top of an object has.
const MAX_NAMED: usize = 64;

/// An object, without `managedFields`: they are most of its bytes and none of its meaning.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Object {
    /// The object, with its apiVersion, kind and metadata.
    object: Shown,
    /// The fields at its top that were left out, if it was too large to be shown whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<String>,
}

impl Object {
    /// Takes what may be shown.
    pub(crate) fn new(object: Shown) -> Self {
        Self { object, left_out: Vec::new() }
    }

    /// The object to read, in YAML.
    pub(crate) fn reply(mut self) -> Reply<Self> {
        // Deep nesting makes YAML many times as long as its JSON: writing ends where reading would.
        let mut text = BoundedText::default();
        let written = serde_yaml_ng::to_writer(&mut text, &self.object);
        let text = text.finish(written.is_err());
        self.cut();
        Reply { structured: self, text }
    }

    /// Leaves out what does not fit into the bound, the smaller fields first to stay.
    fn cut(&mut self) {
        let mut sizes: Vec<(usize, String)> = self
            .object
            .as_map()
            .iter()
            .map(|(name, value)| (name.len() + value.to_string().len(), name.clone()))
            .collect();
        sizes.sort();
        let mut sum = 0_usize;
        for (bytes, name) in sizes {
            sum = sum.saturating_add(bytes);
            if sum > MAX_TEXT_BYTES {
                self.object.remove(&name);
                self.left_out.push(one_line(&name));
            }
        }
        self.left_out.truncate(MAX_NAMED);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cluster::{Noise, RawObject};

    fn shown(object: Value) -> Shown {
        RawObject::of(object).show(Noise::Dropped)
    }

    #[test]
    fn an_object_is_yaml() {
        let reply = Object::new(shown(json!({"kind": "Pod", "metadata": {"name": "web"}}))).reply();
        assert_eq!(reply.text, "kind: Pod\nmetadata:\n  name: web\n");
        assert_eq!(
            json!(reply.structured),
            json!({"object": {"kind": "Pod", "metadata": {"name": "web"}}})
        );
    }

    #[test]
    fn what_is_too_large_is_cut_in_text_and_structure_and_says_so() {
        let mut deep = json!("x".repeat(300));
        for _ in 0..60 {
            deep = json!([deep]);
        }
        for data in [json!("x".repeat(1 << 20)), json!(vec![deep; 2_000])] {
            let object = json!({"kind": "ConfigMap", "data": data, "metadata": {"name": "web"}});
            let reply = Object::new(shown(object)).reply();
            assert_eq!(
                json!(reply.structured),
                json!({"object": {"kind": "ConfigMap", "metadata": {"name": "web"}}, "leftOut": ["data"]})
            );
            assert!(reply.text.len() < MAX_TEXT_BYTES + 200, "{}", reply.text.len());
            assert!(reply.text.ends_with("bytes are shown]\n"));
        }
    }
}
