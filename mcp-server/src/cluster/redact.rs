//! Values of Secrets, taken out of what is shown: keys stay, and how long each value is.

mod pair;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::object::COPIES;
pub(super) use pair::redact_pair;

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
/// The shortest value that is looked for elsewhere in its Secret: shorter ones stand in every other word.
const MIN_TELLTALE_BYTES: usize = 4;
/// The shortest text that is taken for a part of a value: names of one word stand in many values.
const MIN_PART_BYTES: usize = 16;
/// How deep copies within copies are read; what is deeper is not shown.
const MAX_COPIES: usize = 4;

/// Takes the values of every Secret in `object` out, however deep it stands: in lists, in templates, in annotations, and
/// in what is told of it.
pub(super) fn redact(object: &mut Map<String, Value>, shown: &ShownSecrets) {
    redact_to(object, shown, MAX_COPIES);
}

fn redact_to(object: &mut Map<String, Value>, shown: &ShownSecrets, copies: usize) {
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    let kind = text("kind").unwrap_or_default().to_owned();
    // The items of a list need not say what they are.
    if kind == "SecretList"
        && let Some(Value::Array(items)) = object.get_mut("items")
    {
        for item in items.iter_mut().filter_map(Value::as_object_mut) {
            item.entry("kind").or_insert_with(|| Value::from("Secret"));
        }
    }
    if kind == "Event" {
        redact_event(object, shown);
    }
    if kind == "TokenRequest"
        && let Some(Value::Object(status)) = object.get_mut("status")
        && let Some(token) = status.get_mut("token").filter(|token| !token.is_null())
    {
        *token = Value::from(redacted(token.as_str().map_or(0, str::len)));
    }
    let is_secret = is_secret(object);
    if is_secret && !is_shown(object, shown) {
        redact_secret(object);
    }
    for (key, value) in object.iter_mut() {
        match value {
            // Nothing but Secrets, and templates of them, has this field.
            value if key == "stringData" && !is_secret => redact_each(Some(value), str::len),
            Value::Object(annotations) if key == "annotations" => {
                redact_annotations(annotations, shown, copies);
            }
            Value::String(text) if COPIES.contains(&key.as_str()) => {
                redact_copy(text, shown, copies);
            }
            value => redact_value(value, shown, copies),
        }
    }
}

fn redact_value(value: &mut Value, shown: &ShownSecrets, copies: usize) {
    match value {
        Value::Object(object) => redact_to(object, shown, copies),
        Value::Array(items) => {
            items.iter_mut().for_each(|item| redact_value(item, shown, copies));
        }
        _ => {}
    }
}

