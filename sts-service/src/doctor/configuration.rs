//! This program's own file, with brought settings or without.

use std::path::Path;

use obolus_core::config::Problem;
use obolus_core::config::brought::{Fault, Notice};

use super::applications;
use super::lines::{Lines, line_at};
use super::remarks;
use super::report::{Finding, Report};
use crate::brought::{self, Brought, is_about};
use crate::config::Config;

/// Drop-ins, which the program that the settings come from reads beside its file.
const DROP_INS: &str = "conf.d";

pub(super) fn examine(text: &str, folder: &Path) -> Report {
    let lines = Lines::of(text);
    let table = match text.parse::<toml::Table>() {
        Ok(table) => table,
        Err(error) => return not_toml(text, &error),
    };
    // A number that JSON does not have is for the reader of the configuration to complain of.
    let value = serde_json::to_value(table).unwrap_or_default();
    let brought = brought::translate(value);
    let faults = faults(&brought, folder);
    let (config, problems) = match Config::parse(text, folder) {
        Ok(config) => (Some(config), Vec::new()),
        Err(problems) => (None, problems.list().to_vec()),
    };
    // What is a fault has its sentences; the same key's problem says less.
    let rest = problems
        .into_iter()
        .filter(|problem| !faults.iter().any(|fault| is_about(&problem.path, &fault.path)));
    let rest: Vec<_> = rest
        .map(|problem| {
            let line = lines.line(&problem.path);
            Finding::problem(problem, line)
        })
        .collect();
    let mut report = Report { config: config.filter(|_| faults.is_empty()), ..Report::default() };
    let remarks = report.config.as_ref().map(remarks::of).unwrap_or_default();
    for Notice { path, text } in remarks {
        let path = brought.written(&path);
        if path.is_empty() {
            continue;
        }
        let line = lines.line(&path);
        report.notices.push(Finding::notice(Notice { path, text }, line));
    }
    for fault in faults {
        let line = lines.line(&fault.path);
        report.faults.push(Finding::fault(fault, line));
    }
    report.faults.extend(rest);
    // What a key does that has a fault is not to be said.
    let is_good = |notice: &Notice| !report.faults.iter().any(|fault| fault.path == notice.path);
    let notices: Vec<_> = brought.notices.into_iter().filter(is_good).collect();
    for notice in notices {
        let line = lines.line(&notice.path);
        report.notices.push(Finding::notice(notice, line));
    }
    report.in_order()
}

fn faults(brought: &Brought, folder: &Path) -> Vec<Fault> {
    let mut faults = brought.faults.clone();
    for fault in applications::faults(&brought.value, folder) {
        let path = brought.written(&fault.path);
        if !faults.iter().any(|other| is_about(&path, &other.path)) {
            faults.push(Fault { path, ..fault });
        }
    }
    faults.extend(drop_ins(folder));
    faults
}

fn drop_ins(folder: &Path) -> Option<Fault> {
    let mut entries = std::fs::read_dir(folder.join(DROP_INS)).ok()?.flatten();
    entries.any(|entry| entry.path().extension().is_some_and(|end| end == "toml")).then(|| {
        let what = "beside this file holds drop-ins, which are not read here";
        Fault::new(DROP_INS, what, "write their settings into this file, and take them away")
            .happens("a setting in them would be passed over in silence")
    })
}

/// The position and the message alone: the full text quotes the line, which may hold anything.
fn not_toml(text: &str, error: &toml::de::Error) -> Report {
    let line = line_at(text, error.span().map_or(0, |span| span.start));
    let path = format!("line {line}");
    let problem = Problem { path, message: format!("is not TOML: {}", error.message()) };
    Report { faults: vec![Finding::problem(problem, line)], ..Report::default() }
}
