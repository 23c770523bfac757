//! Manifests as people write them: one object or several, in YAML or JSON, read whole before anything is done with them.
//!
//! A text of a few bytes can stand for gigabytes (aliases of aliases) or take minutes to read (brackets in brackets): what
//! it stands for is counted while it is read, and reading ends at a bound.

use std::cell::Cell;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::names::{ApiVersion, Kind, Namespace, ObjectName};

/// The longest text. etcd holds no object of half of it.
const MAX_TEXT_BYTES: usize = 768 * 1024;
/// More objects than anybody looks through before saying yes.
const MAX_OBJECTS: usize = 100;
/// What all of it may stand for, in bytes of JSON, roughly.
const MAX_MEANT_BYTES: usize = 4 * 1024 * 1024;
/// Brackets within brackets. Readers allow 128; the YAML scanner takes quadratic time before it notices.
const MAX_OPEN_BRACKETS: usize = 1_000;

/// One object of a manifest, which says what it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document {
    /// The number of the document that it stands in, or whose item it is.
    pub(crate) place: usize,
    pub(crate) api_version: ApiVersion,
    pub(crate) kind: Kind,
    pub(crate) name: ObjectName,
    pub(crate) namespace: Option<Namespace>,
    pub(crate) object: Map<String, Value>,
}

/// Reads a manifest. Errors name the place and no values: these may be secrets.
///
/// # Errors
/// When any of it cannot be read, says not what it is, or is too much.
pub(crate) fn read(text: &str) -> Result<Vec<Document>, String> {
    let mut objects = Vec::new();
    for (index, value) in values(text)?.into_iter().enumerate() {
        let place = index + 1;
        let Value::Object(object) = value else {
            return Err(format!("document {place} is no object"));
        };
        if is_list(&object) {
            let Some(Value::Array(items)) = object.get("items") else {
                return Err(format!("document {place} is a List without items"));
            };
            for item in items {
                let Value::Object(item) = item else {
                    return Err(format!("an item of document {place} is no object"));
                };
                objects.push((place, item.clone()));
            }
        } else {
            objects.push((place, object));
        }
    }
    if objects.is_empty() {
        return Err("there is no object in it".to_owned());
    }
    if objects.len() > MAX_OBJECTS {
        return Err(format!(
            "{} objects are more than the {MAX_OBJECTS} of one call",
            objects.len()
        ));
    }
    let document =
        |(place, object)| document(place, object).map_err(|e| format!("document {place}: {e}"));
    objects.into_iter().map(document).collect()
}

/// Reads one value, as a patch is one.
///
/// # Errors
/// When it cannot be read, is none or several, or is too much.
pub(crate) fn read_value(text: &str) -> Result<Value, String> {
    let mut values = values(text)?;
    match (values.pop(), values.is_empty()) {
        (Some(value), true) => Ok(value),
        _ => Err("must be one value, in JSON or YAML".to_owned()),
    }
}

/// Every document that is not empty.
fn values(text: &str) -> Result<Vec<Value>, String> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(format!("is longer than {MAX_TEXT_BYTES} bytes"));
    }
    let budget = Cell::new(MAX_MEANT_BYTES);
    if text.trim_start().starts_with(['{', '['])
        && let Ok(values) = json(text, &budget)
    {
        return Ok(values);
    }
    budget.set(MAX_MEANT_BYTES);
    if is_nested_too_deeply(text) {
        return Err("is nested too deeply".to_owned());
    }
    let mut values = Vec::new();
    for (index, document) in serde_yaml_ng::Deserializer::from_str(text).enumerate() {
        let value = Bounded(&budget).deserialize(document).map_err(|error| {
            format!("document {} is no YAML that can be read: {error}", index + 1)
        })?;
        if !value.is_null() {
            values.push(value);
        }
        // Empty documents count: each costs time.
        if index >= MAX_OBJECTS.saturating_mul(4) {
            return Err("has too many documents".to_owned());
        }
    }
    Ok(values)
}

