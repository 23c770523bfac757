//! One object, to read.

use std::collections::BTreeMap;
use std::io::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::text::{BoundedText, MAX_TEXT_BYTES, one_line};
use super::{Format, Listing, Reply, yaml};
use crate::cluster::Shown;

/// More fields than the top of an object has.
const MAX_NAMED: usize = 64;

/// An object, without `managedFields` unless they were asked for: they are most of its bytes and none of its meaning.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Object {
    /// The object, with its apiVersion, kind and metadata; not if a table was asked for.
    #[serde(default, skip_serializing_if = "Shown::is_empty")]
    object: Shown,
    /// Its columns as `kubectl get -o wide` prints them, if a table was asked for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    columns: BTreeMap<String, String>,
    /// The fields at its top that were left out, if it was too large to be shown whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<String>,
}

impl Object {
    /// Takes what may be shown.
    pub(crate) fn new(object: Shown) -> Self {
        Self { object, columns: BTreeMap::new(), left_out: Vec::new() }
    }

    /// Its row in a table.
    pub(crate) fn of_row(row: Listing) -> Reply<Self> {
        let columns = row.first_row();
        let structured = Self { object: Shown::default(), columns, left_out: Vec::new() };
        Reply { structured, text: row.reply().text }
    }

    /// The object to read, in YAML.
    pub(crate) fn reply(self) -> Reply<Self> {
        self.reply_as(Format::Yaml)
    }

    /// The object to read.
    pub(crate) fn reply_as(mut self, format: Format) -> Reply<Self> {
        // Deep nesting makes YAML many times as long as its JSON: writing ends where reading would.
        let mut text = BoundedText::default();
        let is_cut = match format {
            Format::Json => {
                let cut = serde_json::to_writer(&mut text, &self.object).is_err();
                cut || text.write_all(b"\n").is_err()
            }
            Format::Table | Format::Yaml => {
                yaml::write_map(&mut text, self.object.entries()).is_err()
            }
        };
        let text = text.finish(is_cut);
        self.cut();
        Reply { structured: self, text }
    }

    /// Leaves out what does not fit into the bound, the smaller fields first to stay.
    fn cut(&mut self) {
        let mut sizes: Vec<(usize, String)> = self
            .object
            .as_map()
            .iter()
            .map(|(name, value)| (name.len() + json_bytes(value), name.clone()))
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

/// How long a value is in JSON.
fn json_bytes(value: &Value) -> usize {
    struct Count(usize);
    impl Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    serde_json::to_writer(&mut count, value).map_or(usize::MAX, |()| count.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
        let json =
            Object::new(shown(json!({"metadata": {}, "kind": "Pod"}))).reply_as(Format::Json);
        assert_eq!(json.text, "{\"kind\":\"Pod\",\"metadata\":{}}\n");
    }

    #[test]
    fn an_objects_fields_stand_in_the_order_in_which_people_know_them() {
        let object = json!({"status": {}, "data": {}, "spec": {}, "metadata": {}, "kind": "A", "apiVersion": "v1"});
        let text = Object::new(shown(object)).reply().text;
        assert_eq!(text, "apiVersion: v1\nkind: A\nmetadata: {}\nspec: {}\ndata: {}\nstatus: {}\n");
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
