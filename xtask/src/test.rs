//! All suites, one after the other: how many tests each has and how long it takes.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use obolus_tests::fixtures::stack;
use obolus_tests::parts::node::Inspector;
use obolus_tests::parts::{prerequisites, products};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Suites to run; all of them when none is named (`--list` names them)
    suites: Vec<String>,
    /// Prints the suites and what each is about
    #[arg(long)]
    list: bool,
}

struct Suite {
    name: &'static str,
    about: &'static str,
    command: &'static [&'static str],
}

const LINTED: &[&str] = &["clippy", "--locked", "--all-targets", "--quiet", "--", "-D", "warnings"];
const LINTED_WASM: &[&str] = &[
    "clippy",
    "--locked",
    "--quiet",
    "-p",
    "obolus-filter",
    "--target",
    "wasm32-wasip1",
    "--profile",
    "wasm",
    "--",
    "-D",
    "warnings",
];

macro_rules! story {
    ($name:literal, $about:literal) => {
        Suite {
            name: $name,
            about: $about,
            command: &["test", "--locked", "-p", "obolus-tests", "--test", $name],
        }
    };
}

const SUITES: &[Suite] = &[
    Suite {
        name: "format",
        about: "rustfmt has nothing to say",
        command: &["fmt", "--all", "--check"],
    },
    Suite { name: "lint", about: "clippy on what runs natively", command: LINTED },
    Suite { name: "lint-filter", about: "clippy on the filter", command: LINTED_WASM },
    Suite {
        name: "core",
        about: "pure decisions",
        command: &["test", "--locked", "-p", "obolus-core"],
    },
    Suite {
        name: "envoy",
        about: "the generator of Envoy's configuration",
        command: &["test", "--locked", "-p", "obolus-envoy"],
    },
    Suite {
        name: "sts",
        about: "the STS by itself",
        command: &["test", "--locked", "-p", "obolus-sts"],
    },
    Suite {
        name: "mcp-server",
        about: "the MCP server by itself",
        command: &["test", "--locked", "-p", "obolus-mcp"],
    },
    Suite {
        name: "fixtures",
        about: "what the stories stand on",
        command: &["test", "--locked", "-p", "obolus-tests", "--lib"],
    },
    story!("parts", "Envoy, Keycloak and processes start, answer and end"),
    story!("cluster", "a real cluster runs pods and audits"),
    story!("cluster_people", "the API server's view of people"),
    story!("guard", "the native guard on a real Envoy"),
    story!("filter", "what the filter takes and refuses"),
    story!("bindings", "outages, keys, and what is bound to what"),
    story!("sts_keycloak", "the STS at a real Keycloak"),
    story!("mcp_server", "the MCP server at a real API server"),
    story!("end_to_end", "a person's token from Keycloak to the API server's audit log"),
];

struct Outcome {
    name: &'static str,
    passed: u32,
    took: Duration,
    ok: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.list {
        for suite in SUITES {
            println!("{:15} {}", suite.name, suite.about);
        }
        return Ok(());
    }
    let chosen = chosen(&arguments.suites)?;
    prerequisites::check()?;
    stack::fetch_all()?;
    Inspector::find()?;
    let outcomes = chosen.into_iter().map(one).collect::<Result<Vec<_>>>()?;
    println!("\n{:15} {:>6} {:>9}", "suite", "tests", "time");
    for outcome in &outcomes {
        let mark = if outcome.ok { "" } else { "  FAILED" };
        let seconds = outcome.took.as_secs_f32();
        println!("{:15} {:>6} {seconds:>7.1} s{mark}", outcome.name, outcome.passed);
    }
    let failed: Vec<_> = outcomes.iter().filter(|outcome| !outcome.ok).map(|o| o.name).collect();
    let passed: u32 = outcomes.iter().map(|outcome| outcome.passed).sum();
    let total: f32 = outcomes.iter().map(|outcome| outcome.took.as_secs_f32()).sum();
    println!("{:15} {passed:>6} {total:>7.1} s", "all");
    println!("{passed} passed, {} failed", failed.len());
    if failed.is_empty() {
        return Ok(());
    }
    bail!("failed: {}. Again: cargo xtask test {}", failed.join(", "), failed.join(" "));
}

fn chosen(names: &[String]) -> Result<Vec<&'static Suite>> {
    let known = |name: &String| SUITES.iter().any(|suite| suite.name == name);
    let unknown: Vec<_> = names.iter().filter(|name| !known(name)).map(String::as_str).collect();
    if !unknown.is_empty() {
        let all: Vec<_> = SUITES.iter().map(|suite| suite.name).collect();
        bail!("no such suite: {}; there are: {}", unknown.join(", "), all.join(", "));
    }
    let wanted = |suite: &&Suite| names.is_empty() || names.iter().any(|name| name == suite.name);
    Ok(SUITES.iter().filter(wanted).collect())
}

/// Runs one suite and passes its output on.
fn one(suite: &'static Suite) -> Result<Outcome> {
    println!("\n=== {}: {}", suite.name, suite.about);
    let since = Instant::now();
    let mut child = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(products::workspace())
        .args(suite.command)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let output = child.stdout.take().context("no output")?;
    let mut passed = 0;
    for line in BufReader::new(output).lines() {
        let line = line?;
        println!("{line}");
        passed += passed_in(&line).unwrap_or_default();
    }
    let ok = child.wait()?.success();
    Ok(Outcome { name: suite.name, passed, took: since.elapsed(), ok })
}

/// `test result: ok. 12 passed; 0 failed; …`
fn passed_in(line: &str) -> Option<u32> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    counts.split_once(" passed")?.0.parse().ok()
}
