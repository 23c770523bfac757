//! How the gateway speaks to the MCP server and the STS. Of several DestinationRules the one in the gateway's own
//! namespace wins, whatever ours says.

use super::super::finding::Findings;
use super::super::node::Node;
use super::super::rule::Rule;
use super::services::Place;
use super::{Manifest, Mesh, ROOT_NAMESPACE};

/// Checks every DestinationRule that may hold on the way to a place.
pub(super) fn check(place: &Place<'_>, mesh: &Mesh<'_>, findings: &mut Findings) {
    let holds = |namespace: &str| {
        namespace == ROOT_NAMESPACE
            || namespace == place.namespace
            || mesh.gateways.iter().any(|gateway| gateway.namespace == namespace)
    };
    for rule in mesh.of_kind("DestinationRule").filter(|one| holds(one.namespace)) {
        if !is_for(rule, place) {
            continue;
        }
        let policies = [rule.node.at("spec/trafficPolicy")].into_iter().flatten();
        let subsets = rule.node.list("spec/subsets");
        let subsets = subsets.iter().filter_map(|subset| subset.get("trafficPolicy"));
        for policy in policies.chain(subsets) {
            let ports = policy.list("portLevelSettings");
            let of_port =
                |one: &&Node<'_>| one.number("port/number") == Some(u64::from(place.port));
            let levels = [policy.clone()].into_iter().chain(ports.iter().filter(of_port).cloned());
            for tls in levels.filter_map(|level| level.get("tls")).filter(|tls| !holds_to_name(tls))
            {
                findings.add(
                    Rule::UpstreamTls,
                    &tls,
                    format!(
                        "what goes to {} is sent with tls mode {}, not to the mesh identity of its Pods: whoever stands \
                         there gets the tokens",
                        place.who(),
                        tls.text("mode")
                    ),
                    "mode: ISTIO_MUTUAL with its subjectAltNames, or no DestinationRule for it in this namespace",
                );
            }
        }
    }
}

fn is_for(rule: &Manifest<'_>, place: &Place<'_>) -> bool {
    let host = rule.node.text("spec/host");
    let own = format!("{}.{}.svc.cluster.local", place.name, place.namespace);
    let covers = host.strip_prefix('*').is_some_and(|rest| own.ends_with(rest));
    covers || place.is_host(host, rule.namespace)
}

/// The mesh's identity, or a certificate of a known authority for a known name.
fn holds_to_name(tls: &Node<'_>) -> bool {
    let has_authority =
        ["caCertificates", "credentialName"].iter().any(|key| !tls.text(key).is_empty());
    match tls.text("mode") {
        "ISTIO_MUTUAL" => true,
        "SIMPLE" | "MUTUAL" => {
            has_authority
                && !tls.list("subjectAltNames").is_empty()
                && !tls.flag("insecureSkipVerify")
        }
        _ => false,
    }
}
