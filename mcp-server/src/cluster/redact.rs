//! Values of Secrets, taken out of what is shown: keys stay, and how long each value is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::object::COPIES;

/// The Secrets whose values may be shown: `shown_secrets`, by namespace and name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ShownSecrets(Vec<(String, Option<String>)>);

impl ShownSecrets {
    /// Pairs of namespace and name; without a name, every Secret of the namespace.
    #[must_use]
    pub fn new(secrets: Vec<(String, Option<String>)>) -> Self {
        Self(secrets)
    }

    /// Whether the values of this one may be shown.
    #[must_use]
    pub fn covers(&self, namespace: &str, name: &str) -> bool {
        self.0.iter().any(|(shown_namespace, shown_name)| {
            shown_namespace == namespace && shown_name.as_deref().is_none_or(|shown| shown == name)
        })
    }
}

/// The longest annotation of a Secret that is shown: a longer one may be a copy of it that nobody here knows.
const MAX_ANNOTATION_BYTES: usize = 256;

/// Takes the values of every Secret in `object` out, however deep it stands: in lists, in templates, in annotations.
pub(super) fn redact(object: &mut Map<String, Value>, shown: &ShownSecrets) {
    if is_secret(object) && !is_shown(object, shown) {
        redact_secret(object);
    }
    for (key, value) in object.iter_mut() {
        match value {
            Value::String(text) if COPIES.contains(&key.as_str()) => redact_copy(text, shown),
            value => redact_value(value, shown),
        }
    }
}

fn redact_value(value: &mut Value, shown: &ShownSecrets) {
    match value {
        Value::Object(object) => redact(object, shown),
        Value::Array(items) => items.iter_mut().for_each(|item| redact_value(item, shown)),
        _ => {}
    }
}

/// A copy of the object, as JSON in a text. What is not read is not shown.
fn redact_copy(text: &mut String, shown: &ShownSecrets) {
    *text = match serde_json::from_str::<Map<String, Value>>(text) {
        Ok(mut copy) => {
            redact(&mut copy, shown);
            Value::Object(copy).to_string()
        }
        Err(_) => redacted(text.len()),
    };
}

fn is_secret(object: &Map<String, Value>) -> bool {
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    // What has no version is no object of the API, but may be half of one.
    text("kind") == Some("Secret") && text("apiVersion").is_none_or(|version| version == "v1")
}

fn is_shown(secret: &Map<String, Value>, shown: &ShownSecrets) -> bool {
    let text = |key: &str| secret.get("metadata")?.get(key)?.as_str();
    match (text("namespace"), text("name")) {
        (Some(namespace), Some(name)) => shown.covers(namespace, name),
        _ => false,
    }
}

fn redact_secret(secret: &mut Map<String, Value>) {
    let size_of_base64 = |text: &str| STANDARD.decode(text).map_or(text.len(), |bytes| bytes.len());
    redact_each(secret.get_mut("data"), size_of_base64);
    redact_each(secret.get_mut("stringData"), str::len);
    let annotations =
        secret.get_mut("metadata").and_then(|metadata| metadata.get_mut("annotations"));
    let Some(Value::Object(annotations)) = annotations else { return };
    for (key, value) in annotations {
        if let Value::String(text) = value
            && !COPIES.contains(&key.as_str())
            && (text.len() > MAX_ANNOTATION_BYTES || text.trim_start().starts_with(['{', '[']))
        {
            *text = redacted(text.len());
        }
    }
}

/// Every value of a map; anything but a map is no Secret's, and goes whole.
fn redact_each(values: Option<&mut Value>, size: impl Fn(&str) -> usize) {
    match values {
        None | Some(Value::Null) => {}
        Some(Value::Object(values)) => {
            for value in values.values_mut().filter(|value| !value.is_null()) {
                let bytes = value.as_str().map_or_else(|| value.to_string().len(), &size);
                *value = Value::from(redacted(bytes));
            }
        }
        Some(other) => *other = Value::from(redacted(other.to_string().len())),
    }
}

