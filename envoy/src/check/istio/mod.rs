//! Kubernetes and Istio manifests: what would stand in the mesh when they are applied.

mod admission;
mod cluster_patches;
mod destination_rules;
mod endpoints;
mod gateway;
mod gateway_api;
mod hosts;
mod images;
mod interception;
mod listened;
mod login_hosts;
mod patches;
mod plugin_resources;
mod ports;
mod protocols;
mod request_authentication;
mod route_patches;
mod secrets;
mod services;
mod sidecars;
mod virtual_services;
mod workloads;

use super::document::{Document, Kind};
use super::finding::Findings;
use super::node::Node;
use gateway::Gateway;
use services::Place;

/// Where Istio looks for what holds for the whole mesh.
const ROOT_NAMESPACE: &str = "istio-system";

/// One Kubernetes object.
#[derive(Debug, Clone)]
struct Manifest<'a> {
    node: Node<'a>,
    kind: &'a str,
    name: &'a str,
    namespace: &'a str,
}

/// All objects, and what they make of our filter.
#[derive(Debug)]
pub(super) struct Mesh<'a> {
    manifests: Vec<Manifest<'a>>,
    gateways: Vec<Gateway<'a>>,
}

impl<'a> Mesh<'a> {
    pub(super) fn of(documents: &'a [Document]) -> Self {
        let of_kind = documents.iter().filter(|document| document.kind == Kind::Manifest);
        let manifests: Vec<_> = of_kind.map(|document| Manifest::of(Node::top(document))).collect();
        let gateways = gateway::gateways(&manifests);
        Self { manifests, gateways }
    }

    pub(super) fn len(&self) -> usize {
        self.manifests.len()
    }

    pub(super) fn has_ours(&self) -> bool {
        !self.gateways.is_empty() || plugin_resources::any(&self.manifests)
    }

    /// The clusters that some filter or guard here says are protected.
    pub(super) fn protected(&self) -> Vec<String> {
        self.gateways.iter().flat_map(Gateway::protected).collect()
    }

    pub(super) fn check(&self, findings: &mut Findings) {
        for gateway in &self.gateways {
            gateway.check(&self.manifests, findings);
            workloads::check_gateway(gateway, &self.manifests, findings);
            ports::check_sidecar(gateway, self, findings);
        }
        ports::check_selectors(self, findings);
        listened::check(self, findings);
        plugin_resources::check(&self.manifests, findings);
        workloads::check_credentials(self, findings);
        let places = services::places(self);
        for place in &places {
            sidecars::check(place, self, findings);
            interception::check(place, self, findings);
        }
        for place in places.iter().filter(|place| !place.is_inbound) {
            services::check(place, self, findings);
            admission::check(place, self, findings);
            endpoints::check(place, self, findings);
            destination_rules::check(place, self, findings);
        }
        for place in places.iter().filter(|place| place.is_inbound) {
            protocols::check(place, self, findings);
        }
        endpoints::check_admin(self, findings);
        hosts::check(self, findings);
        images::check(self, findings);
        secrets::check(self, &places, findings);
        virtual_services::check(self, &places, findings);
        request_authentication::check(self, &places, findings);
    }

    fn of_kind<'m>(&'m self, kind: &'m str) -> impl Iterator<Item = &'m Manifest<'a>> {
        self.manifests.iter().filter(move |manifest| manifest.kind == kind)
    }
}

impl<'a> Manifest<'a> {
    fn of(node: Node<'a>) -> Self {
        let namespace = match node.text("metadata/namespace") {
            "" => "default",
            namespace => namespace,
        };
        Self { kind: node.text("kind"), name: node.text("metadata/name"), namespace, node }
    }

    /// Whether a policy of the mesh (with `selector`) holds for a workload with these labels.
    fn selects(&self, namespace: &str, labels: &[(&str, &str)]) -> bool {
        let selector = self.node.at("spec/selector/matchLabels");
        let here = self.namespace == namespace || self.namespace == ROOT_NAMESPACE;
        here && self.node.at("spec/targetRefs").is_none() && is_within(&pairs(selector), labels)
    }
}

/// The labels in a map.
fn pairs(map: Option<Node<'_>>) -> Vec<(&str, &str)> {
    let members = map.map(|map| map.members()).unwrap_or_default();
    members
        .into_iter()
        .map(|(key, value)| (key, value.value.as_str().unwrap_or_default()))
        .collect()
}

fn is_within(selector: &[(&str, &str)], labels: &[(&str, &str)]) -> bool {
    selector.iter().all(|pair| labels.contains(pair))
}

impl Place<'_> {
    fn who(&self) -> &'static str {
        if self.is_sts { "the STS" } else { "the MCP server" }
    }
}
