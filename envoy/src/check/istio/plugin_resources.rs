//! Istio's own ways to deliver a Wasm module, which cannot hold bodies.

use super::super::finding::Findings;
use super::super::node::Node;
use super::super::rule::Rule;
use super::Manifest;

const KINDS: [&str; 2] = ["WasmPlugin", "TrafficExtension"];

/// Whether one of them delivers our module.
pub(super) fn any(manifests: &[Manifest<'_>]) -> bool {
    manifests.iter().any(|manifest| ours(manifest).is_some())
}

/// Names each that does.
pub(super) fn check(manifests: &[Manifest<'_>], findings: &mut Findings) {
    for (manifest, spec) in manifests.iter().filter_map(|one| Some((one, ours(one)?))) {
        findings.add(
            Rule::BodyHold,
            &spec,
            format!(
                "{} cannot say allow_on_headers_stop_iteration: headers go on before the body was judged, or requests hang",
                manifest.kind
            ),
            "an EnvoyFilter with the full filter, as in deploy/istio",
        );
        for node in spec.walk() {
            if node.text("failStrategy") == "FAIL_OPEN" {
                findings.add(
                    Rule::FailOpen,
                    &node.nearest("failStrategy"),
                    "requests pass unjudged when the module has failed",
                    "failStrategy: FAIL_RELOAD",
                );
            }
        }
    }
}

fn ours<'a>(manifest: &Manifest<'a>) -> Option<Node<'a>> {
    let spec = manifest.node.get("spec").filter(|_| KINDS.contains(&manifest.kind))?;
    let is_ours = spec.walk().iter().any(|node| {
        node.text("url").contains("obolus")
            || node.at("pluginConfig/sts").is_some() && node.at("pluginConfig/resources").is_some()
    });
    is_ours.then_some(spec)
}