/// Two states of one object, redacted so that a value that changed is still seen to have changed: of what would look the
/// same on both sides though it is not, it is said which side it stands on.
pub(super) fn redact_pair(
    before: &mut Map<String, Value>,
    after: &mut Map<String, Value>,
    shown: &ShownSecrets,
) {
    let (was, is) = (before.clone(), after.clone());
    redact(before, shown);
    redact(after, shown);
    for (key, redacted) in before.iter_mut() {
        if let (Some(was), Some(is), Some(other)) = (was.get(key), is.get(key), after.get_mut(key))
        {
            tell_apart((was, redacted), (is, other));
        }
    }
}

/// Each side is what it was and what became of it.
fn tell_apart(before: (&Value, &mut Value), after: (&Value, &mut Value)) {
    let ((was, shown_before), (is, shown_after)) = (before, after);
    if was == is || (&*shown_before == was && &*shown_after == is) {
        return;
    }
    match (was, shown_before, is, shown_after) {
        (
            Value::Object(was),
            Value::Object(shown_before),
            Value::Object(is),
            Value::Object(shown_after),
        ) => {
            for (key, shown_before) in shown_before.iter_mut() {
                if let (Some(was), Some(is), Some(shown_after)) =
                    (was.get(key), is.get(key), shown_after.get_mut(key))
                {
                    tell_apart((was, shown_before), (is, shown_after));
                }
            }
        }
        (
            Value::Array(was),
            Value::Array(shown_before),
            Value::Array(is),
            Value::Array(shown_after),
        ) => {
            let before = was.iter().zip(shown_before);
            for (before, after) in before.zip(is.iter().zip(shown_after)) {
                tell_apart(before, after);
            }
        }
        (was, shown_before, is, shown_after) => {
            for (value, shown, side) in [(was, shown_before, "before"), (is, shown_after, "after")]
            {
                if let Value::String(text) = shown
                    && value.as_str() != Some(text)
                {
                    *text = format!("{}, {side}]", text.strip_suffix(']').unwrap_or(text));
                }
            }
        }
    }
}

