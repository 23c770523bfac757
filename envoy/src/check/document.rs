//! Files, and what is in them.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize as _;
use serde_json::{Value, json};

use super::finding::Finding;
use super::folder::is_kustomization_file;
use super::rule::Rule;
use super::spelling::one_spelling;

/// One object in a file, in one spelling.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) file: String,
    /// `EnvoyFilter istio-system/obolus`; empty where the file is one object.
    pub(super) object: String,
    pub(super) kind: Kind,
    pub(super) value: Value,
}

/// What a document is, told by its shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// What Envoy starts with.
    Bootstrap,
    /// What Envoy's `/config_dump` answers.
    Dump,
    /// A file that Envoy watches: listeners, clusters, routes.
    Resources,
    /// A Kubernetes object.
    Manifest,
    /// The filter's own configuration.
    FilterConfiguration,
    /// The STS's, which is TOML.
    Sts,
    /// The MCP server's.
    McpServer,
}

/// All that was read.
#[derive(Debug, Default)]
pub(super) struct Reading {
    pub(super) documents: Vec<Document>,
    pub(super) unreadable: Vec<Finding>,
    /// Files with nothing in them that concerns us.
    pub(super) others: usize,
}

/// Reads a file, or every YAML, JSON and TOML file below a folder.
pub(super) fn read(path: &Path) -> io::Result<Reading> {
    let mut reading = Reading::default();
    for file in files(path)? {
        let text = std::fs::read_to_string(&file).map_err(|error| error.to_string());
        reading.take_file(&file.display().to_string(), text);
    }
    Ok(reading)
}

/// Reads a text as if it were a file of this name.
pub(super) fn read_text(name: &str, text: &str) -> Reading {
    let mut reading = Reading::default();
    reading.take_file(name, Ok(text.to_owned()));
    reading
}

/// In the order of their names: of findings, and of what Istio applies in that order.
fn files(path: &Path) -> io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        std::fs::metadata(path)?;
        return Ok(vec![path.to_owned()]);
    }
    let mut entries: Vec<_> = std::fs::read_dir(path)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    entries.sort();
    let mut found = Vec::new();
    for entry in entries {
        let hidden = entry.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let extension = entry.extension().and_then(|extension| extension.to_str());
        if hidden {
            continue;
        } else if entry.is_dir() && !entry.is_symlink() {
            found.extend(files(&entry)?);
        } else if matches!(extension, Some("yaml" | "yml" | "json" | "toml")) {
            found.push(entry);
        }
    }
    Ok(found)
}

/// A key that stands twice in one map is a fault: readers differ in which one they take.
fn parse(text: &str) -> Result<Vec<Value>, String> {
    if text.trim_start().starts_with(['{', '['])
        && let Ok(value) = serde_json::from_str::<serde_yaml_ng::Value>(text)
    {
        return Ok(vec![to_json(value)?]);
    }
    let mut values = Vec::new();
    for document in serde_yaml_ng::Deserializer::from_str(text) {
        let mut value = serde_yaml_ng::Value::deserialize(document)
            .map_err(|error: serde_yaml_ng::Error| error.to_string())?;
        value.apply_merge().map_err(|error| error.to_string())?;
        values.push(to_json(value)?);
    }
    Ok(values)
}

fn parse_file(name: &str, text: &str) -> Result<Vec<Value>, String> {
    if Path::new(name).extension().is_none_or(|extension| extension != "toml") {
        return parse(text);
    }
    // Its message shows the line, in which may stand what is secret.
    let value: Value =
        toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_owned())?;
    Ok(vec![value])
}

fn to_json(value: serde_yaml_ng::Value) -> Result<Value, String> {
    serde_json::to_value(value).map_err(|error| error.to_string())
}

// === impl Reading ===

impl Reading {
    fn take_file(&mut self, name: &str, text: Result<String, String>) {
        // Helm's templates, which become manifests only with its values.
        let is_template = text.as_ref().is_ok_and(|text| text.contains("{{"));
        let advice = match is_template {
            true => "check what Helm makes of it: helm template CHART | cargo xtask check -",
            false => "mend the file",
        };
        match text.and_then(|text| parse_file(name, &text)) {
            Ok(values) => {
                let before = self.documents.len();
                for value in values {
                    self.take(name, value);
                }
                if self.documents.len() == before {
                    self.others += 1;
                }
            }
            Err(error) => self.unreadable.push(Finding {
                rule: Rule::Unreadable,
                file: name.to_owned(),
                object: String::new(),
                path: String::new(),
                what: format!("cannot be read, so nothing in it was checked: {error}"),
                instead: advice.to_owned(),
            }),
        }
    }

