//! Machines that somebody wrote down by hand: other names for a protected Service, its Pods by their address, and the
//! gateway's own admin page.

use std::net::IpAddr;

use super::super::clusters::alias;
use super::super::endpoints::may_be;
use super::super::finding::Findings;
use super::super::node::Node;
use super::super::rule::Rule;
use super::services::Place;
use super::{Manifest, Mesh, is_within, pairs};

/// Where Istio's proxies have Envoy's admin page.
const ADMIN_PORT: u64 = 15_000;
const OF_SERVICE: &str = "kubernetes.io/service-name";

/// An address with a port, and what makes Envoy go there.
struct Endpoint<'a> {
    at: Node<'a>,
    address: &'a str,
    port: u64,
    name: &'a str,
}

/// Checks what is written down for a place. A sidecar before the program judges whoever comes, by whatever name.
pub(super) fn check(place: &Place<'_>, mesh: &Mesh<'_>, findings: &mut Findings) {
    for entry in mesh.of_kind("ServiceEntry") {
        names(place, entry, findings);
    }
    let known = addresses(place, mesh);
    for endpoint in all(mesh) {
        let is_own = place.is_host(endpoint.name, &place.namespace);
        if endpoint.port != place.target_port || is_own || is_itself(endpoint.address) {
            continue;
        }
        if known.contains(&endpoint.address) {
            alias(&endpoint.at, endpoint.name, &place.cluster, findings);
        } else if endpoint.address.parse::<IpAddr>().is_ok() {
            may_be(&endpoint.at, endpoint.name, &place.cluster, findings);
        }
    }
}

/// Ways to the admin page of whichever proxy takes them.
pub(super) fn check_admin(mesh: &Mesh<'_>, findings: &mut Findings) {
    for endpoint in all(mesh) {
        if endpoint.port == ADMIN_PORT && is_loopback(endpoint.address) {
            let what = format!(
                "a route to {} leads to the gateway's own admin page, which has no authentication and tells all of its configuration",
                endpoint.name
            );
            findings.add(Rule::AdminOpen, &endpoint.at, what, "take it out");
        }
    }
}

/// A Service's short names are clusters of their own when a ServiceEntry has them, and its full name is then said twice.
fn names(place: &Place<'_>, entry: &Manifest<'_>, findings: &mut Findings) {
    let full = format!("{}.{}.svc.", place.name, place.namespace);
    for host in entry.node.list("spec/hosts") {
        let name = host.value.as_str().unwrap_or_default();
        if !place.is_host(name, entry.namespace) {
            continue;
        }
        let ports = entry.node.list("spec/ports");
        let has_port =
            ports.iter().any(|port| port.number("number") == Some(u64::from(place.port)));
        if !name.to_ascii_lowercase().starts_with(&full) {
            alias(&host, name, &place.cluster, findings);
        } else if has_port {
            let what = format!(
                "says anew what {name} is: the gateway may take these machines for {}, and send them exchanged tokens",
                place.who()
            );
            findings.add(
                Rule::Alias,
                &host,
                what,
                "another name, or no ServiceEntry: it has a Service",
            );
        }
    }
}

fn all<'a>(mesh: &Mesh<'a>) -> Vec<Endpoint<'a>> {
    let mut found = Vec::new();
    for entry in mesh.of_kind("ServiceEntry") {
        let name = entry.node.texts("spec/hosts").first().copied().unwrap_or_default();
        let selector = pairs(entry.node.at("spec/workloadSelector/labels"));
        let selected = mesh.of_kind("WorkloadEntry").filter(|one| {
            let labels = pairs(one.node.at("spec/labels"));
            one.namespace == entry.namespace
                && !selector.is_empty()
                && is_within(&selector, &labels)
        });
        let machines = selected.filter_map(|one| one.node.get("spec"));
        for machine in entry.node.list("spec/endpoints").into_iter().chain(machines) {
            for port in entry.node.list("spec/ports") {
                let of_machine =
                    machine.get("ports").and_then(|ports| ports.number(port.text("name")));
                let number = of_machine.or(port.number("targetPort")).or(port.number("number"));
                found.push(Endpoint {
                    at: machine.nearest("address"),
                    address: machine.text("address"),
                    port: number.unwrap_or_default(),
                    name,
                });
            }
        }
    }
    for slice in
        mesh.of_kind("EndpointSlice").filter(|one| !has_selector(service_of(one), one, mesh))
    {
        for port in slice.node.list("ports") {
            for at in slice.node.list("endpoints").iter().flat_map(|one| one.list("addresses")) {
                let address = at.value.as_str().unwrap_or_default();
                let port = port.number("port").unwrap_or_default();
                found.push(Endpoint { at, address, port, name: service_of(slice) });
            }
        }
    }
    for endpoints in mesh.of_kind("Endpoints").filter(|one| !has_selector(one.name, one, mesh)) {
        for subset in endpoints.node.list("subsets") {
            for port in subset.list("ports") {
                for at in subset.list("addresses") {
                    let port = port.number("port").unwrap_or_default();
                    found.push(Endpoint { address: at.text("ip"), at, port, name: endpoints.name });
                }
            }
        }
    }
    found
}

fn service_of<'a>(slice: &Manifest<'a>) -> &'a str {
    slice.node.at("metadata/labels").map(|labels| labels.text_of(OF_SERVICE)).unwrap_or_default()
}

/// Kubernetes writes the endpoints of a Service with a selector itself.
fn has_selector(service: &str, of: &Manifest<'_>, mesh: &Mesh<'_>) -> bool {
    mesh.of_kind("Service").any(|one| {
        one.name == service
            && one.namespace == of.namespace
            && !pairs(one.node.at("spec/selector")).is_empty()
    })
}

/// The addresses of a place's Pods, when a running cluster was asked for them.
fn addresses<'a>(place: &Place<'_>, mesh: &Mesh<'a>) -> Vec<&'a str> {
    let here = |one: &&Manifest<'a>| one.namespace == place.namespace;
    let slices = mesh.of_kind("EndpointSlice").filter(here);
    let slices =
        slices.filter(|one| service_of(one) == place.name && has_selector(&place.name, one, mesh));
    let listed = slices.flat_map(|one| one.node.list("endpoints"));
    let mut found: Vec<_> = listed.flat_map(|one| one.texts("addresses")).collect();
    let pods = mesh.of_kind("Pod").filter(here);
    let pods = pods.filter(|one| {
        !place.labels.is_empty() && is_within(&place.labels, &pairs(one.node.at("metadata/labels")))
    });
    found.extend(pods.map(|one| one.node.text("status/podIP")).filter(|ip| !ip.is_empty()));
    found
}

/// The machine of whoever calls, as everybody writes it.
fn is_itself(address: &str) -> bool {
    matches!(address, "127.0.0.1" | "::1" | "localhost")
}

fn is_loopback(address: &str) -> bool {
    address.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
        || address.eq_ignore_ascii_case("localhost")
}
