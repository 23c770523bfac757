//! What was found, as it is printed.

use std::fmt;
use std::path::Path;

use obolus_core::config::brought::{Fault, Notice};
use obolus_core::config::{Problem, Problems};

use crate::config::Config;

/// All that was found in a file.
#[derive(Debug, Default)]
pub struct Report {
    /// What no start is possible with, by line.
    pub faults: Vec<Finding>,
    /// What a person should know, by line.
    pub notices: Vec<Finding>,
    /// The configuration, when it is good, and when the file holds one.
    pub config: Option<Config>,
    /// What was looked at, where that is not all of the file.
    pub looked_at: Option<&'static str>,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The line, from 1.
    pub line: usize,
    /// The key.
    pub path: String,
    /// What is wrong, or what becomes of the key.
    pub what: String,
    /// What happens for that.
    pub happens: Option<String>,
    /// What to write instead; part of `what` where one sentence says both.
    pub write: Option<String>,
}

impl Report {
    /// The faults as a start tells them: by their keys.
    #[must_use]
    pub fn problems(&self) -> Problems {
        self.faults.iter().cloned().map(Problem::from).collect()
    }

    /// The lines that `check` prints.
    #[must_use]
    pub fn of<'a>(&'a self, path: &'a Path) -> impl fmt::Display + 'a {
        Printed { report: self, path }
    }

    pub(super) fn in_order(mut self) -> Self {
        self.faults.sort_by_key(|finding| finding.line);
        self.notices.sort_by_key(|finding| finding.line);
        self
    }
}

impl Finding {
    pub(super) fn fault(fault: Fault, line: usize) -> Self {
        let Fault { path, what, happens, write } = fault;
        Self { line, path, what, happens, write: Some(write) }
    }

    pub(super) fn problem(problem: Problem, line: usize) -> Self {
        let Problem { path, message } = problem;
        Self { line, path, what: message, happens: None, write: None }
    }

    pub(super) fn notice(notice: Notice, line: usize) -> Self {
        let Notice { path, text } = notice;
        Self { line, path, what: text, happens: None, write: None }
    }
}

impl From<Finding> for Problem {
    fn from(finding: Finding) -> Self {
        let Finding { path, what, happens, write, .. } = finding;
        match write {
            Some(write) => Fault { path, what, happens, write }.into(),
            None => Self { path, message: what },
        }
    }
}

struct Printed<'a> {
    report: &'a Report,
    path: &'a Path,
}

impl fmt::Display for Printed<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.path.display();
        for fault in &self.report.faults {
            writeln!(out, "{file}:{}: {} {}", fault.line, fault.path, fault.what)?;
            if let Some(happens) = &fault.happens {
                writeln!(out, "    what happens: {happens}")?;
            }
            if let Some(write) = &fault.write {
                writeln!(out, "    instead: {write}")?;
            }
        }
        for notice in &self.report.notices {
            writeln!(out, "{file}:{}: note: {} {}", notice.line, notice.path, notice.what)?;
        }
        if let Some(looked_at) = self.report.looked_at {
            writeln!(out, "{file}: {looked_at}")?;
        }
        let faults = self.report.faults.len();
        match faults {
            0 => write!(out, "{file}: can work"),
            _ => write!(out, "{file}: cannot work: {faults} fault(s)"),
        }
    }
}
