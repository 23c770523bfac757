//! What can be waited for, in the words of `kubectl wait --for`.

use serde_json::{Map, Value};

/// What an object ought to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// Gone.
    Deleted,
    /// There.
    Created,
    /// In a condition that it states of itself.
    Condition {
        /// The condition's type.
        name: String,
        /// `True`, unless another status is waited for.
        status: String,
    },
    /// With a field that has this value, or any.
    Field {
        /// The field.
        path: FieldPath,
        /// Its value in text.
        value: Option<String>,
    },
}

/// A path into an object: `{.status.containerStatuses[0].ready}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FieldPath {
    text: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    Index(usize),
    /// The first item whose field has this value: `[?(@.type=="Ready")]`.
    Item(String, String),
}

/// The longest that it is worth reading.
const MAX_TEXT_BYTES: usize = 1_000;
const FORMS: &str = "must be delete, create, condition=Ready, condition=Ready=False, \
    jsonpath={.status.phase}=Running or jsonpath={.status.podIP}";

impl Awaited {
    /// Reads what is written after `--for`.
    ///
    /// # Errors
    /// When it is none of the forms that there are.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let forms = || FORMS.to_owned();
        if text.len() > MAX_TEXT_BYTES {
            return Err(forms());
        }
        match text.split_once('=') {
            None if text.eq_ignore_ascii_case("delete") => Ok(Self::Deleted),
            None if text.eq_ignore_ascii_case("create") => Ok(Self::Created),
            Some(("condition", condition)) => {
                let (name, status) = condition.split_once('=').unwrap_or((condition, "True"));
                let is_word = |text: &str| {
                    !text.is_empty()
                        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b))
                };
                if is_word(name) && is_word(status) {
                    Ok(Self::Condition { name: name.to_owned(), status: status.to_owned() })
                } else {
                    Err(forms())
                }
            }
            Some(("jsonpath", expression)) => {
                let inner = expression.trim_matches(['\'', '"']).strip_prefix('{');
                let (path, rest) =
                    inner.and_then(|inner| inner.split_once('}')).ok_or_else(forms)?;
                let rest = rest.trim_start_matches(['\'', '"']);
                let value = match rest.strip_prefix('=') {
                    None if rest.is_empty() => None,
                    Some(value) if !value.is_empty() => Some(value.trim_matches(['\'', '"'])),
                    _ => return Err(forms()),
                };
                Ok(Self::Field { path: FieldPath::read(path)?, value: value.map(str::to_owned) })
            }
            _ => Err(forms()),
        }
    }

    /// Whether an object is as it ought to be, and what it is.
    pub(crate) fn judge(&self, object: Option<&Map<String, Value>>) -> (bool, String) {
        let Some(object) = object else {
            return (*self == Self::Deleted, "it does not exist".to_owned());
        };
        match self {
            Self::Deleted => {
                let going = object.get("metadata").and_then(|meta| meta.get("deletionTimestamp"));
                let state = if going.is_some() { "it was being deleted" } else { "it was there" };
                (false, state.to_owned())
            }
            Self::Created => (true, "it is there".to_owned()),
            Self::Condition { name, status } => condition(object, name, status),
            Self::Field { path, value } => {
                let is = path.find(object).and_then(plain);
                let met = match (&is, value) {
                    (Some(_), None) => true,
                    (Some(is), Some(value)) => is == value,
                    (None, _) => false,
                };
                let is = is.map_or_else(|| "not there".to_owned(), |is| format!("\"{is}\""));
                (met, format!("{} is {is}", path.text))
            }
        }
    }
}

fn condition(object: &Map<String, Value>, name: &str, status: &str) -> (bool, String) {
    let conditions = object.get("status").and_then(|status| status.get("conditions"));
    let conditions = conditions.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let text = |value: &Value, key: &str| {
        value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let found = conditions.iter().find(|item| text(item, "type").eq_ignore_ascii_case(name));
    let Some(found) = found else {
        let all: Vec<_> = conditions.iter().map(|item| text(item, "type")).take(20).collect();
        let all = if all.is_empty() { "it states none".to_owned() } else { all.join(", ") };
        return (false, format!("it has no condition {name} ({all})"));
    };
    let number = |value: Option<&Value>| value.and_then(Value::as_i64);
    let generation = number(object.get("metadata").and_then(|meta| meta.get("generation")));
    let observed = number(found.get("observedGeneration")).or_else(|| {
        number(object.get("status").and_then(|status| status.get("observedGeneration")))
    });
    if let (Some(generation), Some(observed)) = (generation, observed)
        && observed < generation
    {
        return (false, "its controller had not seen its last change yet".to_owned());
    }
    let is = text(found, "status");
    let because = [text(found, "reason"), text(found, "message")];
    let because: Vec<_> = because.into_iter().filter(|text| !text.is_empty()).collect();
    let because =
        if because.is_empty() { String::new() } else { format!(" ({})", because.join(": ")) };
    (is.eq_ignore_ascii_case(status), format!("{name} is {is}{because}"))
}

/// A value that can be compared with a text.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null => None,
        // That there is something can be waited for.
        Value::Object(_) | Value::Array(_) => Some(value.to_string()),
    }
}

