//! Settings that people bring from `kubernetes-mcp-server`, made into our own.
//!
//! What comes out is a configuration in our own form, so that there is one reader and one set of rules. Every key that
//! was made remembers which brought key it came from: problems are told at the key that the person wrote.

mod authority;
mod client;
mod exchange;
mod issuer;
mod origins;
mod own;
mod scopes;
mod target;

use std::collections::BTreeMap;
use std::fmt;

use obolus_core::config::brought::{Fault, Notice, Part, sort};
use obolus_core::config::{Problem, Problems};
use serde_json::{Map, Value, json};

pub(crate) use authority::{Authority, application_of};
use exchange::Exchange;
use origins::{CONSEQUENCE, Origins};

/// What was made of a file.
pub(crate) struct Brought {
    /// In our own form.
    pub(crate) value: Value,
    /// What no start is possible with.
    pub(crate) faults: Vec<Fault>,
    /// What a person should know.
    pub(crate) notices: Vec<Notice>,
    origins: Origins,
}

/// Reads the brought settings of a file, and leaves our own as they are.
pub(crate) fn translate(value: Value) -> Brought {
    let Value::Object(top) = value else {
        // The reader of our own form says so.
        return Brought {
            value,
            faults: Vec::new(),
            notices: Vec::new(),
            origins: Origins::default(),
        };
    };
    let sorted = sort(top, Part::Sts);
    let mut work = Work {
        own: sorted.own,
        faults: sorted.faults,
        notices: sorted.notices,
        origins: Origins::default(),
    };
    own::log_level(&mut work);
    own::refuse_inline_secrets(&mut work);
    let brought = Settings(sorted.brought.into_iter().collect());
    if !brought.0.is_empty() {
        own::require_what_is_ours(&mut work);
        let authority = issuer::translate(&brought, &mut work);
        let exchange = Exchange::read(&brought, &mut work);
        target::translate(&brought, &exchange, authority.as_ref(), &mut work);
    }
    authority::notice_foreign_hosts(&mut work);
    authority::notice_v1_audiences(&mut work);
    Brought {
        value: Value::Object(work.own),
        faults: work.faults,
        notices: work.notices,
        origins: work.origins,
    }
}

impl Brought {
    /// What was read, if there is no fault; else every fault, and the problems of the own form at the keys that the
    /// person wrote.
    pub(crate) fn settle<T>(&self, read: Result<T, Problems>) -> Result<T, Problems> {
        let problems = match &read {
            Ok(_) if self.faults.is_empty() => return read,
            Ok(_) => &[],
            Err(problems) => problems.list(),
        };
        let written = |problem: &Problem| Problem {
            path: self.written(&problem.path),
            message: problem.message.clone(),
        };
        // A key that has had its sentence needs no second one, and consequences of others none at all.
        let is_news = |problem: &Problem| {
            problem.path != CONSEQUENCE
                && !self.faults.iter().any(|fault| is_about(&problem.path, &fault.path))
        };
        let rest = problems.iter().map(written).filter(is_news);
        let all: Vec<_> = self.faults.iter().cloned().map(Problem::from).chain(rest).collect();
        if all.is_empty() { read } else { Err(all.into_iter().collect()) }
    }

    /// The key that a person wrote for a key of our own form.
    pub(crate) fn written(&self, path: &str) -> String {
        self.origins.of(path)
    }
}

/// Without the value, which may hold a secret.
impl fmt::Debug for Brought {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Brought")
            .field("faults", &self.faults)
            .field("notices", &self.notices)
            .field("origins", &self.origins)
            .finish_non_exhaustive()
    }
}

/// Whether one key is the other, or within it.
pub(crate) fn is_about(path: &str, other: &str) -> bool {
    let within = |path: &str, other: &str| {
        path.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    within(path, other) || within(other, path)
}

/// The work under way.
struct Work {
    own: Map<String, Value>,
    faults: Vec<Fault>,
    notices: Vec<Notice>,
    origins: Origins,
}

impl Work {
    fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    fn notice(&mut self, path: &str, text: &str) {
        self.notices.push(Notice::new(path, text));
    }

    fn has_fault(&self, path: &str) -> bool {
        self.faults.iter().any(|fault| fault.path == path)
    }
}

/// The brought keys of this part.
struct Settings(BTreeMap<String, Value>);

impl Settings {
    fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// A string; an empty one is the same as none, as it is there.
    fn text(&self, key: &str, work: &mut Work) -> Option<&str> {
        text(key, self.0.get(key)?, work)
    }

    fn texts(&self, key: &str, work: &mut Work) -> Vec<&str> {
        self.0.get(key).map(|value| texts(key, value, work)).unwrap_or_default()
    }
}

fn text<'a>(path: &str, value: &'a Value, work: &mut Work) -> Option<&'a str> {
    let Some(text) = value.as_str() else {
        work.fault(Fault::new(path, "is no string", "write a string"));
        return None;
    };
    Some(text.trim()).filter(|text| !text.is_empty())
}

fn texts<'a>(path: &str, value: &'a Value, work: &mut Work) -> Vec<&'a str> {
    let texts = value
        .as_array()
        .and_then(|items| items.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
    if texts.is_none() {
        work.fault(Fault::new(path, "is no array of strings", "write one, such as [\"…\"]"));
    }
    texts.unwrap_or_default()
}

/// An object without the members that are null.
fn object(pairs: &[(&str, Option<Value>)]) -> Value {
    let mut object = json!({});
    if let Value::Object(map) = &mut object {
        for (key, value) in pairs {
            if let Some(value) = value {
                map.insert((*key).to_owned(), value.clone());
            }
        }
    }
    object
}

#[cfg(test)]
mod tests;