/// What stands in the place of a value.
pub(crate) fn redacted(bytes: usize) -> String {
    let plural = if bytes == 1 { "" } else { "s" };
    format!("[redacted: {bytes} byte{plural}]")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown_as(mut value: Value, shown: &ShownSecrets) -> Value {
        redact(value.as_object_mut().unwrap(), shown);
        value
    }

    fn secret(name: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": name, "namespace": "shop"},
            "data": {"password": "aHVudGVyMg=="},
            "stringData": {"user": "bob"},
        })
    }

    #[test]
    fn keys_and_sizes_stay_and_values_go() {
        let redacted = shown_as(secret("db"), &ShownSecrets::default());
        assert_eq!(redacted["data"], json!({"password": "[redacted: 7 bytes]"}));
        assert_eq!(redacted["stringData"], json!({"user": "[redacted: 3 bytes]"}));
        assert_eq!(redacted["metadata"], secret("db")["metadata"]);
    }

    #[test]
    fn a_secret_is_found_wherever_it_stands_and_what_is_none_stays() {
        let list = json!({"kind": "List", "items": [secret("a"), {"kind": "ConfigMap", "data": {"k": "aHVudGVyMg=="}}]});
        let list = shown_as(list, &ShownSecrets::default());
        assert_eq!(list["items"][0]["data"]["password"], "[redacted: 7 bytes]");
        assert_eq!(list["items"][1]["data"]["k"], "aHVudGVyMg==");
        let template =
            json!({"kind": "Made", "apiVersion": "x/v1", "spec": {"templates": [[secret("a")]]}});
        assert!(!shown_as(template, &ShownSecrets::default()).to_string().contains("aHVudGVyMg"));
    }

    #[test]
    fn copies_in_annotations_are_redacted_and_unknown_ones_of_secrets_go() {
        let mut with_copies = secret("a");
        with_copies["metadata"]["annotations"] = json!({
            COPIES[0]: secret("a").to_string(),
            COPIES[1]: "not JSON aHVudGVyMg==",
            "example.com/copy": secret("a").to_string(),
            "example.com/long": "aHVudGVyMg==".repeat(30),
            "example.com/owner": "shop",
        });
        let text = shown_as(with_copies.clone(), &ShownSecrets::default()).to_string();
        assert!(
            !text.contains("aHVudGVyMg") && text.contains(r#""example.com/owner":"shop""#),
            "{text}"
        );
        let shown = ShownSecrets::new(vec![("shop".to_owned(), None)]);
        let text = shown_as(with_copies, &shown).to_string();
        assert!(text.contains("aHVudGVyMg"), "{text}");
    }

    #[test]
    fn what_is_allowed_by_name_is_shown_and_nothing_else() {
        let by_name = ShownSecrets::new(vec![("shop".to_owned(), Some("db".to_owned()))]);
        assert_eq!(shown_as(secret("db"), &by_name), secret("db"));
        assert_ne!(shown_as(secret("db2"), &by_name), secret("db2"));
        let whole = ShownSecrets::new(vec![("shop".to_owned(), None)]);
        assert_eq!(shown_as(secret("db2"), &whole), secret("db2"));
        let other = ShownSecrets::new(vec![("warehouse".to_owned(), None)]);
        assert_ne!(shown_as(secret("db"), &other), secret("db"));
    }

    #[test]
    fn shapes_that_no_secret_has_are_not_shown_either() {
        for data in
            [json!("aHVudGVyMg=="), json!(["aHVudGVyMg=="]), json!({"k": {"v": "aHVudGVyMg=="}})]
        {
            let mut odd = secret("a");
            odd["data"] = data;
            let text = shown_as(odd, &ShownSecrets::default()).to_string();
            assert!(!text.contains("aHVudGVyMg"), "{text}");
        }
    }

    #[test]
    fn a_value_that_changed_is_seen_to_have_changed_and_one_that_stayed_is_not() {
        let before = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "shop"},
            "data": {"same": "aHVudGVyMg==", "changed": "aHVudGVyMg==", "longer": "aHVudGVyMg==", "gone": "aHVudGVyMg=="},
            "type": "Opaque",
        });
        let mut after = before.clone();
        after["data"] = json!({"same": "aHVudGVyMg==", "changed": "aHVudGVyMw==", "longer": "aHVudGVyMjM=", "new": "aHVudGVyMg=="});
        let shown = |before: &Value, after: &Value, secrets: &ShownSecrets| {
            let (mut before, mut after) = (before.clone(), after.clone());
            redact_pair(before.as_object_mut().unwrap(), after.as_object_mut().unwrap(), secrets);
            (before["data"].clone(), after["data"].clone())
        };
        assert_eq!(
            shown(&before, &after, &ShownSecrets::default()),
            (
                json!({"same": "[redacted: 7 bytes]", "changed": "[redacted: 7 bytes, before]", "longer": "[redacted: 7 bytes, before]", "gone": "[redacted: 7 bytes]"}),
                json!({"same": "[redacted: 7 bytes]", "changed": "[redacted: 7 bytes, after]", "longer": "[redacted: 8 bytes, after]", "new": "[redacted: 7 bytes]"}),
            )
        );
        let whole = ShownSecrets::new(vec![("shop".to_owned(), None)]);
        assert_eq!(
            shown(&before, &after, &whole),
            (before["data"].clone(), after["data"].clone()),
            "the control"
        );
    }

    #[test]
    fn what_a_shape_hides_is_redacted_on_both_sides_of_a_pair_too() {
        for (was, is) in [
            (json!("aHVudGVyMg=="), json!({"k": "aHVudGVyMg=="})),
            (json!(null), json!("aHVudGVyMg==")),
            (json!({"k": ["aHVudGVyMg=="]}), json!({"k": "aHVudGVyMg=="})),
        ] {
            let (mut before, mut after) = (secret("a"), secret("a"));
            (before["data"], after["data"]) = (was, is);
            redact_pair(
                before.as_object_mut().unwrap(),
                after.as_object_mut().unwrap(),
                &ShownSecrets::default(),
            );
            assert!(!format!("{before}{after}").contains("aHVudGVyMg"), "{before} {after}");
        }
    }
}
