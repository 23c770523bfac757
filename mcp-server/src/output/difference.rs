//! What a change changes: field by field, and as text that people know from `diff -u`.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use similar::{Algorithm, TextDiff};

use super::text::one_line;
use crate::cluster::Shown;

/// More fields than anybody checks one by one.
const MAX_CHANGES: usize = 200;
/// The longest value of a field that is told whole.
const MAX_VALUE_BYTES: usize = 2_000;
/// The longest text of one object.
const MAX_TEXT_BYTES: usize = 48 * 1024;
/// Lines around a change.
const CONTEXT: usize = 3;
/// Two texts that have nothing in common take long to compare.
const PATIENCE: Duration = Duration::from_millis(500);

/// The difference between two states of one object.
#[derive(Debug, Default)]
pub(crate) struct Difference {
    /// Field by field.
    pub(crate) changes: Vec<FieldChange>,
    /// How many more fields there are.
    pub(crate) more: usize,
    /// Line by line; empty if nothing differs.
    pub(crate) text: String,
}

/// One field that differs.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct FieldChange {
    /// The field's path, for example spec.template.spec.containers[name=web].image
    pub(crate) path: String,
    /// Its value before; left out if it was not there
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) before: Option<Value>,
    /// Its value after; left out if it is not there any more
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<Value>,
}

impl Difference {
    /// Compares two states that may be shown. A state that is empty is no object.
    pub(crate) fn of(before: &Shown, after: &Shown) -> Self {
        let mut difference = Self::default();
        let (before, after) = (before.as_map(), after.as_map());
        difference.maps(String::new(), before, after);
        difference.text = lines(before, after);
        difference
    }

    /// Whether nothing differs.
    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    fn values(&mut self, path: String, before: Option<&Value>, after: Option<&Value>) {
        match (before, after) {
            (before, after) if before == after => {}
            (Some(Value::Object(before)), Some(Value::Object(after))) => {
                self.maps(path, before, after);
            }
            (Some(Value::Array(before)), Some(Value::Array(after))) => {
                self.arrays(&path, before, after);
            }
            _ if self.changes.len() >= MAX_CHANGES => self.more = self.more.saturating_add(1),
            _ => self.changes.push(FieldChange {
                path: one_line(&path),
                before: before.map(bounded),
                after: after.map(bounded),
            }),
        }
    }

    fn maps(&mut self, path: String, before: &Map<String, Value>, after: &Map<String, Value>) {
        let added = after.keys().filter(|key| !before.contains_key(*key));
        for key in before.keys().chain(added) {
            let path = if is_plain(key) {
                let dot = if path.is_empty() { "" } else { "." };
                format!("{path}{dot}{key}")
            } else {
                format!("{path}[{key}]")
            };
            self.values(path, before.get(key), after.get(key));
        }
    }

    /// Items with names are compared by them, others by their places.
    fn arrays(&mut self, path: &str, before: &[Value], after: &[Value]) {
        let (Some(names_before), Some(names_after)) = (names(before), names(after)) else {
            for index in 0..before.len().max(after.len()) {
                self.values(format!("{path}[{index}]"), before.get(index), after.get(index));
            }
            return;
        };
        let of = |names: &[&str], items: &[Value], name: &str| {
            names.iter().position(|other| *other == name).and_then(|at| items.get(at).cloned())
        };
        let added = names_after.iter().filter(|name| !names_before.contains(name));
        for name in names_before.iter().chain(added) {
            let (before, after) = (of(&names_before, before, name), of(&names_after, after, name));
            self.values(format!("{path}[name={name}]"), before.as_ref(), after.as_ref());
        }
    }
}

