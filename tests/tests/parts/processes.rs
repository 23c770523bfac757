//! Processes end with whoever started them.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use obolus_tests::deadline::eventually_blocking;
use obolus_tests::process::{Process, Program};

use super::SOON;

/// A program that starts another one, as Keycloak's start script does, and says its id.
fn parent_and_child(folder: &Path) -> Process {
    let script = "sleep 1000 & echo \"child $!\"; wait";
    let program = Program::new("sleeper", "sh", folder.join("log")).args(["-c", script]);
    program.start().unwrap()
}

fn child_of(process: &Process) -> u32 {
    eventually_blocking("the child's id", SOON, || {
        let log = process.log();
        let id = log.lines().find_map(|line| line.strip_prefix("child ")?.parse().ok());
        id.ok_or_else(|| anyhow::anyhow!("the log is {log:?}"))
    })
    .unwrap()
}

fn gone(pid: u32) {
    eventually_blocking("the end of a process", SOON, || {
        anyhow::ensure!(!Path::new(&format!("/proc/{pid}")).exists(), "process {pid} exists");
        Ok(())
    })
    .unwrap();
}

#[test]
fn a_dropped_process_takes_its_children_along() {
    let folder = tempfile::tempdir().unwrap();
    let process = parent_and_child(folder.path());
    let (parent, child) = (process.pid(), child_of(&process));
    assert!(Path::new(&format!("/proc/{child}")).exists());
    assert!(process.rss().unwrap() > 0);
    drop(process);
    gone(parent);
    gone(child);
}

#[test]
fn a_process_dies_with_a_parent_that_is_killed() {
    // Ours, because who is killed cannot tidy up.
    let folder = tempfile::tempdir().unwrap();
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::parent_to_be_killed", "--ignored", "--nocapture"])
        .env("FOLDER", folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(parent.stdout.take().unwrap()).lines();
    let ids: Vec<u32> = lines
        .map_while(Result::ok)
        .find_map(|line| {
            line.split_once("started ")?.1.split(' ').map(|id| id.parse().ok()).collect()
        })
        .unwrap();
    assert!(ids.iter().all(|id| Path::new(&format!("/proc/{id}")).exists()), "{ids:?}");
    parent.kill().unwrap();
    parent.wait().unwrap();
    ids.into_iter().for_each(gone);
}

#[test]
#[ignore = "started, and killed, by a_process_dies_with_a_parent_that_is_killed"]
fn parent_to_be_killed() {
    let Some(folder) = std::env::var_os("FOLDER") else { return };
    let process = parent_and_child(Path::new(&folder));
    println!("started {} {}", process.pid(), child_of(&process));
    // Blocks until the test kills us; ends by itself if the test has died.
    std::io::stdin().lines().count();
}

#[test]
fn exit_codes_signals_and_the_end_of_the_log_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let start = |script| {
        let program = Program::new("script", "sh", folder.path().join("log")).args(["-c", script]);
        program.start().unwrap()
    };
    assert_eq!(start("exit 7").wait(SOON).unwrap(), 7);
    assert_eq!(start("exec sleep 1000").stop(SOON).unwrap(), 128 + 15);
    let deaf = "trap '' TERM; echo deaf; while :; do sleep 1; done";
    let mut deaf = start(deaf);
    eventually_blocking("the trap", SOON, || {
        anyhow::ensure!(deaf.log().contains("deaf"), "not yet");
        Ok(())
    })
    .unwrap();
    assert_eq!(deaf.stop(Duration::from_millis(200)).unwrap(), 128 + 9);

    let mut failing = start("echo the reason >&2; exit 1");
    failing.wait(SOON).unwrap();
    let error = format!("{:#}", failing.still_runs().unwrap_err());
    assert!(error.contains("exit code 1") && error.contains("the reason"), "{error}");
}
