//! The files in `faults/`.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use super::bases::Base;

/// What somebody did, and what is found.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    #[serde(skip)]
    pub name: String,
    pub base: Base,
    pub change: Vec<Change>,
    /// Rule, object and path.
    pub finds: Vec<String>,
}

/// One change of the base.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    /// The object, where the base has several; one that is not there is added.
    #[serde(default, rename = "in")]
    pub object: String,
    /// A JSON pointer.
    #[serde(default)]
    pub at: String,
    /// The new value there.
    #[serde(default)]
    pub set: Option<Value>,
    /// A value to put into the list there, before what is there.
    #[serde(default)]
    pub insert: Option<Value>,
    /// From here, before what is at `at`.
    #[serde(default, rename = "move")]
    pub from: Option<String>,
    /// In the text at `at`: this, and by what it is replaced.
    #[serde(default)]
    pub replace: Option<(String, String)>,
}

impl Fault {
    /// All, in the order of their names.
    pub(crate) fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../envoy/tests/check/faults");
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.iter().map(|file| Self::read(file)).collect()
    }

    fn read(file: &Path) -> Self {
        let text = std::fs::read_to_string(file).unwrap();
        let mut fault: Self = serde_yaml_ng::from_str(&text)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        fault.name = file.file_stem().unwrap().to_string_lossy().into_owned();
        fault.finds.sort();
        fault
    }
}

impl Change {
    /// Makes the change. A change that changes nothing is a mistake in the fault's file.
    pub(crate) fn apply(&self, to: &mut Value) {
        let before = to.clone();
        let (parent, key) = self.at.rsplit_once('/').unwrap_or_default();
        let key = key.replace("~1", "/");
        if let Some(from) = &self.from {
            let (list, at) = from.rsplit_once('/').unwrap();
            let moved = list_at(to, list).remove(at.parse().unwrap());
            list_at(to, parent).insert(key.parse().unwrap(), moved);
        } else if let Some(value) = &self.insert {
            list_at(to, parent).insert(key.parse().unwrap(), value.clone());
        } else if let Some((from, by)) = &self.replace {
            let text = to.pointer_mut(&self.at).unwrap_or_else(|| panic!("{self:?}"));
            *text = text.as_str().unwrap().replace(from, by).into();
        } else if let Some(value) = &self.set {
            match to.pointer_mut(parent).unwrap_or_else(|| panic!("{self:?}")) {
                Value::Array(items) => items[key.parse::<usize>().unwrap()] = value.clone(),
                other => other[key] = value.clone(),
            }
        } else {
            match to.pointer_mut(parent).unwrap_or_else(|| panic!("{self:?}")) {
                Value::Array(items) => drop(items.remove(key.parse().unwrap())),
                other => drop(other.as_object_mut().unwrap().remove(&key)),
            }
        }
        assert!(*to != before, "changes nothing: {self:?}");
    }
}

fn list_at<'a>(value: &'a mut Value, pointer: &str) -> &'a mut Vec<Value> {
    value.pointer_mut(pointer).and_then(Value::as_array_mut).unwrap_or_else(|| panic!("{pointer}"))
}
