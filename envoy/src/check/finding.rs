//! What was found, and where.

use std::fmt;

use super::node::Node;
use super::rule::{Rule, Severity};

/// One thing that would be open or would not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is about.
    pub rule: Rule,
    /// The file.
    pub file: String,
    /// The object in that file (`EnvoyFilter istio-system/obolus`), empty where a file is one object.
    pub object: String,
    /// The path of the key, such as `static_resources.clusters[0]`.
    pub path: String,
    /// What happens.
    pub what: String,
    /// What to write instead.
    pub instead: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.rule.severity() {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity} {}\n  {}", self.rule, self.file)?;
        for part in [&self.object, &self.path].into_iter().filter(|part| !part.is_empty()) {
            write!(f, " · {part}")?;
        }
        write!(f, "\n  {}\n  → {}", self.what, self.instead)
    }
}

/// The findings so far.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

impl Findings {
    /// The same thing at the same place is said once.
    pub(super) fn add(
        &mut self,
        rule: Rule,
        at: &Node<'_>,
        what: impl Into<String>,
        instead: impl Into<String>,
    ) {
        let document = at.document;
        self.push(Finding {
            rule,
            file: document.file.clone(),
            object: document.object.clone(),
            path: at.path.clone(),
            what: what.into(),
            instead: instead.into(),
        });
    }

    pub(super) fn push(&mut self, finding: Finding) {
        if !self.0.contains(&finding) {
            self.0.push(finding);
        }
    }

    pub(super) fn into_vec(self) -> Vec<Finding> {
        self.0
    }
}
