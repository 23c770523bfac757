//! Ports of Services and of the Pods behind them. Policies, sidecars and istiod's inbound clusters go by the Pods'.

use super::super::finding::Findings;
use super::super::node::Node;
use super::super::rule::Rule;
use super::gateway::Gateway;
use super::workloads::{self, Workload};
use super::{Manifest, Mesh, is_within, pairs};

/// The port of the Pods behind a Service's port; nothing when its name is not a port of these Pods.
pub(super) fn target(port: &Node<'_>, pods: &[Workload<'_>]) -> Option<u64> {
    let name = port.text("targetPort");
    if name.is_empty() {
        return port.number("targetPort").or(port.number("port"));
    }
    let containers = pods.iter().flat_map(Workload::containers);
    let mut ports = containers.flat_map(|one| one.list("ports"));
    let named = ports.find(|one| one.text("name") == name);
    named.and_then(|one| one.number("containerPort")).or_else(|| name.parse().ok())
}

/// The Pods that a Service leads to.
pub(super) fn pods<'a>(service: &Manifest<'a>, mesh: &Mesh<'a>) -> Vec<Workload<'a>> {
    let selector = pairs(service.node.at("spec/selector"));
    let found = workloads::with_labels(mesh, service.namespace, &selector);
    found.filter(|_| !selector.is_empty()).collect()
}

/// The Services that lead to a proxy's Pods.
pub(super) fn services_of<'m, 'a>(
    gateway: &Gateway<'a>,
    mesh: &'m Mesh<'a>,
) -> Vec<&'m Manifest<'a>> {
    let selected: Vec<_> =
        workloads::with_labels(mesh, gateway.namespace, &gateway.labels).collect();
    let leads_there = |one: &&Manifest<'a>| {
        let selector = pairs(one.node.at("spec/selector"));
        let mut labels = selected.iter().map(|pods| &pods.labels).chain([&gateway.labels]);
        one.namespace == gateway.namespace
            && !selector.is_empty()
            && labels.any(|labels| is_within(&selector, labels))
    };
    mesh.of_kind("Service").filter(leads_there).collect()
}

/// Whether istiod makes the clusters that a sidecar's filter protects, and each Pod behind them has that filter.
pub(super) fn check_sidecar(gateway: &Gateway<'_>, mesh: &Mesh<'_>, findings: &mut Findings) {
    let protected = gateway.protected();
    let inbound: Vec<_> = protected.iter().filter_map(|name| Some((name, number(name)?))).collect();
    if inbound.is_empty() {
        return;
    }
    let services = services_of(gateway, mesh);
    let made: Vec<_> = services
        .iter()
        .flat_map(|service| {
            let pods = pods(service, mesh);
            let ports = service.node.list("spec/ports");
            ports.into_iter().map(move |port| target(&port, &pods)).collect::<Vec<_>>()
        })
        .collect();
    // A port whose number is not to be known may be any.
    let is_known = !made.is_empty() && made.iter().all(Option::is_some);
    for (name, number) in inbound {
        if is_known && !made.contains(&Some(number)) {
            let right: Vec<_> =
                made.iter().flatten().map(|port| format!("inbound|{port}||")).collect();
            let what = format!(
                "istiod makes no cluster {name}: it names them by the Service's targetPort, and what it makes has no filter and no guard"
            );
            findings.add(Rule::NoSuchCluster, &gateway.chain.place, what, right.join(" or "));
        }
    }
    for service in services {
        for pods in pods(service, mesh) {
            if !is_within(&gateway.labels, &pods.labels) {
                let what = format!(
                    "the Service {} leads to these Pods too, and they have no filter of ours and no guard",
                    service.name
                );
                let write = format!("the labels {}", listed(&gateway.labels));
                findings.add(Rule::FilterMissing, &pods.pod, what, write);
            }
        }
    }
}

/// Whether an EnvoyFilter that chooses Pods by their labels chooses any of those that are here. Of a namespace
/// without Pods among the manifests nothing is known.
pub(super) fn check_selectors(mesh: &Mesh<'_>, findings: &mut Findings) {
    for filter in mesh.of_kind("EnvoyFilter") {
        let selector = pairs(filter.node.at("spec/workloadSelector/labels"));
        let namespace = filter.namespace;
        let is_known = workloads::all(mesh).any(|pods| pods.namespace == namespace);
        let everywhere = namespace == super::ROOT_NAMESPACE;
        let is_chosen = workloads::all(mesh).any(|pods| {
            (everywhere || pods.namespace == namespace) && is_within(&selector, &pods.labels)
        });
        if !selector.is_empty() && is_known && !is_chosen {
            let what = format!(
                "selects no Pod among the manifests: none of {namespace} has {}, so nothing of this is anywhere",
                listed(&selector)
            );
            let write = "labels that the Pods have";
            findings.add(
                Rule::SelectsNothing,
                &filter.node.nearest("spec/workloadSelector/labels"),
                what,
                write,
            );
        }
    }
}

fn listed(labels: &[(&str, &str)]) -> String {
    labels.iter().map(|(key, value)| format!("{key}: {value}")).collect::<Vec<_>>().join(", ")
}

/// The port in istiod's name of a cluster for the program beside a sidecar.
pub(super) fn number(cluster: &str) -> Option<u64> {
    cluster.strip_prefix("inbound|")?.split('|').next()?.parse().ok()
}
