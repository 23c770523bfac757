//! Compiled policies that other crates' tests are run with are what this compiler makes of their source.

use std::path::Path;

use obolus_policy::{compile, read_tools};
use serde_json::Value;

#[test]
fn the_policies_of_the_authz_story_are_compiled_from_their_source() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/tests/authz/people");
    let text = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let tools = read_tools(Some("kubernetes"), "tools.json", &text("tools.json")).unwrap();
    let policies = ("people.cedar".to_owned(), text("people.cedar"));
    let compiled = compile(&[policies], &tools).unwrap();
    let committed: Value = serde_json::from_str(&text("compiled.json")).unwrap();
    assert_eq!(
        compiled, committed,
        "in tests/tests/authz/people: obolus-policy compile people.cedar --tools kubernetes=tools.json > compiled.json"
    );
}