/// Annotations may hold whole objects: those that tools are known to keep there, and whatever else reads as one.
fn redact_annotations(annotations: &mut Map<String, Value>, shown: &ShownSecrets, copies: usize) {
    for (key, value) in annotations.iter_mut() {
        let Value::String(text) = value else {
            redact_value(value, shown, copies);
            continue;
        };
        let is_known = COPIES.contains(&key.as_str());
        let reads = text.trim_start().starts_with(['{', '[']) && is_json(text);
        if is_known || reads {
            redact_copy(text, shown, copies);
        }
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// A copy of an object, as JSON in a text. What is not read is not shown. What holds nothing to take out stays as it is
/// written.
fn redact_copy(text: &mut String, shown: &ShownSecrets, copies: usize) {
    let read = copies.checked_sub(1).zip(serde_json::from_str::<Value>(text).ok());
    let Some((copies, mut copy)) = read.filter(|(_, copy)| copy.is_object() || copy.is_array())
    else {
        *text = redacted(text.len());
        return;
    };
    let before = copy.clone();
    redact_value(&mut copy, shown, copies);
    if copy != before {
        *text = copy.to_string();
    }
}

/// A Secret by its kind, in whichever version somebody has written it down; what has a Secret's type and data; or what helm
/// keeps a release in, with every value and manifest, where it is no Secret.
fn is_secret(object: &Map<String, Value>) -> bool {
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    let name = || object.get("metadata")?.get("name")?.as_str();
    match text("kind") {
        Some("ConfigMap") => name().is_some_and(|name| name.starts_with(RELEASE)),
        Some(kind) => kind.eq_ignore_ascii_case("Secret"),
        None => {
            object.contains_key("data")
                && text("type").is_some_and(|of| {
                    of == "Opaque" || SECRET_TYPES.iter().any(|begin| of.starts_with(begin))
                })
        }
    }
}

/// How the names of helm's records begin.
const RELEASE: &str = "sh.helm.release.v1.";

/// How the types of Secrets begin.
const SECRET_TYPES: [&str; 3] =
    ["kubernetes.io/", "helm.sh/release", "bootstrap.kubernetes.io/token"];

fn is_shown(secret: &Map<String, Value>, shown: &ShownSecrets) -> bool {
    let text = |key: &str| secret.get("metadata")?.get(key)?.as_str();
    match (text("namespace"), text("name")) {
        (Some(namespace), Some(name)) => shown.covers(namespace, name),
        _ => false,
    }
}

/// What is told about a Secret may quote it: controllers write what they please.
fn redact_event(event: &mut Map<String, Value>, shown: &ShownSecrets) {
    let about = ["involvedObject", "regarding"].into_iter().find_map(|key| event.get(key));
    let text = |key: &str| about.and_then(|about| about.get(key)).and_then(Value::as_str);
    if !text("kind").is_some_and(|kind| kind.eq_ignore_ascii_case("Secret")) {
        return;
    }
    if shown.covers(text("namespace").unwrap_or_default(), text("name").unwrap_or_default()) {
        return;
    }
    for key in ["message", "note"] {
        if let Some(Value::String(text)) = event.get_mut(key) {
            *text = redacted(text.len());
        }
    }
}

/// The message of an event in a table, by what the event is about: `secret/web`.
pub(crate) fn redact_message(
    about: &str,
    namespace: &str,
    message: &mut String,
    shown: &ShownSecrets,
) {
    let Some((kind, name)) = about.split_once('/') else { return };
    if kind.eq_ignore_ascii_case("secret") && !shown.covers(namespace, name) {
        *message = redacted(message.len());
    }
}

fn redact_secret(secret: &mut Map<String, Value>) {
    let telltales = telltales(secret);
    let size_of_base64 = |text: &str| STANDARD.decode(text).map_or(text.len(), |bytes| bytes.len());
    redact_each(secret.get_mut("data"), size_of_base64);
    redact_each(secret.get_mut("stringData"), str::len);
    if let Some(Value::Object(metadata)) = secret.get_mut("metadata")
        && let Some(Value::Object(annotations)) = metadata.get_mut("annotations")
    {
        for (key, value) in annotations {
            let Value::String(text) = value else { continue };
            let is_copy = COPIES.contains(&key.as_str());
            let may_be_copy =
                text.len() > MAX_ANNOTATION_BYTES || text.trim_start().starts_with(['{', '[']);
            if !is_copy && may_be_copy {
                *text = redacted(text.len());
            }
        }
    }
    for (key, value) in secret.iter_mut() {
        if !["apiVersion", "data", "kind", "stringData", "type"].contains(&key.as_str()) {
            redact_telling(value, &telltales);
        }
    }
}

/// What stands for a value wherever else in its Secret: a JSON patch copies a field into any other one, such as the name
/// of an owner. What nobody can change stays, as names may be values as well.
fn redact_telling(value: &mut Value, telltales: &[String]) {
    const FIXED: [&str; 5] = ["creationTimestamp", "name", "namespace", "resourceVersion", "uid"];
    let Value::Object(metadata) = value else {
        return redact_told(value, telltales);
    };
    for (key, value) in metadata.iter_mut() {
        let is_copy = |(key, value): (&String, &mut Value)| {
            if !COPIES.contains(&key.as_str()) {
                redact_told(value, telltales);
            }
        };
        match value {
            Value::Object(annotations) if key == "annotations" => {
                annotations.iter_mut().for_each(is_copy);
            }
            value if !FIXED.contains(&key.as_str()) => redact_told(value, telltales),
            _ => {}
        }
    }
}

/// Every text, however deep it stands. What is told of who set which field has values in its keys.
fn redact_told(value: &mut Value, telltales: &[String]) {
    match value {
        Value::String(text) if tells(text, telltales) => *text = redacted(text.len()),
        Value::Array(items) => items.iter_mut().for_each(|item| redact_told(item, telltales)),
        Value::Object(fields) => {
            let telling: Vec<_> =
                fields.keys().filter(|key| tells(key, telltales)).cloned().collect();
            for key in telling {
                let value = fields.remove(&key).unwrap_or_default();
                fields.insert(redacted(key.len()), value);
            }
            fields.values_mut().for_each(|field| redact_told(field, telltales));
        }
        _ => {}
    }
}

/// Whether a text has a value of the Secret in it, or is a part of one.
fn tells(text: &str, telltales: &[String]) -> bool {
    let part = text.trim();
    telltales
        .iter()
        .any(|value| text.contains(value) || (part.len() >= MIN_PART_BYTES && value.contains(part)))
}

/// The values of a Secret as they may stand elsewhere in it: as they are, and in base64.
fn telltales(secret: &Map<String, Value>) -> Vec<String> {
    let values = |key: &str| {
        let values = secret.get(key).and_then(Value::as_object).into_iter().flatten();
        values.filter_map(|(_, value)| value.as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    let (encoded, plain) = (values("data"), values("stringData"));
    let decoded =
        encoded.iter().filter_map(|text| String::from_utf8(STANDARD.decode(text).ok()?).ok());
    let decoded = decoded.map(|text| text.trim().to_owned()).collect::<Vec<_>>();
    let all: Vec<String> = encoded.into_iter().chain(plain).chain(decoded).collect();
    // A key's lines are copied one by one, too.
    let lines = all.iter().flat_map(|text| text.lines().map(|line| line.trim().to_owned()));
    let all = lines.chain(all.iter().cloned());
    all.filter(|text| text.len() >= MIN_TELLTALE_BYTES).collect()
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

    #[test]
    fn a_value_that_was_copied_into_another_field_of_its_secret_is_not_shown() {
        let of = |value: &str| {
            json!({
                "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "immutable": false,
                "metadata": {
                    "name": "web", "namespace": "shop", "uid": "u-1", "resourceVersion": "7",
                    "creationTimestamp": "2026-01-01T00:00:00Z", "generateName": value,
                    "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": value, "uid": value}],
                    "finalizers": [value], "managedFields": [{"manager": value, "fieldsV1": {format!("k:{{\"uid\":\"{value}\"}}"): {}}}],
                },
                "data": {"password": "Y2FuYXJ5LTE3"},
            })
        };
        for value in ["Y2FuYXJ5LTE3", "canary-17", "x/canary-17"] {
            let shown = shown_as(of(value), &ShownSecrets::default());
            let text = shown.to_string();
            assert!(!text.contains("canary-17") && !text.contains("Y2FuYXJ5LTE3"), "{text}");
            for (at, kept) in
                [("/metadata/name", "web"), ("/metadata/uid", "u-1"), ("/type", "Opaque")]
            {
                assert_eq!(shown.pointer(at), Some(&json!(kept)), "{text}");
            }
        }
        // The controls: what is no value of its own stays, and so does a name that is one.
        let other = of("somebody");
        let mut wanted = other.clone();
        wanted["data"]["password"] = json!(redacted(9));
        assert_eq!(shown_as(other, &ShownSecrets::default()), wanted);
        let named = json!({"kind": "Secret", "metadata": {"name": "shopkeeper", "namespace": "shop"}, "stringData": {"a": "shop"}});
        let metadata = named["metadata"].clone();
        assert_eq!(shown_as(named, &ShownSecrets::default())["metadata"], metadata);
    }

    #[test]
    fn what_helm_keeps_a_release_in_is_redacted_in_config_maps_as_well() {
        let of = |name: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "shop"}, "data": {"release": "SDRzSUFBQUFBQUFD"}});
        let release = shown_as(of("sh.helm.release.v1.web.v1"), &ShownSecrets::default());
        assert_eq!(release["data"]["release"], json!(redacted(12)));
        // The controls: another one, and this one where it is allowed.
        assert_eq!(shown_as(of("web"), &ShownSecrets::default()), of("web"));
        let allowed = ShownSecrets::new(vec![("shop".to_owned(), None)]);
        let release = of("sh.helm.release.v1.web.v1");
        assert_eq!(shown_as(release.clone(), &allowed), release);
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
    fn secrets_that_do_not_say_what_they_are_are_secrets() {
        let bare =
            json!({"type": "Opaque", "data": {"k": "aHVudGVyMg=="}, "metadata": {"name": "a"}});
        for holder in [
            json!({"kind": "SecretList", "apiVersion": "v1", "items": [{"metadata": {"name": "a"}, "data": {"k": "aHVudGVyMg=="}}]}),
            json!({"kind": "Bundle", "apiVersion": "x/v1", "spec": {"made": [bare]}}),
            json!({"kind": "Bundle", "apiVersion": "x/v1", "spec": {"template": {"stringData": {"k": "aHVudGVyMg=="}}}}),
            json!({"kind": "secret", "data": {"k": "aHVudGVyMg=="}}),
            json!({"kind": "Secret", "apiVersion": "vault.example.com/v2", "data": {"k": "aHVudGVyMg=="}}),
            json!({"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "status": {"token": "aHVudGVyMg=="}}),
        ] {
            let text = shown_as(holder.clone(), &ShownSecrets::default()).to_string();
            assert!(
                !text.contains("aHVudGVyMg") && text.contains("[redacted: "),
                "{holder}: {text}"
            );
        }
        let settings = json!({"kind": "ConfigMap", "apiVersion": "v1", "type": "web", "data": {"k": "aHVudGVyMg=="}});
        assert_eq!(shown_as(settings.clone(), &ShownSecrets::default()), settings);
    }

    #[test]
    fn copies_in_any_annotation_of_any_object_and_copies_of_copies_are_redacted() {
        let mut inner = secret("a");
        inner["metadata"]["annotations"] = json!({ COPIES[0]: secret("a").to_string() });
        let list = json!([{"kind": "List", "items": [inner.clone()]}]).to_string();
        let holder = json!({"kind": "Work", "metadata": {"annotations": {
            "example.com/made": list, COPIES[0]: inner.to_string(), "example.com/range": "[1, 2]",
        }}});
        let redacted = shown_as(holder, &ShownSecrets::default());
        let text = redacted.to_string();
        assert!(!text.contains("aHVudGVyMg") && text.contains("password"), "{text}");
        assert_eq!(redacted["metadata"]["annotations"]["example.com/range"], "[1, 2]");
    }

    #[test]
    fn a_value_that_stands_elsewhere_in_its_secret_goes_there_too() {
        let mut told = secret("a");
        told["metadata"]["annotations"] = json!({
            "example.com/was": "password=hunter2", "example.com/encoded": "aHVudGVyMg==", "example.com/owner": "shop",
        });
        told["metadata"]["labels"] = json!({"password": "hunter2", "app": "web"});
        let redacted = shown_as(told, &ShownSecrets::default());
        let text = redacted.to_string();
        assert!(!text.contains("hunter2") && !text.contains("aHVudGVyMg"), "{text}");
        assert_eq!(redacted["metadata"]["annotations"]["example.com/owner"], "shop");
        assert_eq!(redacted["metadata"]["labels"]["app"], "web");
    }

    #[test]
    fn what_events_tell_of_a_secret_goes_and_what_they_tell_of_others_stays() {
        let event = |key: &str, kind: &str| {
            json!({"kind": "Event", "apiVersion": "v1", "reason": "Synced", "message": "is hunter2", "note": "is hunter2",
                key: {"kind": kind, "namespace": "shop", "name": "db"}})
        };
        for key in ["involvedObject", "regarding"] {
            let told = shown_as(event(key, "Secret"), &ShownSecrets::default());
            assert_eq!(told["message"], "[redacted: 10 bytes]");
            assert_eq!((&told["note"], &told["reason"]), (&told["message"], &json!("Synced")));
            assert_eq!(shown_as(event(key, "Pod"), &ShownSecrets::default()), event(key, "Pod"));
            let shown = ShownSecrets::new(vec![("shop".to_owned(), Some("db".to_owned()))]);
            assert_eq!(shown_as(event(key, "Secret"), &shown), event(key, "Secret"));
        }
        let mut message = "is hunter2".to_owned();
        redact_message("pod/db", "shop", &mut message, &ShownSecrets::default());
        assert_eq!(message, "is hunter2");
        redact_message("secret/db", "shop", &mut message, &ShownSecrets::default());
        assert_eq!(message, "[redacted: 10 bytes]");
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
}
