//! A file of tests: who asks, for what, and what is expected.

use obolus_core::config::{Problems, Section};
use serde_json::{Map, Value};

use crate::expected::Expected;
use crate::problem::Problem;
use crate::request::{Asked, revision};

/// The tests of one file.
#[derive(Debug)]
pub struct Suite {
    /// The file, as it was named.
    pub file: String,
    /// In their order.
    pub tests: Vec<Test>,
}

/// One test.
#[derive(Debug)]
pub struct Test {
    /// What it is about.
    pub name: String,
    /// The claims of whoever asks.
    pub claims: Map<String, Value>,
    /// What is asked for; `None` where only lists are looked at.
    pub asked: Option<Asked>,
    /// The target: where there is a configuration, the one that it has to choose.
    pub target: Option<String>,
    /// What has to come of it.
    pub expected: Option<Expected>,
    /// The tools that a list has to show.
    pub shown: Vec<String>,
    /// The tools that it must not show.
    pub hidden: Vec<String>,
}

impl Suite {
    /// Reads a file of tests, in YAML.
    ///
    /// # Errors
    /// Every fault of it, each with its path.
    pub fn read(file: &str, text: &str) -> Result<Self, Vec<Problem>> {
        let one = |message: String| vec![Problem::of_file(file, message)];
        // First as YAML itself: a key that stands twice is told.
        let yaml: serde_yaml_ng::Value = serde_yaml_ng::from_str(text)
            .map_err(|error| one(format!("is not YAML that can be read: {error}")))?;
        let value: Value = serde_yaml_ng::from_value(yaml)
            .map_err(|error| one(format!("is not what JSON could say: {error}")))?;
        let told = |problems: Problems| {
            let told = problems.list().iter();
            told.map(|one| {
                let path = if one.path.is_empty() { "(top level)" } else { &one.path };
                Problem::of_file(file, format!("{path}: {}", one.message))
            })
            .collect::<Vec<_>>()
        };
        let top = Section::top(&value).map_err(told)?;
        let people = people(&top, &value);
        let sections = top.sections("tests");
        if top.is_empty_array_or_missing("tests") {
            top.problem("tests", "must hold at least one test");
        }
        let raw = value.get("tests").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let raw = raw.iter().filter(|test| test.is_object());
        let tests: Vec<_> = sections
            .into_iter()
            .zip(raw)
            .map(|(section, raw)| test(section, raw, people))
            .collect();
        let tests: Option<Vec<_>> = tests.into_iter().collect();
        top.conclude(tests).map_err(told).map(|tests| Self { file: file.to_owned(), tests })
    }
}

fn people<'v>(top: &Section<'_>, value: &'v Value) -> Option<&'v Map<String, Value>> {
    if !top.has("people") {
        return None;
    }
    let people = value.get("people").and_then(Value::as_object);
    if !people.is_some_and(|people| people.values().all(Value::is_object)) {
        top.problem("people", "must hold the claims of each person, by a name");
    }
    people
}

fn test(section: Section<'_>, raw: &Value, people: Option<&Map<String, Value>>) -> Option<Test> {
    let name = section.string("name", "what the test is about");
    let claims = who(&section, raw.get("who"), people);
    let asked = section.optional_section("request").map(|request| {
        let asked = asked(&request, raw.get("request").unwrap_or(&Value::Null));
        request.finish();
        asked
    });
    let revision_name = section.optional_string("revision");
    let revision_named = revision_name.as_deref().and_then(revision);
    if revision_name.is_some() && revision_named.is_none() {
        section.problem("revision", "is no revision of MCP that is served, such as \"2026-07-28\"");
    }
    let target = section.optional_string("target");
    let expected = section.has("expect").then(|| Expected::read(&section, raw.get("expect")));
    let lists = section.optional_section("lists");
    let (mut shown, mut hidden) = (Vec::new(), Vec::new());
    if let Some(lists) = lists {
        (shown, hidden) = (lists.strings("shown"), lists.strings("hidden"));
        if shown.is_empty() && hidden.is_empty() {
            section.problem("lists", "must have `shown` or `hidden`, with the names of tools");
        }
        lists.finish();
    }
    match (&asked, &expected) {
        (Some(_), None) => section.problem("expect", "is missing: write what has to come of it"),
        (None, Some(_)) => section.problem("request", "is missing: write what is asked for"),
        (None, None) if !section.has("lists") => {
            section.problem("request", "is missing: write what is asked for, or `lists`");
        }
        _ => {}
    }
    section.finish();
    let asked = match asked {
        None => None,
        Some(asked) => {
            Some(Asked { revision: revision_named.or(asked.as_ref()?.revision), ..asked? })
        }
    };
    let expected = match expected {
        None => None,
        Some(expected) => Some(expected?),
    };
    Some(Test { name: name?, claims: claims?, asked, target, expected, shown, hidden })
}

/// Claims, or the name of a person.
fn who(
    section: &Section<'_>,
    raw: Option<&Value>,
    people: Option<&Map<String, Value>>,
) -> Option<Map<String, Value>> {
    if !section.has("who") {
        section.problem("who", "is missing: write claims, or the name of one of `people`");
        return None;
    }
    match raw {
        Some(Value::Object(claims)) => Some(claims.clone()),
        Some(Value::String(name)) => {
            let claims = people.and_then(|people| people.get(name)?.as_object());
            if claims.is_none() {
                let known: Vec<_> =
                    people.into_iter().flat_map(Map::keys).map(String::as_str).collect();
                let message = format!("`{name}` is none of `people`: {}", known.join(", "));
                section.problem("who", message);
            }
            claims.cloned()
        }
        _ => {
            section.problem("who", "must be claims, or the name of one of `people`");
            None
        }
    }
}

/// `method` and `params`, or a short form of one of the three methods that policies govern.
fn asked(request: &Section<'_>, raw: &Value) -> Option<Asked> {
    let [method, tool, prompt, resource] =
        ["method", "tool", "prompt", "resource"].map(|key| request.optional_string(key));
    let object = |key: &str| {
        let there = request.has(key);
        let object = raw.get(key).and_then(Value::as_object);
        if there && object.is_none() {
            request.problem(key, "must be an object");
        }
        object
    };
    let (params, arguments) = (object("params"), object("arguments"));
    match (method, tool, prompt, resource) {
        (Some(method), None, None, None) if arguments.is_none() => {
            Some(Asked::new(&method, params.cloned().unwrap_or_default()))
        }
        (None, Some(tool), None, None) if params.is_none() => {
            Some(Asked::named("tools/call", &tool, arguments))
        }
        (None, None, Some(prompt), None) if params.is_none() => {
            Some(Asked::named("prompts/get", &prompt, arguments))
        }
        (None, None, None, Some(uri)) if params.is_none() && arguments.is_none() => {
            Some(Asked::read(&uri))
        }
        _ => {
            request.problem(
                "method",
                "write `tool` or `prompt` (with `arguments`), or `resource`, or `method` and `params`",
            );
            None
        }
    }
}