fn json(text: &str, budget: &Cell<usize>) -> Result<Vec<Value>, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let mut values = Vec::new();
    loop {
        values.push(Bounded(budget).deserialize(&mut reader)?);
        // One after the other, as `kubectl` reads them too.
        if reader.end().is_ok() || values.len() > MAX_OBJECTS {
            return reader.end().map(|()| values);
        }
    }
}

/// Brackets in texts count as well: a thousand more that open than close are in no manifest.
fn is_nested_too_deeply(text: &str) -> bool {
    let mut open = 0_usize;
    text.bytes().any(|byte| {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        open > MAX_OPEN_BRACKETS
    })
}

fn is_list(object: &Map<String, Value>) -> bool {
    object.get("kind").is_some_and(|kind| kind == "List")
        && object.get("apiVersion").is_some_and(|version| version == "v1")
}

fn document(place: usize, mut object: Map<String, Value>) -> Result<Document, String> {
    let api_version = required(object.get("apiVersion"), "apiVersion", "for example apps/v1")?;
    let kind = required(object.get("kind"), "kind", "for example Deployment")?;
    let metadata = object.get("metadata").and_then(Value::as_object);
    let metadata = metadata.ok_or("has no metadata")?;
    if metadata.get("name").is_none() && metadata.get("generateName").is_some() {
        return Err("has a generateName: what is applied needs a metadata.name".to_owned());
    }
    let name = required(metadata.get("name"), "metadata.name", "a text")?;
    let namespace = match metadata.get("namespace") {
        None | Some(Value::Null) => None,
        some => Some(required(some, "metadata.namespace", "a text")?),
    };
    if let Some(spec) = object.get_mut("spec") {
        file_modes(spec, false);
    }
    Ok(Document { place, api_version, kind, name, namespace, object })
}

fn required<T>(value: Option<&Value>, field: &str, example: &str) -> Result<T, String>
where
    T: TryFrom<String, Error = &'static str>,
{
    match value {
        Some(Value::String(text)) => T::try_from(text.clone()).map_err(|e| format!("{field}: {e}")),
        Some(_) => Err(format!("{field} must be a text, {example}")),
        None => Err(format!("has no {field}, {example}")),
    }
}

/// `defaultMode: 0644` is a number in the YAML that `kubectl` reads (1.1) and a text in the newer one (1.2). The modes of
/// files in volumes are numbers, so that is what is meant.
fn file_modes(value: &mut Value, in_volumes: bool) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let is_mode = in_volumes && matches!(key.as_str(), "defaultMode" | "mode");
                let mode = value.as_str().filter(|_| is_mode).and_then(octal);
                match mode {
                    Some(mode) => *value = Value::from(mode),
                    None => file_modes(value, in_volumes || key == "volumes"),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| file_modes(item, in_volumes)),
        _ => {}
    }
}

fn octal(text: &str) -> Option<u32> {
    let digits = text.strip_prefix('0').filter(|digits| (1..=4).contains(&digits.len()))?;
    u32::from_str_radix(digits, 8).ok()
}

/// Reads any value and takes from the budget what it stands for.
#[derive(Clone, Copy)]
struct Bounded<'a>(&'a Cell<usize>);

impl Bounded<'_> {
    fn spend<E: de::Error>(self, bytes: usize) -> Result<(), E> {
        // What holds a value costs as much as a few characters.
        let cost = bytes.saturating_add(8);
        let left = self.0.get().checked_sub(cost);
        self.0.set(left.unwrap_or_default());
        left.map(drop).ok_or_else(|| {
            E::custom(format_args!("it stands for more than {MAX_MEANT_BYTES} bytes"))
        })
    }
}

