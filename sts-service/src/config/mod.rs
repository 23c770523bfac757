//! The configuration file (TOML, snake_case), read whole: every problem is told at once.
//!
//! What a file names is opened here, too, so that `--check` and a start find the same faults.

mod at_start;
mod callers;
mod client;
mod entra_target;
pub(crate) mod files;
mod groups;
mod issuers;
mod limits;
mod names;
mod rights;
pub(crate) mod server;
mod targets;
mod traces;

use std::path::Path;
use std::sync::Arc;

use obolus_core::config::{Problem, Problems, Section};
use serde::Deserialize;

use crate::{brought, regular_file};

pub(crate) use at_start::{AtStart, ISSUERS};
pub use callers::{Caller, Clients, Grant};
pub use groups::Groups;
pub use issuers::Issuer;
pub(crate) use issuers::{is_https, same_origin};
pub use limits::Limits;
use names::Names;
pub(crate) use rights::Rights;
pub use server::Server;
pub use targets::{ExchangedBy, Target};
pub use traces::Collection;

/// All that one `obolus-sts` knows.
#[derive(Debug)]
pub struct Config {
    /// Where it listens, and to whom.
    pub server: Server,
    /// Whose tokens it verifies.
    pub issuers: Vec<Arc<Issuer>>,
    /// What it exchanges tokens for.
    pub targets: Vec<Arc<Target>>,
    /// Who may ask.
    pub callers: Vec<Caller>,
    /// Bounds on memory and time.
    pub limits: Limits,
    /// How much of its own doings it logs.
    pub log_level: LogLevel,
    /// To whom traces are told, if to anybody.
    pub traces: Option<Collection>,
    /// What counts only from a start on.
    pub(crate) at_start: AtStart,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Failures of our own.
    Error,
    /// And of others.
    Warn,
    /// And every exchange.
    #[default]
    Info,
    /// And more.
    Debug,
}

impl Config {
    /// Reads and checks a file. Relative paths in it start at its own folder.
    ///
    /// # Errors
    /// Every problem, each with its key's path and what to write.
    pub fn load(path: &Path) -> Result<Self, Problems> {
        let text = regular_file::text(path)
            .map_err(|error| Problems::one(&path.display().to_string(), error.to_string()))?;
        Self::parse(&text, path.parent().unwrap_or_else(|| Path::new(".")))
    }

    /// Reads and checks a text, with relative paths starting at `folder`.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn parse(text: &str, folder: &Path) -> Result<Self, Problems> {
        let table: toml::Table = text.parse().map_err(|error| not_toml(text, &error))?;
        let value = serde_json::to_value(table)
            .map_err(|_| Problems::one("", "holds a number that is none"))?;
        let brought = brought::translate(value);
        let top = Section::top(&brought.value)?;
        let server = top
            .section("server", "[server] with listen, certificate_file and private_key_file")
            .and_then(|section| server::read(section, folder));
        let names = Names::of(&brought.value);
        let issuers = issuers::read(&top, folder);
        let targets = targets::read(&top, folder, &issuers, &names);
        let callers = callers::read(&top, folder, &targets, &names);
        let limits = limits::read(&top);
        let log_level = top.word("log_level", "error, warn, info, debug", LogLevel::Info);
        let traces = traces::read(&top, folder);
        let at_start = AtStart::of(&brought.value);
        let built = server.map(|server| Self {
            server,
            issuers,
            targets,
            callers,
            limits,
            log_level,
            traces,
            at_start,
        });
        let read = top.conclude(built).map_err(before_the_tables);
        brought.settle(read)
    }
}

/// In TOML a key belongs to the table above it: one of the top level that stands below any is told where it belongs.
pub(crate) fn before_the_tables(problems: Problems) -> Problems {
    const LEVEL: &str = "log_level";
    let told = |problem: &Problem| {
        let mut problem = problem.clone();
        if problem.path.strip_suffix(LEVEL).is_some_and(|table| table.ends_with('.')) {
            problem.message = format!(
                "is not a setting here: write {LEVEL} before the first [table] of the file"
            );
        }
        problem
    };
    problems.list().iter().map(told).collect()
}

/// The position and the message alone: the full text quotes the line, which may hold anything.
pub(crate) fn not_toml(text: &str, error: &toml::de::Error) -> Problems {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    Problems::one(&format!("line {line}"), format!("is not TOML: {}", error.message()))
}

#[cfg(test)]
mod entra_target_tests;
#[cfg(test)]
mod entra_tests;
#[cfg(test)]
mod readme_tests;
#[cfg(test)]
mod tests;
