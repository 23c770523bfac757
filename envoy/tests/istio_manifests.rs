//! The program that generates the gateway's manifests, as `docs/istio.md` has it.

use std::io;
use std::path::Path;
use std::process::{Command, Output};

fn run(arguments: &[&str], folder: &Path) -> io::Result<Output> {
    Command::new(env!("CARGO_BIN_EXE_istio-manifests"))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .args(arguments)
        .arg(folder)
        .output()
}

#[test]
fn the_digest_stands_in_what_is_written_and_what_is_no_digest_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let good = run(&["deploy/istio/filter.json", &"ab".repeat(32)], folder.path()).unwrap();
    assert!(good.status.success(), "{good:?}");
    let text = std::fs::read_to_string(folder.path().join("gateway/envoy-filter.yaml")).unwrap();
    assert!(text.contains(&format!("vm_id: obolus-{}", "ab".repeat(32))), "{text}");

    let bad = run(&["deploy/istio/filter.json", "latest"], folder.path()).unwrap();
    assert!(!bad.status.success() && String::from_utf8_lossy(&bad.stderr).contains("SHA-256"));
    let bad = run(&["deploy/istio/sts.toml", &"ab".repeat(32)], folder.path()).unwrap();
    assert!(!bad.status.success(), "{bad:?}");
}