impl<'de> DeserializeSeed<'de> for Bounded<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded<'_> {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a plain value, without tags")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        self.spend(4).map(|()| Value::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        self.visit_unit()
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        self.spend(5).map(|()| Value::from(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        self.spend(8).map(|()| Value::from(value))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        self.spend(8).map(|()| Value::from(value))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        self.spend(8)?;
        let number = Number::from_f64(value).map(Value::Number);
        number.ok_or_else(|| E::custom("a number is infinite or none"))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<Value, E> {
        self.spend(value.len()).map(|()| Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        self.spend(2)?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        self.spend(2)?;
        let mut map = Map::new();
        while let Some(key) = entries.next_key_seed(Key(self))? {
            let value = entries.next_value_seed(self)?;
            if map.insert(key, value).is_some() {
                // Readers differ about which of the two counts.
                return Err(de::Error::custom("a key stands twice"));
            }
        }
        merge(&mut map).map_err(de::Error::custom)?;
        Ok(Value::Object(map))
    }
}

/// `<<: *defaults`, which YAML 1.1 and `kubectl` know.
fn merge(map: &mut Map<String, Value>) -> Result<(), &'static str> {
    let merged = match map.remove("<<") {
        None => return Ok(()),
        Some(Value::Array(items)) => items,
        Some(one) => vec![one],
    };
    for item in merged {
        let Value::Object(item) = item else { return Err("<< merges what is no map") };
        for (key, value) in item {
            map.entry(key).or_insert(value);
        }
    }
    Ok(())
}

/// A key, which YAML lets be a number or a truth as well.
struct Key<'a>(Bounded<'a>);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        match deserializer.deserialize_any(self.0)? {
            Value::String(text) => Ok(text),
            Value::Number(number) => Ok(number.to_string()),
            Value::Bool(truth) => Ok(truth.to_string()),
            _ => Err(de::Error::custom("a key is no text")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use serde_json::json;

    use super::*;

    const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\n";

    #[test]
    fn several_documents_in_yaml_or_json_are_read_in_their_order() {
        let text = format!(
            "# first\n---\n{POD}---\n# nothing\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: api\n  namespace: shop\n"
        );
        let documents = read(&text).unwrap();
        assert_eq!(documents.len(), 2);
        assert_eq!(documents[0].name.as_str(), "web");
        assert!(documents[0].namespace.is_none());
        assert_eq!(documents[1].kind.as_str(), "Deployment");
        assert_eq!(documents[1].namespace.as_ref().unwrap().as_str(), "shop");

        let json = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web"}}"#;
        assert_eq!(read(json).unwrap(), read(POD).unwrap());
        assert_eq!(read(&format!("{json}\n{json}")).unwrap().len(), 2);
        let list = format!(r#"{{"apiVersion":"v1","kind":"List","items":[{json},{json}]}}"#);
        assert_eq!(read(&list).unwrap().len(), 2);
    }

    #[test]
    fn yaml_is_read_as_kubectl_users_mean_it() {
        let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, labels: {1: a, true: b}}\nbase: &base {a: 1, b: 2}\nmore:\n  <<: *base\n  b: 3\n\
                    spec:\n  mode: \"0644\"\n  volumes:\n  - configMap: {defaultMode: 0644, items: [{mode: 0400}]}\n    data: {x: 0644}\n";
        let object = read(text).unwrap().remove(0).object;
        assert_eq!(object["metadata"]["labels"], json!({"1": "a", "true": "b"}));
        assert_eq!(object["more"], json!({"a": 1, "b": 3}));
        assert_eq!(
            object["spec"],
            json!({"mode": "0644", "volumes": [{"configMap": {"defaultMode": 420, "items": [{"mode": 256}]}, "data": {"x": "0644"}}]})
        );
    }

    #[test]
    fn what_does_not_say_what_it_is_is_refused_with_its_place_and_without_its_values() {
        for (text, word) in [
            ("", "no object"),
            ("---\n---\n", "no object"),
            ("hunter2", "document 1 is no object"),
            ("[hunter2]", "document 1 is no object"),
            ("kind: Pod\nmetadata: {name: hunter2}", "has no apiVersion"),
            ("apiVersion: v1\nmetadata: {name: hunter2}", "has no kind"),
            ("apiVersion: v1\nkind: Pod", "has no metadata"),
            ("apiVersion: v1\nkind: Pod\nmetadata: {labels: {a: hunter2}}", "no metadata.name"),
            ("apiVersion: v1\nkind: Pod\nmetadata: {generateName: hunter2}", "generateName"),
            ("apiVersion: v1\nkind: Pod\nmetadata: {name: ../hunter2}", "metadata.name: name must"),
            ("apiVersion: v1\nkind: ../Pod\nmetadata: {name: hunter2}", "kind: kind must"),
            ("apiVersion: v1/../x\nkind: Pod\nmetadata: {name: hunter2}", "apiVersion: apiVersion"),
            (
                "apiVersion: v1\nkind: Pod\nmetadata: {name: hunter2, namespace: a/b}",
                "metadata.namespace: namespace must",
            ),
            ("apiVersion: v1\nkind: Pod\nmetadata: {name: 7}", "metadata.name must be a text"),
            ("a: hunter2\na: hunter2", "a key stands twice"),
            ("a: !Tag hunter2", "without tags"),
            ("a: [hunter2", "document 1 is no YAML"),
            ("a: .inf", "infinite"),
            ("apiVersion: v1\nkind: List", "List without items"),
            ("apiVersion: v1\nkind: List\nitems: [hunter2]", "item of document 1"),
        ] {
            let told = read(text).unwrap_err();
            assert!(told.contains(word) && !told.contains("hunter2"), "{text}: {told}");
            let second = format!("{POD}---\n{text}");
            if told.contains("document 1") {
                let told = read(&second).unwrap_err();
                assert!(told.contains("document 2"), "{second}: {told}");
            }
        }
        assert_eq!(read(POD).unwrap().len(), 1, "the control");
    }

    #[test]
    fn texts_that_stand_for_much_more_than_they_are_end_at_a_bound_and_soon() {
        let laughs = (1..10).fold("a0: &a0 [lol,lol]\n".to_owned(), |text, level| {
            let before = format!("*a{},", level - 1).repeat(9);
            format!("{text}a{level}: &a{level} [{before}]\n")
        });
        let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), "*a,".repeat(100));
        let text = "x".repeat(MAX_TEXT_BYTES + 1);
        for (bomb, word) in [
            (laughs, "document 1"),
            (long, "stands for more"),
            (text, "longer than"),
            ("[".repeat(500_000), "nested too deeply"),
            ("{\"a\":".repeat(100_000), "nested too deeply"),
            ("- ".repeat(300_000), "recursion limit"),
            ("---\n".repeat(100_000), "too many documents"),
            (format!("---\n{POD}").repeat(MAX_OBJECTS + 1), "more than the 100"),
            (format!("a: &a [*a]\n{POD}"), "document 1"),
        ] {
            let started = Instant::now();
            let told = read(&bomb).unwrap_err();
            assert!(told.contains(word), "{word}: {told}");
            assert!(started.elapsed() < Duration::from_secs(5), "{word}: {:?}", started.elapsed());
        }
        assert_eq!(read(&format!("---\n{POD}").repeat(MAX_OBJECTS)).unwrap().len(), MAX_OBJECTS);
    }

    #[test]
    fn a_patch_is_one_value() {
        assert_eq!(read_value("spec: {replicas: 2}").unwrap(), json!({"spec": {"replicas": 2}}));
        assert_eq!(read_value(r#"[{"op":"remove"}]"#).unwrap(), json!([{"op": "remove"}]));
        for text in ["", "---\na: 1\n---\nb: 2"] {
            assert!(read_value(text).unwrap_err().contains("one value"), "{text}");
        }
    }
}
