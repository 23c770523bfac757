//! Pods whose connections do not all come through their sidecar.

use serde::Deserialize as _;
use serde_json::Value;

use super::super::finding::Findings;
use super::super::node::Node;
use super::super::rule::Rule;
use super::services::Place;
use super::{Mesh, workloads};

const MODE: &str = "sidecar.istio.io/interceptionMode";
const INTERFACES: &str = "traffic.sidecar.istio.io/excludeInterfaces";
const PROXY: &str = "proxy.istio.io/config";

/// Checks what a place's Pods say of it.
pub(super) fn check(place: &Place<'_>, mesh: &Mesh<'_>, findings: &mut Findings) {
    if place.labels.is_empty() {
        return;
    }
    for pods in workloads::with_labels(mesh, &place.namespace, &place.labels) {
        let Some(annotations) = &pods.annotations else { continue };
        for key in [MODE, INTERFACES, PROXY] {
            let Some(at) = annotations.get(key) else { continue };
            let text = at.value.as_str().unwrap_or_default();
            match key {
                MODE if is_none(text) => {
                    add(place, &at, "none are led through the sidecar", findings)
                }
                INTERFACES if !text.trim().is_empty() => {
                    let what = format!("those over {text} are not led through the sidecar");
                    add(place, &at, &what, findings);
                }
                PROXY if says_none(text) => {
                    add(place, &at, "none are led through the sidecar", findings)
                }
                _ => {}
            }
        }
    }
}

fn add(place: &Place<'_>, at: &Node<'_>, what: &str, findings: &mut Findings) {
    findings.add(
        Rule::Admission,
        at,
        format!(
            "of the connections to these Pods, {what}: nobody asks who comes to {}",
            place.who()
        ),
        "take this out",
    );
}

fn is_none(mode: &str) -> bool {
    mode.trim().eq_ignore_ascii_case("none")
}

fn says_none(text: &str) -> bool {
    let value = Value::deserialize(serde_yaml_ng::Deserializer::from_str(text)).unwrap_or_default();
    value.get("interceptionMode").and_then(Value::as_str).is_some_and(is_none)
}
