//! Tokens and the filter's credential in what Istio makes of others' objects.

use serde::Deserialize as _;
use serde_json::Value;

use super::super::finding::Findings;
use super::super::node::Node;
use super::super::rule::Rule;
use super::super::secrets::Secrets;
use super::services::Place;
use super::{Manifest, Mesh, ROOT_NAMESPACE};

const PROXY: &str = "proxy.istio.io/config";

/// Checks everything that a proxy with our filter may be made to tell.
pub(super) fn check(mesh: &Mesh<'_>, places: &[Place<'_>], findings: &mut Findings) {
    let credentials: Vec<&str> = mesh
        .gateways
        .iter()
        .flat_map(|gateway| gateway.settings())
        .map(|settings| settings.credential_env.as_str())
        .filter(|name| !name.is_empty())
        .collect();
    let told = |has_tokens| Secrets { credentials: &credentials, has_tokens, are_routes: false };
    for gateway in &mesh.gateways {
        for patch in gateway.patches(&mesh.manifests) {
            patch.at("patch/value").iter().for_each(|value| told(true).check(value, findings));
        }
    }
    for manifest in &mesh.manifests {
        let spec = manifest.node.get("spec");
        match manifest.kind {
            "VirtualService" | "HTTPRoute" | "GRPCRoute" => {
                for route in
                    ["spec/http", "spec/rules"].iter().flat_map(|key| manifest.node.list(key))
                {
                    let has_tokens = leads_to_us(&route, manifest, places);
                    Secrets { are_routes: true, ..told(has_tokens) }.check(&route, findings);
                }
            }
            "Telemetry" => {
                let is_of = |gateway: &super::Gateway<'_>| {
                    manifest.selects(gateway.namespace, &gateway.labels)
                };
                if mesh.gateways.iter().any(is_of) {
                    told(true).check(&manifest.node, findings);
                }
            }
            "WasmPlugin" => told(false).check(&manifest.node, findings),
            "IstioOperator" => told(true).check(&manifest.node, findings),
            "ConfigMap" if is_of_mesh(manifest) => told(true).check(&manifest.node, findings),
            _ => {}
        }
        for name in &credentials {
            match manifest.kind {
                "ProxyConfig" | "IstioOperator" => {
                    spec.iter().flat_map(Node::walk).for_each(|node| member(&node, name, findings));
                }
                "ConfigMap" if is_of_mesh(manifest) => {
                    let texts = manifest.node.get("data").map(|data| data.members());
                    texts.unwrap_or_default().iter().for_each(|(_, at)| text(at, name, findings));
                }
                _ => {}
            }
            for annotations in ["metadata/annotations", "spec/template/metadata/annotations"]
                .iter()
                .filter_map(|key| manifest.node.at(key))
            {
                annotations.get(PROXY).iter().for_each(|at| text(at, name, findings));
            }
        }
    }
}

/// Istio's own configuration, where it is among the manifests.
fn is_of_mesh(manifest: &Manifest<'_>) -> bool {
    manifest.namespace == ROOT_NAMESPACE
        && (manifest.name == "istio" || manifest.name.starts_with("istio-"))
}

fn leads_to_us(route: &Node<'_>, manifest: &Manifest<'_>, places: &[Place<'_>]) -> bool {
    let destinations = route.list("route");
    let destinations =
        destinations.iter().map(|one| (one.text("destination/host"), manifest.namespace));
    let backends = route.list("backendRefs");
    let backends = backends.iter().map(|one| match one.text("namespace") {
        "" => (one.text("name"), manifest.namespace),
        namespace => (one.text("name"), namespace),
    });
    let mut all = destinations.chain(backends);
    all.any(|(host, namespace)| places.iter().any(|place| place.is_host(host, namespace)))
}

fn member(node: &Node<'_>, name: &str, findings: &mut Findings) {
    let named = node.get(name).filter(|value| value.value.is_string());
    let listed = node.get("value").filter(|_| node.text("name") == name);
    named.iter().chain(&listed).for_each(|at| inline(at, name, findings));
}

/// A text that is YAML.
fn text(at: &Node<'_>, name: &str, findings: &mut Findings) {
    let text = at.value.as_str().unwrap_or_default();
    let value = Value::deserialize(serde_yaml_ng::Deserializer::from_str(text)).unwrap_or_default();
    if says(&value, name) {
        inline(at, name, findings);
    }
}

fn says(value: &Value, name: &str) -> bool {
    match value {
        Value::Object(map) => map.iter().any(|(key, value)| key == name || says(value, name)),
        Value::Array(items) => items.iter().any(|value| says(value, name)),
        _ => false,
    }
}

fn inline(at: &Node<'_>, name: &str, findings: &mut Findings) {
    findings.add(
        Rule::CredentialInline,
        at,
        "the credential stands in Istio's configuration of proxies, for all who can read it",
        format!("{name} by valueFrom.secretKeyRef in the proxy's Deployment"),
    );
}
