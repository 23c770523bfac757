//! Objects as the API server sent them, and the form in which they may be shown.
//!
//! What comes off the wire is a [`RawObject`], which tools can look into and nobody can print. The one way into an answer
//! is [`RawObject::show`], which takes Secrets' values out: a tool that forgets to redact does not compile.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::redact::{ShownSecrets, redact, redact_pair};

/// An object as the API server sent it. It may hold the values of Secrets.
#[derive(Clone)]
pub(crate) struct RawObject {
    object: Map<String, Value>,
    shown_secrets: Arc<ShownSecrets>,
}

/// What is left out of an object that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Noise {
    /// `managedFields` and the copies of themselves that objects carry in annotations.
    Dropped,
    /// Nothing but Secrets' values: somebody asked for all of it.
    Kept,
}

/// An object that may be shown: Secrets' values are out of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Shown(Map<String, Value>);

impl RawObject {
    /// Takes what the API server sent, with the choice of the cluster that it comes from.
    pub(super) fn new(object: Map<String, Value>, shown_secrets: Arc<ShownSecrets>) -> Self {
        Self { object, shown_secrets }
    }

    /// One that nobody sent.
    #[cfg(test)]
    pub(crate) fn of(object: Value) -> Self {
        let Value::Object(object) = object else { panic!("no object: {object}") };
        Self::new(object, Arc::default())
    }

    /// A field, by its JSON Pointer (RFC 6901).
    pub(crate) fn pointer(&self, pointer: &str) -> Option<&Value> {
        let (first, rest) = pointer.strip_prefix('/')?.split_once('/').map_or_else(
            || (pointer.trim_start_matches('/'), String::new()),
            |(first, rest)| (first, format!("/{rest}")),
        );
        self.object.get(first)?.pointer(&rest)
    }

    /// A text, by its JSON Pointer.
    pub(crate) fn text(&self, pointer: &str) -> Option<&str> {
        self.pointer(pointer).and_then(Value::as_str)
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.text("/metadata/name")
    }

    pub(crate) fn namespace(&self) -> Option<&str> {
        self.text("/metadata/namespace")
    }

    pub(crate) fn kind(&self) -> Option<&str> {
        self.text("/kind")
    }

    pub(crate) fn api_version(&self) -> Option<&str> {
        self.text("/apiVersion")
    }

    /// A part of it, which is redacted as it would be in its place.
    pub(crate) fn part(&self, object: Map<String, Value>) -> Self {
        Self::new(object, Arc::clone(&self.shown_secrets))
    }

    /// The items of a list leave out what they are; the list says it of all.
    pub(super) fn with_type(mut self, api_version: &str, kind: &str) -> Self {
        for (key, value) in [("apiVersion", api_version), ("kind", kind)] {
            self.object.entry(key).or_insert_with(|| Value::from(value));
        }
        self
    }

    /// Two states of one object in the form that may be shown, without noise and without what every change changes. A value
    /// of a Secret that is not the same on both sides is shown to differ.
    pub(crate) fn show_change(before: Option<Self>, after: Option<Self>) -> (Shown, Shown) {
        let shown_secrets =
            before.as_ref().or(after.as_ref()).map(|raw| Arc::clone(&raw.shown_secrets));
        let side = |raw: Option<Self>| {
            let mut object = raw.map(|raw| raw.object).unwrap_or_default();
            drop_noise(&mut object);
            if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
                metadata.retain(|key, _| !MADE_BY_THE_SERVER.contains(&key.as_str()));
            }
            object
        };
        let (mut before, mut after) = (side(before), side(after));
        redact_pair(&mut before, &mut after, &shown_secrets.unwrap_or_default());
        (Shown(before), Shown(after))
    }

    /// The form that may be shown.
    pub(crate) fn show(self, noise: Noise) -> Shown {
        let mut object = self.object;
        if noise == Noise::Dropped {
            drop_noise(&mut object);
        }
        redact(&mut object, &self.shown_secrets);
        Shown(object)
    }
}

/// Its name and kind alone.
impl fmt::Debug for RawObject {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "RawObject({:?} {:?})", self.kind(), self.name())
    }
}

/// Annotations in which `kubectl apply` and its kin keep the whole object once more.
pub(super) const COPIES: [&str; 5] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "kapp.k14s.io/original",
    "kapp.k14s.io/original-diff",
    "objectset.rio.cattle.io/applied",
    "banzaicloud.com/last-applied",
];

/// What the API server writes itself, anew with each change or each object.
const MADE_BY_THE_SERVER: [&str; 4] = ["creationTimestamp", "generation", "resourceVersion", "uid"];

fn drop_noise(object: &mut Map<String, Value>) {
    let Some(Value::Object(metadata)) = object.get_mut("metadata") else { return };
    metadata.remove("managedFields");
    let Some(Value::Object(annotations)) = metadata.get_mut("annotations") else { return };
    annotations.retain(|key, _| !COPIES.contains(&key.as_str()));
    if annotations.is_empty() {
        metadata.remove("annotations");
    }
}

impl Shown {
    /// The object.
    pub(crate) fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Its fields, in the order in which they are written.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&String, &Value)> {
        let first = FIRST.iter().filter_map(|&key| self.0.get_key_value(key));
        let others =
            self.0.iter().filter(|(key, _)| !FIRST.contains(&key.as_str()) && *key != LAST);
        first.chain(others).chain(self.0.get_key_value(LAST))
    }

    /// Whether there is nothing to show.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes a field at its top away.
    pub(crate) fn remove(&mut self, field: &str) {
        self.0.remove(field);
    }
}

/// What it is comes first and how it fares last, as people know it from `kubectl`.
impl Serialize for Shown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.entries())
    }
}

const FIRST: [&str; 4] = ["apiVersion", "kind", "metadata", "spec"];
const LAST: &str = "status";

impl JsonSchema for Shown {
    fn schema_name() -> Cow<'static, str> {
        "Object".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": true })
    }

    fn inline_schema() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_is_looked_into_and_shown_without_noise_and_printed_by_its_name_alone() {
        let pod = json!({
            "kind": "Pod",
            "metadata": {
                "name": "web",
                "managedFields": [{"manager": "kubelet"}],
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
            },
            "spec": {"containers": [{"image": "nginx"}]},
        });
        let pod = RawObject::of(pod);
        assert_eq!(pod.text("/spec/containers/0/image"), Some("nginx"));
        assert_eq!(pod.text("/kind"), Some("Pod"));
        assert_eq!(format!("{pod:?}"), r#"RawObject(Some("Pod") Some("web"))"#);
        let whole = pod.clone().show(Noise::Kept);
        assert!(whole.as_map()["metadata"].get("managedFields").is_some());
        let shown = pod.show(Noise::Dropped);
        assert_eq!(shown.as_map()["metadata"], json!({"name": "web"}));
    }

    #[test]
    fn a_change_is_shown_without_what_every_change_changes() {
        let state = |version: &str, image: &str| {
            RawObject::of(json!({
                "kind": "Pod", "spec": {"image": image},
                "metadata": {"name": "web", "resourceVersion": version, "generation": 3, "managedFields": [version]},
            }))
        };
        let (before, after) = RawObject::show_change(Some(state("1", "a")), Some(state("2", "b")));
        assert_eq!(before.as_map()["metadata"], json!({"name": "web"}));
        assert_eq!(after.as_map()["metadata"], json!({"name": "web"}));
        assert_eq!(after.as_map()["spec"], json!({"image": "b"}));
        let (nothing, made) = RawObject::show_change(None, Some(state("1", "a")));
        assert!(nothing.as_map().is_empty() && made.as_map().contains_key("spec"));
    }
}