/// What can stand in a path between dots.
fn is_plain(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// The names of items that all have one of their own.
fn names(items: &[Value]) -> Option<Vec<&str>> {
    // Comparing each with each.
    if items.len() > 1_000 {
        return None;
    }
    let names: Vec<_> =
        items.iter().map(|item| item.get("name").and_then(Value::as_str)).collect::<Option<_>>()?;
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    (sorted.len() == names.len()).then_some(names)
}

fn bounded(value: &Value) -> Value {
    let text = value.to_string();
    if text.len() <= MAX_VALUE_BYTES {
        return value.clone();
    }
    let head: String = text.chars().take(MAX_VALUE_BYTES / 10).collect();
    Value::from(format!("{head}… ({} bytes)", text.len()))
}

fn lines(before: &Map<String, Value>, after: &Map<String, Value>) -> String {
    let yaml = |object: &Map<String, Value>| match object.is_empty() {
        true => String::new(),
        false => serde_yaml_ng::to_string(object).unwrap_or_default(),
    };
    let (before, after) = (yaml(before), yaml(after));
    let diff = TextDiff::configure()
        .algorithm(Algorithm::Myers)
        .timeout(PATIENCE)
        .diff_lines(&before, &after);
    let text = diff.unified_diff().context_radius(CONTEXT).missing_newline_hint(false).to_string();
    if text.len() <= MAX_TEXT_BYTES {
        return text;
    }
    let mut cut = String::new();
    for line in text.split_inclusive('\n') {
        if cut.len().saturating_add(line.len()) > MAX_TEXT_BYTES {
            break;
        }
        cut.push_str(line);
    }
    format!("{cut}[cut: only the first {} of {} bytes are shown]\n", cut.len(), text.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::RawObject;

    fn difference(before: Option<Value>, after: Option<Value>) -> Difference {
        let [before, after] = [before, after].map(|side| side.map(RawObject::of));
        let (before, after) = RawObject::show_change(before, after);
        Difference::of(&before, &after)
    }

    fn pod(image: &str) -> Value {
        json!({
            "kind": "Pod", "metadata": {"name": "web", "labels": {"app.kubernetes.io/name": image}},
            "spec": {"containers": [{"name": "web", "image": image}, {"name": "sidecar", "image": "s"}], "args": [1, 2]},
        })
    }

    #[test]
    fn fields_are_told_by_their_paths_and_lines_as_diff_does() {
        let mut after = pod("b");
        after["spec"]["containers"].as_array_mut().unwrap().reverse();
        after["spec"]["args"] = json!([1]);
        let difference = difference(Some(pod("a")), Some(after));
        let paths: Vec<_> = difference.changes.iter().map(|change| change.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "metadata.labels[app.kubernetes.io/name]",
                "spec.args[1]",
                "spec.containers[name=web].image"
            ]
        );
        assert_eq!(difference.changes[1].before, Some(json!(2)));
        assert_eq!(difference.changes[1].after, None);
        assert_eq!(difference.changes[2].before, Some(json!("a")));
        assert_eq!(difference.changes[2].after, Some(json!("b")));
        assert!(difference.text.contains("-  - 2\n"), "{}", difference.text);
        assert!(
            difference.text.contains("+    app.kubernetes.io/name: b\n"),
            "{}",
            difference.text
        );
    }

    #[test]
    fn what_is_the_same_has_no_difference_and_what_is_new_is_all_of_it() {
        let same = difference(Some(pod("a")), Some(pod("a")));
        assert!(same.is_empty() && same.text.is_empty());
        let new = difference(None, Some(pod("a")));
        assert_eq!(new.changes.len(), 3, "{:?}", new.changes);
        assert!(new.text.lines().skip(1).all(|line| line.starts_with('+')), "{}", new.text);
    }

    #[test]
    fn a_secrets_change_is_seen_and_not_its_values() {
        let secret = |value: &str| {
            Some(json!({
                "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "shop"},
                "data": {"password": value, "same": "aHVudGVyMg=="},
            }))
        };
        let difference = difference(secret("aHVudGVyMg=="), secret("aHVudGVyMw=="));
        assert_eq!(
            difference.changes,
            [FieldChange {
                path: "data.password".to_owned(),
                before: Some(json!("[redacted: 7 bytes, before]")),
                after: Some(json!("[redacted: 7 bytes, after]")),
            }]
        );
        assert!(difference.text.contains("-  password: '[redacted: 7 bytes, before]'"));
        assert!(!difference.text.contains("aHVudGVyM"));
    }

    #[test]
    fn much_is_cut_and_says_so() {
        let map = |side: &str| {
            let data: Map<_, _> =
                (0..5_000).map(|i| (format!("key-{i}"), json!(side.repeat(20)))).collect();
            Some(json!({"kind": "ConfigMap", "data": data, "metadata": {"name": "m"}}))
        };
        let large = difference(map("a"), map("b"));
        assert_eq!((large.changes.len(), large.more), (MAX_CHANGES, 5_000 - MAX_CHANGES));
        assert!(large.text.len() < MAX_TEXT_BYTES + 100 && large.text.contains("[cut: only"));
        let long =
            |side: &str| Some(json!({"kind": "ConfigMap", "data": {"k": side.repeat(10_000)}}));
        let long = difference(long("a"), long("b"));
        assert!(
            long.changes[0].after.as_ref().unwrap().as_str().unwrap().contains("(10002 bytes)")
        );
    }
}
