//! Which objects stand in a rendered chart.

use serde::Deserialize as _;
use serde_json::Value;

use crate::names::{ApiVersion, Kind, Namespace, ObjectName};

/// One object.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) version: ApiVersion,
    pub(super) kind: Kind,
    pub(super) namespace: Option<Namespace>,
    pub(super) name: Option<ObjectName>,
}

/// All of them, those in lists as well; `None` if one cannot be told: then nothing can be said of the whole.
pub(super) fn written_in(manifest: &str) -> Option<Vec<Written>> {
    let mut written = Vec::new();
    for document in serde_yaml_ng::Deserializer::from_str(manifest) {
        let document = Value::deserialize(document).ok()?;
        if !document.is_null() {
            collect(&document, &mut written)?;
        }
    }
    Some(written)
}

fn collect(object: &Value, written: &mut Vec<Written>) -> Option<()> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let (version, kind) = (text("/apiVersion")?, text("/kind")?);
    if let Some(items) = object.get("items").and_then(Value::as_array)
        && kind.ends_with("List")
    {
        return items.iter().try_for_each(|item| collect(item, written));
    }
    written.push(Written {
        version: ApiVersion::try_from(version).ok()?,
        kind: Kind::try_from(kind).ok()?,
        namespace: match text("/metadata/namespace") {
            Some(namespace) => Some(Namespace::try_from(namespace).ok()?),
            None => None,
        },
        name: text("/metadata/name").and_then(|name| ObjectName::try_from(name).ok()),
    });
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(manifest: &str) -> Option<Vec<String>> {
        let written = written_in(manifest)?;
        Some(written.iter().map(|one| format!("{} {}", one.version, one.kind)).collect())
    }

    #[test]
    fn every_document_is_told_and_what_is_in_lists_too() {
        let manifest = "---\n# Source: web/x.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\n---\n\n---\n\
            apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: b}}\n- {apiVersion: v1, kind: SecretList, items: [{apiVersion: v1, kind: Pod}]}\n---\n\
            {apiVersion: apps/v1, kind: Deployment, metadata: {name: web}}\n";
        assert_eq!(
            kinds(manifest).unwrap(),
            ["v1 ConfigMap", "v1 Secret", "v1 Pod", "apps/v1 Deployment"]
        );
        let first = &written_in(manifest).unwrap()[0];
        assert_eq!(first.namespace.as_ref().unwrap().as_str(), "shop");
        assert_eq!(kinds("").unwrap(), [""; 0]);
        for unclear in [
            "kind: Pod",
            "apiVersion: v1",
            "- a",
            "text",
            "apiVersion: [v1]\nkind: Pod",
            "apiVersion: v1\nkind: \"a/b\"",
            "a: b: c",
        ] {
            assert_eq!(kinds(unclear), None, "{unclear}");
        }
    }
}
