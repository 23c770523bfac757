//! Whether the Pods of the STS and the MCP server have a sidecar that sees who comes: without one no policy holds.

use super::super::finding::Findings;
use super::super::node::Node;
use super::super::rule::Rule;
use super::services::Place;
use super::workloads::{self, Workload};
use super::{Mesh, pairs};

const INJECT: &str = "sidecar.istio.io/inject";
const TRAFFIC: &str = "traffic.sidecar.istio.io/";

/// Checks the namespace of a place, and its Pods.
pub(super) fn check(place: &Place<'_>, mesh: &Mesh<'_>, findings: &mut Findings) {
    let add = |findings: &mut Findings, at: &Node<'_>, what: &str, write: &str| {
        let what = format!("{what}: nobody asks who comes to {}", place.who());
        findings.add(Rule::Admission, at, what, write);
    };
    let mut are_all_injected = !place.labels.is_empty();
    let workloads = workloads::with_labels(mesh, &place.namespace, &place.labels);
    for workload in workloads.filter(|_| !place.labels.is_empty()) {
        let said = said(&workload, INJECT);
        are_all_injected &= said == Some("true");
        if said == Some("false") {
            let what = format!("{INJECT} is false, so these Pods have no sidecar");
            add(findings, &workload.pod, &what, "leave it out");
        }
        for (key, what) in [
            ("excludeInboundPorts", "the sidecar does not see this port"),
            ("includeInboundPorts", "the sidecar sees other ports only"),
        ] {
            let annotations = workload.annotations.as_ref();
            let Some(at) = annotations.and_then(|map| map.get(&format!("{TRAFFIC}{key}"))) else {
                continue;
            };
            let text = at.value.as_str().unwrap_or_default();
            let is_listed = text
                .split(',')
                .any(|one| one.trim() == "*" || one.trim().parse() == Ok(place.target_port));
            if is_listed == (key == "excludeInboundPorts") {
                add(findings, &at, what, "take this annotation out");
            }
        }
    }
    let namespace = mesh.of_kind("Namespace").find(|one| one.name == place.namespace);
    if let Some(namespace) = namespace.filter(|_| !are_all_injected) {
        let labels = pairs(namespace.node.at("metadata/labels"));
        let is_in_mesh = labels
            .iter()
            .any(|pair| matches!(pair, ("istio-injection", "enabled") | ("istio.io/rev", _)));
        if !is_in_mesh || labels.contains(&("istio-injection", "disabled")) {
            let at = namespace.node.nearest("metadata/labels");
            // Istio's node proxies (ztunnel) know no EnvoyFilter, and our policies are written for sidecars.
            let is_ambient = labels.contains(&("istio.io/dataplane-mode", "ambient"));
            let what = match is_ambient {
                true => "Pods of this namespace are in the ambient mesh and get no sidecar",
                false => "Pods of this namespace get no sidecar",
            };
            add(findings, &at, what, "istio-injection: enabled");
        }
    }
}

/// What a Pod says by a label, which wins, or by an annotation.
fn said<'a>(workload: &Workload<'a>, key: &str) -> Option<&'a str> {
    let label = workload.labels.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
    label.or_else(|| workload.annotations.as_ref()?.get(key)?.value.as_str())
}
