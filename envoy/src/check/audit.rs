//! Whether anybody writes down what our filter decides: it leaves its records to Envoy's access log.

use super::finding::Findings;
use super::node::Node;
use super::rule::Rule;
use crate::access_log::AUDIT_STATE;

/// A connection manager with our filter.
pub(super) fn check(manager: &Node<'_>, findings: &mut Findings) {
    let logs = manager.get("access_log");
    if !logs.is_some_and(|logs| writes_records(&logs)) {
        nobody_writes(&manager.nearest("access_log"), findings);
    }
}

/// A proxy of the mesh, with all that may say what it logs.
pub(super) fn check_mesh<'a>(
    place: &Node<'_>,
    mut settings: impl Iterator<Item = Node<'a>>,
    findings: &mut Findings,
) {
    if !settings.any(|node| writes_records(&node)) {
        nobody_writes(place, findings);
    }
}

/// Any logger may, in any format that holds the state, or by its name (`filter_state_objects_to_log`).
fn writes_records(node: &Node<'_>) -> bool {
    // A condition alone writes nothing.
    node.walk().iter().any(|place| {
        !place.path.ends_with(".expression")
            && place.value.as_str().is_some_and(|text| text.contains(AUDIT_STATE))
    })
}

fn nobody_writes(place: &Node<'_>, findings: &mut Findings) {
    findings.add(
        Rule::AuditMissing,
        place,
        "no access log writes what our filter decides: there is no audit",
        format!("an access log with the format %FILTER_STATE({AUDIT_STATE}:PLAIN)%, as in envoy/bootstrap.yaml"),
    );
}
