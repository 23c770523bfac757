//! Whose routes may stand beside ours, on our hosts.

use super::super::finding::Findings;
use super::super::node::Node;
use super::super::rule::Rule;
use super::{Manifest, Mesh};

/// Checks the gateways that take our hosts.
pub(super) fn check(mesh: &Mesh<'_>, findings: &mut Findings) {
    let ours: Vec<&str> = mesh
        .gateways
        .iter()
        .flat_map(|gateway| gateway.settings())
        .flat_map(|settings| settings.hosts.iter())
        .flat_map(|(_, hosts)| hosts.iter())
        .map(|host| host.rsplit_once(':').map_or(host.as_str(), |(host, _)| host))
        .collect();
    for gateway in mesh.of_kind("Gateway") {
        for server in gateway.node.list("spec/servers") {
            for at in server.list("hosts") {
                of_istio(gateway, &at, &ours, mesh, findings);
            }
        }
        for listener in gateway.node.list("spec/listeners") {
            let host = listener.text("hostname");
            let from = listener.nearest("allowedRoutes/namespaces/from");
            let is_ours = ours.contains(&host) || host.is_empty() && has_our_filter(gateway, mesh);
            if is_ours && from.value == "All" {
                open(
                    &from,
                    host,
                    "from: Same, or a Selector of the namespaces that are meant",
                    findings,
                );
            }
        }
    }
}

fn of_istio(
    gateway: &Manifest<'_>,
    at: &Node<'_>,
    ours: &[&str],
    mesh: &Mesh<'_>,
    findings: &mut Findings,
) {
    let text = at.value.as_str().unwrap_or_default();
    let (namespace, host) = text.split_once('/').unwrap_or(("*", text));
    let covers = |name: &&&str| host.strip_prefix('*').is_some_and(|rest| name.ends_with(rest));
    let covered = ours.iter().find(|name| **name == host).or_else(|| {
        // Another's gateway for all hosts has certificates of its own, not ours.
        ours.iter().filter(covers).find(|name| has_our_route(gateway, name, mesh))
    });
    if let (Some(name), "*") = (covered, namespace) {
        let write =
            format!("\"./{name}\", or the namespace of its VirtualService in place of the dot");
        open(at, name, &write, findings);
    }
}

fn has_our_route(gateway: &Manifest<'_>, host: &str, mesh: &Mesh<'_>) -> bool {
    mesh.of_kind("VirtualService").any(|service| {
        let is_it = |name: &&str| match name.split_once('/') {
            Some((namespace, name)) => namespace == gateway.namespace && name == gateway.name,
            None => service.namespace == gateway.namespace && *name == gateway.name,
        };
        service.node.texts("spec/hosts").contains(&host)
            && service.node.texts("spec/gateways").iter().any(is_it)
    })
}

fn has_our_filter(gateway: &Manifest<'_>, mesh: &Mesh<'_>) -> bool {
    let label = ("gateway.networking.k8s.io/gateway-name", gateway.name);
    mesh.gateways.iter().any(|ours| ours.labels.contains(&label))
}

fn open(at: &Node<'_>, host: &str, write: &str, findings: &mut Findings) {
    findings.add(
        Rule::OpenHost,
        at,
        format!(
            "whoever may write a route in any namespace may add one to {host}: callers' tokens go where it leads, and one \
             that Envoy refuses takes ours with it"
        ),
        write,
    );
}
