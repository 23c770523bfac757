//! The protocol that istiod takes a port for. HTTP filters run for HTTP alone: for anything else a sidecar passes on
//! bytes, without our filter and without the guard.

use super::super::clusters::alias;
use super::super::finding::Findings;
use super::super::node::Node;
use super::super::rule::Rule;
use super::services::Place;
use super::{Mesh, is_within, pairs, ports, workloads};

const HTTP: [&str; 7] = [
    "http",
    "http2",
    "grpc",
    "grpc-web",
    "kubernetes.io/h2c",
    "kubernetes.io/ws",
    "kubernetes.io/http",
];

/// Checks the port of a program that has our filter in its own sidecar.
pub(super) fn check(place: &Place<'_>, mesh: &Mesh<'_>, findings: &mut Findings) {
    let pods: Vec<_> = workloads::with_labels(mesh, &place.namespace, &place.labels).collect();
    let selects = |selector: &[(&str, &str)]| {
        let mut labels = pods.iter().map(|pods| &pods.labels).chain([&place.labels]);
        labels.any(|labels| is_within(selector, labels))
    };
    for service in mesh.of_kind("Service").filter(|one| one.namespace == place.namespace) {
        let selector = pairs(service.node.at("spec/selector"));
        if selector.is_empty() || !selects(&selector) {
            continue;
        }
        for port in service.node.list("spec/ports") {
            let leads_there =
                ports::target(&port, &pods).is_none_or(|port| port == place.target_port);
            let is_tcp = matches!(port.text("protocol"), "" | "TCP");
            if leads_there && is_tcp && !is_http(&port) {
                let key = if port.get("appProtocol").is_some() { "appProtocol" } else { "name" };
                bytes(
                    place,
                    &port.nearest(key),
                    &format!("by the Service {}", service.name),
                    findings,
                );
            }
        }
    }
    for sidecar in mesh.of_kind("Sidecar").filter(|one| one.namespace == place.namespace) {
        let selector = pairs(sidecar.node.at("spec/workloadSelector/labels"));
        let ingress = sidecar.node.list("spec/ingress");
        if !ingress.is_empty() && selects(&selector) {
            check_ingress(place, &sidecar.node, &ingress, findings);
        }
    }
}

/// What a Sidecar says of connections that come in takes the place of what the Services say.
fn check_ingress(
    place: &Place<'_>,
    sidecar: &Node<'_>,
    ingress: &[Node<'_>],
    findings: &mut Findings,
) {
    let number = |one: &Node<'_>| one.number("port/number");
    if !ingress.iter().any(|one| number(one) == Some(place.target_port)) {
        let at = sidecar.nearest("spec/ingress");
        bytes(place, &at, "because this list does not have it", findings);
    }
    for one in ingress {
        let endpoint = one.text("defaultEndpoint").rsplit_once(':');
        let behind = endpoint.and_then(|(_, port)| port.parse().ok()).or(number(one));
        let is_it = number(one) == Some(place.target_port);
        if !is_it && behind == Some(place.target_port) {
            let name = format!("inbound|{}||", number(one).unwrap_or_default());
            alias(one, &name, &place.cluster, findings);
        }
        let protocol = one.text("port/protocol").to_ascii_lowercase();
        if is_it && !HTTP.contains(&protocol.as_str()) {
            bytes(place, &one.nearest("port/protocol"), "by this Sidecar", findings);
        }
        if is_it && one.text("captureMode") == "NONE" {
            let what = "the connections are not led through the sidecar: neither our filter nor the guard sees them";
            findings.add(
                Rule::Admission,
                &one.nearest("captureMode"),
                what,
                "take captureMode out",
            );
        }
    }
}

/// `appProtocol`, or else what stands before the dash in the port's name. Without either Istio guesses, and a
/// connection that does not look like HTTP is passed on.
fn is_http(port: &Node<'_>) -> bool {
    let said = port.text("appProtocol").to_ascii_lowercase();
    let name = port.text("name").to_ascii_lowercase();
    match said.as_str() {
        "" => HTTP.contains(&name.split('-').next().unwrap_or_default()),
        said => HTTP.contains(&said),
    }
}

fn bytes(place: &Place<'_>, at: &Node<'_>, how: &str, findings: &mut Findings) {
    findings.add(
        Rule::NotHttp,
        at,
        format!(
            "istiod does not take port {} of these Pods for HTTP alone, {how}: connections may pass without any HTTP filter, without ours and without the guard",
            place.target_port
        ),
        "name: http, or appProtocol: http; in a Sidecar protocol: HTTP",
    );
}
