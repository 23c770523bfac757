//! Reads a configuration object key by key and keeps every problem, so that a person mends a file once.
//!
//! serde stops at the first fault; this does not. The filter's JSON and the services' TOML go through it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::rc::Rc;

use serde_json::{Map, Value};

use super::nearest::nearest;

/// One fault, with the path of its key and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Such as `resources[0].audiences`.
    pub path: String,
    /// What is wrong, and what to write.
    pub message: String,
}

/// Every fault of a configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// A single fault.
    #[must_use]
    pub fn one(path: &str, message: impl Into<String>) -> Self {
        Self(vec![Problem { path: path.to_owned(), message: message.into() }])
    }

    /// The faults, in the order in which they were found.
    #[must_use]
    pub fn list(&self) -> &[Problem] {
        &self.0
    }
}

impl FromIterator<Problem> for Problems {
    fn from_iter<I: IntoIterator<Item = Problem>>(problems: I) -> Self {
        Self(problems.into_iter().collect())
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} problem(s) in the configuration", self.0.len())?;
        for problem in &self.0 {
            let path = if problem.path.is_empty() { "(top level)" } else { &problem.path };
            write!(f, "\n  {path}: {}", problem.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// How it is told that a key is not there.
const MISSING: &str = "is missing: write ";

type Sink = Rc<RefCell<Vec<Problem>>>;

/// One object of a configuration. Getters note what is wrong and go on; [`Section::finish`] notes the keys that
/// nobody asked for.
#[derive(Debug)]
pub struct Section<'a> {
    path: String,
    object: &'a Map<String, Value>,
    known: RefCell<BTreeSet<String>>,
    sink: Sink,
}

impl<'a> Section<'a> {
    /// The top of a configuration.
    ///
    /// # Errors
    /// When it is not an object.
    pub fn top(value: &'a Value) -> Result<Self, Problems> {
        let object =
            value.as_object().ok_or_else(|| Problems::one("", "must be an object (a table)"))?;
        Ok(Self { path: String::new(), object, known: RefCell::default(), sink: Sink::default() })
    }

    /// `built` if nothing was wrong anywhere, all problems otherwise.
    ///
    /// # Errors
    /// All problems of this configuration.
    pub fn conclude<T>(self, built: Option<T>) -> Result<T, Problems> {
        let sink = Rc::clone(&self.sink);
        self.finish();
        let problems = std::mem::take(&mut *sink.borrow_mut());
        match built {
            Some(built) if problems.is_empty() => Ok(built),
            _ if problems.is_empty() => Err(Problems::one("", "incomplete")),
            _ => Err(Problems(problems)),
        }
    }

    /// The path of a key of this object.
    #[must_use]
    pub fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Notes a problem with a key.
    pub fn problem(&self, key: &str, message: impl Into<String>) {
        let problem = Problem { path: self.path_of(key), message: message.into() };
        self.sink.borrow_mut().push(problem);
    }

    /// Whether the key stands here at all.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        self.known.borrow_mut().insert(key.to_owned());
        self.object.get(key).filter(|value| !value.is_null())
    }

    /// What stands at a key, for a reader of its own.
    pub(crate) fn value(&self, key: &str) -> Option<&'a Value> {
        self.get(key)
    }

    fn typed<T>(
        &self,
        key: &str,
        wanted: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.get(key)?;
        let read = read(value);
        if read.is_none() {
            self.problem(key, format!("must be {wanted}"));
        }
        read
    }

    /// Notes that a required key is missing.
    fn required<T>(&self, key: &str, what: &str, found: Option<T>) -> Option<T> {
        if found.is_none() && !self.has(key) {
            self.problem(key, format!("{MISSING}{what}"));
        }
        found
    }

    /// A string that may be there, at a key that is not told of among the settings that there are.
    #[must_use]
    pub fn unlisted_string(&self, key: &str) -> Option<String> {
        self.object.get(key).and_then(|_| self.optional_string(key))
    }

    /// A string that must be there and must not be empty. `what` says what to write.
    pub fn string(&self, key: &str, what: &str) -> Option<String> {
        let found = self.optional_string(key);
        self.required(key, what, found)
    }

