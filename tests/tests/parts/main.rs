//! Each real part starts, does the one thing it is there for, and ends.

#![expect(clippy::unwrap_used, reason = "failing loudly is the job")]
#![expect(clippy::indexing_slicing, reason = "a JSON value answers null for what it lacks")]

use std::time::Duration;

use obolus_tests::parts::node::Inspector;
use obolus_tests::parts::prerequisites;

mod envoy;
mod keycloak;
mod processes;
mod recorder;

/// For what is a matter of milliseconds, on a machine that is busy with something else.
const SOON: Duration = Duration::from_secs(10);

#[test]
fn this_machine_has_all_prerequisites() {
    prerequisites::check().unwrap();
}

#[test]
fn inspector_runs_on_its_own_node() {
    let home = tempfile::tempdir().unwrap();
    let mut inspector = Inspector::find().unwrap().cli(home.path()).arg("--help").start().unwrap();
    assert_eq!(inspector.wait(SOON).unwrap(), 0);
    assert!(inspector.log().contains("--method"), "{}", inspector.log());
}
