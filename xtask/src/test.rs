//! All suites, one after the other: how many tests each has and how long it takes.

mod build;
mod report;
mod suites;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result};
use obolus_tests::fixtures::compose::{DockerCompose, Engine, START_ENGINE};
use obolus_tests::fixtures::stack::{self, Provider};
use obolus_tests::parts::browser::Browser;
use obolus_tests::parts::conformance::Conformance;
use obolus_tests::parts::node::Inspector;
use obolus_tests::parts::products::{
    PROGRAMS, conformance_server, filter, rmcp_client, target_folder,
};
use obolus_tests::parts::{
    kubernetes_mcp_server, mesh, msal, prerequisites, progress::Progress, python_sdk,
};

pub(crate) use build::cargo;
use build::{TestProgram, TestPrograms};
use report::Outcome;
use suites::{SUITES, Suite, What};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Suites to run; all of them when none is named (`--list` names them)
    suites: Vec<String>,
    /// Prints the suites and what each is about
    #[arg(long)]
    list: bool,
    /// Starts a Docker Engine for the suites that need one, as root, and ends it afterwards
    #[arg(long)]
    start_engine: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if arguments.list {
        for suite in SUITES {
            println!("{:16} {}", suite.name, suite.about);
        }
        for (group, members) in suites::GROUPS {
            println!("{group:16} {}", members.join(", "));
        }
        return Ok(());
    }
    let chosen = suites::chosen(&arguments.suites)?;
    let since = Instant::now();
    prerequisites::check()?;
    stack::fetch_parts(&[Provider::Keycloak, Provider::Entra])?;
    Inspector::find()?;
    // What one suite alone needs takes minutes, and is not for the others to wait for.
    let wants = |name: &str| chosen.iter().any(|suite| suite.name == name);
    if wants("mesh") {
        mesh::binaries()?;
    }
    if wants("entra_msal") {
        msal::packages()?;
    }
    if wants("login") {
        Browser::find()?;
        python_sdk::packages()?;
        rmcp_client()?;
    }
    if wants("mcp_parity") {
        kubernetes_mcp_server::binary()?;
    }
    if wants("conformance") {
        Conformance::find()?;
        conformance_server()?;
    }
    let engine = engine(&chosen, arguments.start_engine)?;
    let progress = Progress::start("all tests", "building");
    let programs = TestPrograms::build()?;
    filter()?;
    progress.done();
    let prepared = since.elapsed();
    let outcomes = chosen
        .into_iter()
        .map(|suite| one(suite, &programs, engine))
        .collect::<Result<Vec<_>>>()?;
    println!("\n{}", report::table(&outcomes, prepared));
    report::verdict(&outcomes)
}

/// Which engine the suites that need one have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum InEngine {
    Started,
    Reached,
    None,
}

/// Finds out, and makes what goes into images when there is an engine.
fn engine(chosen: &[&Suite], start: bool) -> Result<InEngine> {
    if !chosen.iter().any(|suite| matches!(suite.what, What::InEngine(_))) {
        return Ok(InEngine::None);
    }
    let engine = match start {
        true => InEngine::Started,
        false if Engine::reachable(&target_folder().join("engine.log")).is_some() => {
            InEngine::Reached
        }
        false => InEngine::None,
    };
    if engine != InEngine::None {
        DockerCompose::all()?;
        crate::dist::run()?;
    }
    Ok(engine)
}

/// How long one phase of an outage takes; the stories' own default otherwise.
const PHASE_SECONDS: &str = "OBOLUS_PHASE_SECONDS";
const LONG_PHASE: &str = "60";

/// More threads than there are stories; those that wait take none of the cores.
const AT_ONCE: &str = "--test-threads=100";

/// Runs one suite and passes its output on.
fn one(suite: &'static Suite, programs: &TestPrograms, engine: InEngine) -> Result<Outcome> {
    println!("\n=== {}: {}", suite.name, suite.about);
    let since = Instant::now();
    let (mut passed, mut ok, mut skipped) = (0, true, false);
    match suite.what {
        What::Cargo(arguments) => {
            let mut command = build::cargo();
            ok = shown(command.args(arguments), &mut passed)?;
        }
        What::Package(package) => {
            for program in programs.of_package(package)? {
                ok &= shown(&mut ready(program), &mut passed)?;
            }
        }
        What::Story(name) => {
            ok = shown(&mut ready(programs.story(name)?), &mut passed)?;
        }
        What::AtOnce(name) => {
            ok = shown(ready(programs.story(name)?).arg(AT_ONCE), &mut passed)?;
        }
        What::Long(name, tests) => {
            let mut command = ready(programs.story(name)?);
            command.args([tests, "--nocapture"]).env(PHASE_SECONDS, LONG_PHASE);
            ok = shown(&mut command, &mut passed)?;
        }
        What::InEngine(_) if engine == InEngine::None => {
            println!("SKIPPED: no Docker Engine answers; --start-engine starts one");
            skipped = true;
        }
        What::InEngine(name) => {
            let mut command = ready(programs.story(name)?);
            if engine == InEngine::Started {
                command.env(START_ENGINE, "1");
            }
            ok = shown(&mut command, &mut passed)?;
        }
    }
    // A suite that ran no test has not shown anything.
    let empty = passed == 0 && !skipped && !matches!(suite.what, What::Cargo(_));
    Ok(Outcome { name: suite.name, passed, took: since.elapsed(), ok: ok && !empty, skipped })
}

/// A test program as cargo would run it, but with our own programs already built.
fn ready(program: &TestProgram) -> Command {
    let mut command = Command::new(&program.executable);
    command.current_dir(&program.folder).env(PROGRAMS, target_folder().join("debug"));
    command
}

fn shown(command: &mut Command, passed: &mut u32) -> Result<bool> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))?;
    let output = child.stdout.take().context("no output")?;
    for line in BufReader::new(output).lines() {
        let line = line?;
        println!("{line}");
        *passed += passed_in(&line).unwrap_or_default();
    }
    Ok(child.wait()?.success())
}

/// `test result: ok. 12 passed; 0 failed; …`
fn passed_in(line: &str) -> Option<u32> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    counts.split_once(" passed")?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_what_the_test_runner_prints() {
        let line =
            "test result: FAILED. 12 passed; 1 failed; 0 ignored; 0 measured; finished in 1s";
        assert_eq!(passed_in(line), Some(12));
        assert_eq!(passed_in("running 3 tests"), None);
    }

    #[test]
    fn without_an_engine_its_suites_are_skipped_and_with_one_their_programs_have_to_be_there() {
        let suites = suites::chosen(&["compose".to_owned()]).unwrap();
        assert!(matches!(suites[0].what, What::InEngine(_)));
        let nothing_built = TestPrograms::default();
        let outcome = one(suites[0], &nothing_built, InEngine::None).unwrap();
        assert!(outcome.skipped && outcome.passed == 0);
        assert!(one(suites[0], &nothing_built, InEngine::Started).is_err());
    }
}