impl FieldPath {
    fn read(text: &str) -> Result<Self, String> {
        let wrong =
            || "a jsonpath is made of .name, ['name'], [0] and [?(@.name==\"value\")]".to_owned();
        let mut steps = Vec::new();
        let mut rest = text.strip_prefix('$').unwrap_or(text);
        while !rest.is_empty() {
            let (step, tail) = if let Some(bracket) = rest.strip_prefix('[') {
                // A value may have brackets of its own.
                let end = if bracket.starts_with('?') { ")]" } else { "]" };
                let (inner, tail) = bracket.split_once(end).ok_or_else(wrong)?;
                (bracketed(inner).ok_or_else(wrong)?, tail)
            } else {
                let (name, tail) = field(rest.strip_prefix('.').ok_or_else(wrong)?);
                if name.is_empty() || name.contains(['*', '(', '@']) {
                    return Err(wrong());
                }
                (Step::Field(name), tail)
            };
            steps.push(step);
            rest = tail;
        }
        if steps.is_empty() {
            return Err(wrong());
        }
        Ok(Self { text: text.to_owned(), steps })
    }

    fn find<'a>(&self, object: &'a Map<String, Value>) -> Option<&'a Value> {
        let (first, rest) = self.steps.split_first()?;
        let Step::Field(name) = first else { return None };
        let mut value = object.get(name)?;
        for step in rest {
            value = match step {
                Step::Field(name) => value.get(name)?,
                Step::Index(index) => value.get(index)?,
                Step::Item(key, wanted) => value.as_array()?.iter().find(|item| {
                    item.get(key).and_then(plain).is_some_and(|value| value == *wanted)
                })?,
            };
        }
        Some(value)
    }
}

/// A name up to the next step; a dot that is part of it is written `\.`.
fn field(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => name.extend(chars.next().map(|(_, c)| c)),
            '.' | '[' => return (name, text.get(at..).unwrap_or_default()),
            c => name.push(c),
        }
    }
    (name, "")
}

/// What stands between brackets; of a filter without its closing parenthesis.
fn bracketed(inner: &str) -> Option<Step> {
    let unquoted = |text: &str| {
        let text = text.trim();
        let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        text.strip_prefix(quote)?.strip_suffix(quote).map(str::to_owned)
    };
    if let Some(filter) = inner.strip_prefix("?(") {
        let (key, value) = filter.split_once("==")?;
        let key = key.trim().strip_prefix("@.").filter(|key| !key.is_empty())?;
        return Some(Step::Item(key.to_owned(), unquoted(value)?));
    }
    unquoted(inner).map(Step::Field).or_else(|| inner.parse().ok().map(Step::Index))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn met(awaited: &str, object: Option<&Value>) -> (bool, String) {
        let object = object.map(|object| object.as_object().unwrap());
        Awaited::read(awaited).unwrap().judge(object)
    }

    #[test]
    fn conditions_fields_and_existence_are_judged() {
        let pod = json!({
            "metadata": {"generation": 2, "labels": {"app.kubernetes.io/name": "web"}},
            "status": {
                "phase": "Running",
                "conditions": [
                    {"type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": "web"},
                    {"type": "Stale", "status": "True", "observedGeneration": 1},
                    {"type": "Scheduled", "status": "True"},
                ],
                "containerStatuses": [{"name": "web", "restartCount": 3, "ready": false}],
            },
        });
        for (awaited, expected) in [
            ("delete", false),
            ("create", true),
            ("condition=Scheduled", true),
            ("condition=scheduled=true", true),
            ("condition=Ready", false),
            ("condition=Ready=False", true),
            ("condition=Stale", false),
            ("condition=Missing", false),
            ("jsonpath={.status.phase}=Running", true),
            ("jsonpath='{.status.phase}'=Running", true),
            ("jsonpath={.status.phase}=Pending", false),
            ("jsonpath={.status.phase}", true),
            ("jsonpath={.status.podIP}", false),
            ("jsonpath={.status.containerStatuses[0].restartCount}=3", true),
            ("jsonpath={.status.containerStatuses[?(@.name==\"web\")].ready}=false", true),
            ("jsonpath={.status.containerStatuses[?(@.name==\"db\")].ready}=false", false),
            ("jsonpath={.metadata.labels.app\\.kubernetes\\.io/name}=web", true),
            ("jsonpath={.metadata.labels['app.kubernetes.io/name']}=web", true),
        ] {
            let (is, seen) = met(awaited, Some(&pod));
            assert_eq!(is, expected, "{awaited}: {seen}");
        }
        assert_eq!(
            met("condition=Ready", Some(&pod)).1,
            "Ready is False (ContainersNotReady: web)"
        );
        assert!(met("condition=Missing", Some(&pod)).1.contains("Ready, Stale, Scheduled"));
        assert!(met("delete", None).0 && !met("create", None).0);
        assert!(!met("condition=Ready=False", None).0, "what is not there is in no condition");
    }

    #[test]
    fn what_cannot_be_waited_for_is_refused() {
        for wrong in [
            "",
            "ready",
            "deleted",
            "condition=",
            "condition=a b",
            "condition=Ready=",
            "jsonpath=",
            "jsonpath={}",
            "jsonpath={.a",
            "jsonpath=.a=b",
            "jsonpath={.a}b",
            "jsonpath={.a}=",
            "jsonpath={a}",
            "jsonpath={.a[*]}",
            "jsonpath={..a}",
            "jsonpath={.a[x]}",
            "jsonpath={.a[?(@.b)]}",
            &format!("jsonpath={{{}}}", ".a".repeat(600)),
        ] {
            assert!(Awaited::read(wrong).is_err(), "{wrong}");
        }
    }
}
