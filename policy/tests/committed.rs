//! Compiled policies that other crates' tests are run with are what this compiler makes of their source.
#![expect(clippy::unwrap_used, reason = "a test fails loudly")]

use std::path::Path;

use obolus_policy::{compile, read_tools};
use serde_json::Value;

fn is_compiled_from_its_source(folder: &str, policies: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let tools = read_tools(Some("kubernetes"), "tools.json", &text("tools.json")).unwrap();
    let compiled = compile(&[(policies.to_owned(), text(policies))], &tools).unwrap();
    let committed: Value = serde_json::from_str(&text("compiled.json")).unwrap();
    assert_eq!(
        compiled,
        committed,
        "in {}: obolus-policy compile {policies} --tools kubernetes=tools.json > compiled.json",
        folder.display()
    );
}

#[test]
fn the_policies_of_the_authz_story_are() {
    is_compiled_from_its_source("tests/tests/authz/people", "people.cedar");
}

#[test]
fn the_policies_of_the_bench_are() {
    is_compiled_from_its_source("xtask/src/bench/policies", "policies.cedar");
}