    fn take(&mut self, file: &str, value: Value) {
        let is_kustomization = value.is_object() && is_kustomization_file(file);
        let kind = Kind::of(&value).or(is_kustomization.then_some(Kind::Manifest));
        let Some(kind) = kind else { return };
        let file = file.to_owned();
        if kind != Kind::Manifest {
            let value = match kind {
                Kind::FilterConfiguration | Kind::Sts | Kind::McpServer => value,
                _ => one_spelling(value),
            };
            return self.documents.push(Document { file, object: String::new(), kind, value });
        }
        if let (true, Some(items)) = (is_list(&value), value.get("items").and_then(Value::as_array))
        {
            return items.iter().for_each(|item| self.take(&file, item.clone()));
        }
        let object = object_name(&value);
        // A configuration that travels in a ConfigMap.
        let data = value.get("data").filter(|_| text(&value, "/kind") == "ConfigMap");
        for (key, content) in data.and_then(Value::as_object).into_iter().flatten() {
            let parsed = content.as_str().and_then(|content| parse_file(key, content).ok());
            for inner in parsed.into_iter().flatten() {
                if let Some(kind) = Kind::of(&inner).filter(|kind| *kind != Kind::Manifest) {
                    let object = format!("{object} data[{key:?}]");
                    let value = match kind {
                        Kind::FilterConfiguration | Kind::Sts | Kind::McpServer => inner,
                        _ => one_spelling(inner),
                    };
                    self.documents.push(Document { file: file.clone(), object, kind, value });
                }
            }
        }
        let value = patches_in_one_spelling(value);
        self.documents.push(Document { file, object, kind, value });
    }
}

/// Only what an EnvoyFilter carries is Envoy's: Kubernetes' own keys have one spelling.
fn patches_in_one_spelling(mut value: Value) -> Value {
    if text(&value, "/kind") == "EnvoyFilter"
        && let Some(patches) =
            value.pointer_mut("/spec/configPatches").and_then(Value::as_array_mut)
    {
        for patch in patches.iter_mut().filter_map(|patch| patch.pointer_mut("/patch/value")) {
            *patch = one_spelling(patch.take());
        }
    }
    value
}

fn object_name(value: &Value) -> String {
    let (kind, name) = (text(value, "/kind"), text(value, "/metadata/name"));
    if kind.is_empty() {
        return String::new();
    }
    match text(value, "/metadata/namespace") {
        _ if name.is_empty() => kind.to_owned(),
        "" => format!("{kind} {name}"),
        namespace => format!("{kind} {namespace}/{name}"),
    }
}

fn is_list(value: &Value) -> bool {
    text(value, "/kind").ends_with("List") && value.get("items").is_some_and(Value::is_array)
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

// === impl Kind ===

impl Kind {
    fn of(value: &Value) -> Option<Self> {
        let has = |key: &str| value.get(key).is_some();
        let items = |key: &str, prefix: &str| {
            let items = value.get(key).and_then(Value::as_array);
            items
                .is_some_and(|items| items.iter().any(|item| text(item, "/@type").contains(prefix)))
        };
        if value.get("apiVersion").is_some_and(Value::is_string) && has("kind") {
            Some(Self::Manifest)
        } else if value.pointer("/spec/template/spec/containers").is_some() {
            // A patch for a workload.
            Some(Self::Manifest)
        } else if items("configs", "envoy.admin.") {
            Some(Self::Dump)
        } else if items("resources", "/envoy.") {
            Some(Self::Resources)
        } else if has("sts") && has("issuers") && has("resources") {
            Some(Self::FilterConfiguration)
        } else if has("callers") && has("issuers") && has("targets") {
            Some(Self::Sts)
        } else if has("listen") && value.pointer("/cluster/server").is_some() {
            Some(Self::McpServer)
        } else {
            let keys =
                ["static_resources", "staticResources", "dynamic_resources", "dynamicResources"];
            keys.into_iter().any(has).then_some(Self::Bootstrap)
        }
    }
}

impl Document {
    /// A place for what is missing everywhere.
    pub(super) fn nowhere(path: &Path) -> Self {
        let file = path.display().to_string();
        Self { file, object: String::new(), kind: Kind::Manifest, value: json!({}) }
    }
}
