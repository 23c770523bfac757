//! `cargo xtask check`, as people and their CI run it.

#![expect(clippy::unwrap_used, reason = "what cannot be set up fails loudly")]

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

fn check(path: impl AsRef<Path>) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask")).arg("check").arg(path.as_ref()).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// A folder with one of our files, in which one text is replaced.
fn changed(file: &str, from: &str, to: &str) -> TempDir {
    let text = std::fs::read_to_string(root().join(file)).unwrap();
    assert!(text.contains(from), "{file} has no {from}");
    let folder = tempfile::tempdir().unwrap();
    let text = text.replace(&"0".repeat(64), &"0123abcd".repeat(8));
    std::fs::write(folder.path().join("changed.yaml"), text.replace(from, to)).unwrap();
    folder
}

#[test]
fn it_ends_with_0_when_nothing_is_found_and_with_1_when_something_would_be_open() {
    for (file, warnings) in
        // Which module runs is said by who installs it.
        [("deploy/istio", 1), ("envoy/bootstrap.yaml", 0), ("envoy/compose/envoy.yaml", 0)]
    {
        let output = check(root().join(file));
        assert_eq!(output.status.code(), Some(0), "{file}: {}", text(&output));
        let end = format!("0 error(s), {warnings} warning(s)\n");
        assert!(text(&output).ends_with(&end), "{}", text(&output));
        assert_eq!(text(&output).matches("warning placeholder-digest").count(), warnings);
    }
    for (file, from, to, rule) in [
        (
            "deploy/istio/gateway/envoy-filter.yaml",
            "allow_on_headers_stop_iteration: true",
            "allow_on_headers_stop_iteration: false",
            "error body-hold",
        ),
        ("envoy/bootstrap.yaml", "FAIL_RELOAD", "FAIL_OPEN", "error fail-open"),
    ] {
        let folder = changed(file, from, to);
        let output = check(folder.path());
        assert_eq!(output.status.code(), Some(1), "{}", text(&output));
        assert!(text(&output).starts_with(rule), "{}", text(&output));
        assert!(text(&output).ends_with("1 error(s), 0 warning(s)\n"), "{}", text(&output));
    }
}

#[test]
fn what_only_surprises_ends_with_0_and_is_said() {
    let folder = changed("envoy/bootstrap.yaml", "timeout: 0s", "timeout: 30s");
    let output = check(folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).starts_with("warning stream-timeout"), "{}", text(&output));
}

#[test]
fn it_ends_with_2_when_there_is_nothing_to_check() {
    let empty = tempfile::tempdir().unwrap();
    for path in
        [empty.path(), &empty.path().join("nowhere"), &root().join("envoy/docker-compose.yaml")]
    {
        let output = check(path);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        assert!(!output.stderr.is_empty());
        assert!(output.stdout.is_empty(), "{}", text(&output));
    }
    let nothing = check(empty.path());
    let said = String::from_utf8_lossy(&nothing.stderr);
    assert!(said.contains("deploy/istio"), "what to give is not said: {said}");
    let nowhere = check(empty.path().join("nowhere"));
    let said = String::from_utf8_lossy(&nowhere.stderr);
    assert!(said.contains("No such file") && said.contains("deploy/istio"), "{said}");
}