    /// A string that may be missing; an empty one is a problem.
    pub fn optional_string(&self, key: &str) -> Option<String> {
        self.typed(key, "a string that is not empty", |value| {
            value.as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned)
        })
    }

    /// An array of strings; empty when the key is missing.
    pub fn strings(&self, key: &str) -> Vec<String> {
        self.typed(key, "an array of strings that are not empty", |value| {
            value
                .as_array()?
                .iter()
                .map(|item| item.as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned))
                .collect()
        })
        .unwrap_or_default()
    }

    /// One string, or an array of strings that holds at least one; empty when the key is missing. `what` says what to
    /// write.
    pub fn one_or_more_strings(&self, key: &str, what: &str) -> Vec<String> {
        match self.get(key) {
            None => Vec::new(),
            Some(Value::Array(_)) => self.some_strings(key, what),
            Some(_) => self.optional_string(key).into_iter().collect(),
        }
    }

    /// An array of strings that must be there and hold at least one.
    pub fn some_strings(&self, key: &str, what: &str) -> Vec<String> {
        let present = self.has(key);
        let strings = self.strings(key);
        if strings.is_empty() {
            match self.get(key).and_then(Value::as_array) {
                Some(array) if array.is_empty() => {
                    self.problem(key, format!("must not be empty: write {what}"));
                }
                _ if !present => self.problem(key, format!("{MISSING}{what}")),
                _ => {}
            }
        }
        strings
    }

    /// Whether an array is missing or has nothing in it; a key of another type has had its own problem.
    #[must_use]
    pub fn is_empty_array_or_missing(&self, key: &str) -> bool {
        self.get(key).is_none_or(|value| value.as_array().is_some_and(Vec::is_empty))
    }

    /// A whole number in a range, or the default.
    pub fn integer(&self, key: &str, default: u64, range: RangeInclusive<u64>) -> u64 {
        let wanted = format!("a whole number from {} to {}", range.start(), range.end());
        self.typed(key, &wanted, |value| value.as_u64().filter(|number| range.contains(number)))
            .unwrap_or(default)
    }

    /// A boolean, or the default.
    pub fn boolean(&self, key: &str, default: bool) -> bool {
        self.typed(key, "true or false", Value::as_bool).unwrap_or(default)
    }

    /// One of a closed set of words, read by `T`'s serde names, or the default.
    pub fn word<T: serde::de::DeserializeOwned>(&self, key: &str, allowed: &str, default: T) -> T {
        self.typed(key, &format!("one of {allowed}"), |value| {
            serde_json::from_value(value.clone()).ok()
        })
        .unwrap_or(default)
    }

    /// A nested object that may be missing.
    pub fn optional_section(&self, key: &str) -> Option<Section<'a>> {
        self.typed(key, "an object (a table)", Value::as_object)
            .map(|object| self.nested(self.path_of(key), object))
    }

    /// A nested object that must be there.
    pub fn section(&self, key: &str, what: &str) -> Option<Section<'a>> {
        let found = self.optional_section(key);
        self.required(key, what, found)
    }

    /// The keys that stand here, of an object whose keys are the writer's own.
    #[must_use]
    pub fn keys(&self) -> Vec<&'a str> {
        self.object.keys().map(String::as_str).collect()
    }

    /// An array of objects; empty when the key is missing.
    pub fn sections(&self, key: &str) -> Vec<Section<'a>> {
        let items = self.typed(key, "an array of objects (tables)", Value::as_array);
        let mut sections = Vec::new();
        for (index, item) in items.into_iter().flatten().enumerate() {
            let place = format!("{key}[{index}]");
            match item.as_object() {
                Some(object) => sections.push(self.nested(self.path_of(&place), object)),
                None => self.problem(&place, "must be an object (a table)"),
            }
        }
        sections
    }

    fn nested(&self, path: String, object: &'a Map<String, Value>) -> Section<'a> {
        Section { path, object, known: RefCell::default(), sink: Rc::clone(&self.sink) }
    }

    /// Notes every key that nobody asked for. Call it on each nested section when all of it has been read.
    pub fn finish(self) {
        let known = self.known.borrow();
        let names = || known.iter().map(String::as_str);
        for key in self.object.keys().filter(|key| !known.contains(*key)) {
            if let Some(meant) =
                nearest(key, names().filter(|name| !self.object.contains_key(*name)))
            {
                self.is_not_missing(meant);
                self.problem(key, format!("is not a setting here: did you mean {meant}?"));
            } else {
                let allowed = names().collect::<Vec<_>>().join(", ");
                self.problem(key, format!("is not a setting here; the settings are: {allowed}"));
            }
        }
    }

    /// It is there by another name, and one fault is told once.
    fn is_not_missing(&self, key: &str) {
        let path = self.path_of(key);
        let is_that =
            |problem: &Problem| problem.path == path && problem.message.starts_with(MISSING);
        self.sink.borrow_mut().retain(|problem| !is_that(problem));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_problem_is_told_at_once_with_its_path() {
        let value = json!({"name": 1, "sub": {"port": 70000, "extra": true}, "list": [{"x": ""}, {}], "typo": 1});
        let top = Section::top(&value).unwrap();
        top.string("name", "a name");
        top.string("missing", "a word");
        let sub = top.section("sub", "a table").unwrap();
        sub.integer("port", 1, 1..=65535);
        assert_eq!(sub.unlisted_string("quiet"), None);
        sub.finish();
        for item in top.sections("list") {
            item.string("x", "an x");
            item.finish();
        }
        let problems = top.conclude(Some(())).unwrap_err();
        let paths: Vec<_> = problems.list().iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(
            paths,
            ["name", "missing", "sub.port", "sub.extra", "list[0].x", "list[1].x", "typo"]
        );
        assert!(problems.to_string().contains("sub.port: must be a whole number from 1 to 65535"));
        assert!(problems.to_string().contains("the settings are: port\n"), "{problems}");
    }

    #[test]
    fn a_slip_is_told_with_the_setting_that_was_meant_and_once() {
        let told = |value: Value| {
            let top = Section::top(&value).unwrap();
            let limits = top.section("limits", "a table");
            if let Some(limits) = limits {
                limits.integer("held_tokens", 1, 0..=9);
                limits.string("name", "a name");
                limits.some_strings("scopes", "a scope");
                limits.finish();
            }
            let problems = top.conclude(Some(())).err().unwrap_or_default();
            let told = problems.list().iter().map(|one| format!("{}: {}", one.path, one.message));
            told.collect::<Vec<_>>()
        };
        let good = json!({"held_tokens": 1, "name": "n", "scopes": ["s"]});
        assert_eq!(told(json!({ "limits": good })), [""; 0]);
        let but = |left_out: &str, added: &str| {
            let mut limits = good.clone();
            let members = limits.as_object_mut().unwrap();
            members.remove(left_out);
            members.insert(added.to_owned(), json!(["x"]));
            told(json!({ "limits": limits }))
        };
        let meant = |key: &str, name: &str| {
            [format!("limits.{key}: is not a setting here: did you mean {name}?")]
        };
        for (left_out, key) in [
            ("held_tokens", "held_token"),
            ("held_tokens", "heldTokens"),
            ("name", "nane"),
            ("scopes", "scope"),
        ] {
            assert_eq!(but(left_out, key), meant(key, left_out));
        }
        let list = "is not a setting here; the settings are: held_tokens, name, scopes";
        // Nothing like it; and what is there already, and was not meant.
        assert_eq!(but("held_tokens", "audience"), [format!("limits.audience: {list}")]);
        assert_eq!(but("", "scope"), [format!("limits.scope: {list}")]);
        // Both faults, where they are two.
        assert_eq!(
            but("name", "scope"),
            ["limits.name: is missing: write a name".to_owned(), format!("limits.scope: {list}")]
        );
        // Neither of them is the other's.
        let outside = told(json!({"limit": good, "name": "n"}));
        assert_eq!(outside.len(), 2, "{outside:?}");
        assert_eq!(outside[0], "limit: is not a setting here: did you mean limits?");
    }
}
