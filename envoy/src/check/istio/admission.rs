//! Who is admitted to the STS and the MCP server: the gateway's identity, over mutual TLS, and nobody else.

use super::super::finding::Findings;
use super::super::node::Node;
use super::super::rule::Rule;
use super::services::Place;
use super::{Manifest, Mesh, ROOT_NAMESPACE, workloads};

/// Checks the policies that hold for a place.
pub(super) fn check(place: &Place<'_>, mesh: &Mesh<'_>, findings: &mut Findings) {
    mutual_tls(place, mesh, findings);
    principals(place, mesh, findings);
}

fn mutual_tls(place: &Place<'_>, mesh: &Mesh<'_>, findings: &mut Findings) {
    let holding: Vec<_> = mesh
        .of_kind("PeerAuthentication")
        .filter(|one| one.selects(&place.namespace, &place.labels))
        .collect();
    let write = "a PeerAuthentication with mtls: {mode: STRICT}";
    let what = format!("callers without a mesh identity reach {}", place.who());
    // Only what says something: an unset mode is inherited.
    let mut said: Vec<_> =
        holding.iter().filter(|one| !mode(&one.node, "spec/mtls").is_empty()).collect();
    said.sort_by_key(|one| {
        let has_selector = one.node.at("spec/selector/matchLabels").is_some();
        (has_selector, one.namespace == place.namespace)
    });
    match said.last() {
        Some(one) if mode(&one.node, "spec/mtls") != "STRICT" => {
            findings.add(Rule::MtlsNotStrict, &one.node.nearest("spec/mtls/mode"), &what, write);
        }
        None if place.is_here || !holding.is_empty() => {
            findings.add(
                Rule::MtlsNotStrict,
                &place.at,
                format!("{what}: no PeerAuthentication says STRICT"),
                write,
            );
        }
        _ => {}
    }
    for one in holding {
        let ports = one.node.at("spec/portLevelMtls").map(|map| map.members()).unwrap_or_default();
        for (port, tls) in ports {
            let is_its = port.parse() == Ok(place.target_port);
            if is_its && !matches!(tls.text("mode"), "STRICT" | "UNSET" | "") {
                findings.add(Rule::MtlsNotStrict, &tls.nearest("mode"), &what, write);
            }
        }
    }
}

fn mode<'a>(node: &Node<'a>, key: &str) -> &'a str {
    match node.nearest(key).text("mode") {
        "UNSET" => "",
        mode => mode,
    }
}

fn principals(place: &Place<'_>, mesh: &Mesh<'_>, findings: &mut Findings) {
    let allowing: Vec<_> = mesh
        .of_kind("AuthorizationPolicy")
        .filter(|one| matches!(one.node.text("spec/action"), "" | "ALLOW"))
        .filter(|one| one.selects(&place.namespace, &place.labels))
        .filter(|one| !is_only_logged(one))
        .collect();
    let gateways = gateways(mesh);
    let write = format!(
        "an AuthorizationPolicy that allows from.source.principals: [{}]",
        gateways.iter().map(Identity::text).collect::<Vec<_>>().join(", ")
    );
    if allowing.is_empty() && place.is_here {
        let what = format!("every workload of the mesh is admitted to {}", place.who());
        return findings.add(Rule::Admission, &place.at, what, write);
    }
    for rule in allowing.iter().flat_map(|one| one.node.list("spec/rules")) {
        let elsewhere = |to: &Node<'_>| {
            let ports = to.texts("operation/ports");
            !ports.is_empty() && !ports.iter().any(|port| port.parse() == Ok(place.target_port))
        };
        let to = rule.list("to");
        if !to.is_empty() && to.iter().all(elsewhere) {
            continue;
        }
        let sources = rule.list("from");
        if sources.is_empty() {
            let what = format!("admits everyone to {}", place.who());
            findings.add(Rule::Admission, &rule, what, &write);
        }
        for source in sources {
            let principals = source.list("source/principals");
            if principals.is_empty() {
                let what =
                    format!("admits whoever it may be to {}: no principals are named", place.who());
                findings.add(Rule::Admission, &source, what, &write);
            }
            for principal in principals {
                let name = principal.value.as_str().unwrap_or_default();
                if !gateways.iter().any(|gateway| gateway.is(name)) {
                    let what = format!(
                        "admits {name} to {}, and that is not whom {} puts our filter before",
                        place.who(),
                        filters(mesh)
                    );
                    findings.add(Rule::Admission, &principal, what, &write);
                }
            }
        }
    }
}

/// Those who put our filter somewhere: `EnvoyFilter istio-system/obolus`.
fn filters(mesh: &Mesh<'_>) -> String {
    let mut objects: Vec<&str> =
        mesh.gateways.iter().map(|one| one.patch.document.object.as_str()).collect();
    objects.dedup();
    objects.join(" or ")
}

/// Istio then only counts what it would refuse.
fn is_only_logged(policy: &Manifest<'_>) -> bool {
    let annotations = policy.node.at("metadata/annotations");
    annotations.and_then(|map| map.get("istio.io/dry-run")).is_some_and(|at| at.value == "true")
}

/// Whom a proxy with our filter is to the mesh.
struct Identity<'a> {
    namespace: &'a str,
    /// Known when its Deployment is among the manifests.
    service_account: Option<&'a str>,
}

fn gateways<'a>(mesh: &Mesh<'a>) -> Vec<Identity<'a>> {
    let mut found = Vec::new();
    for gateway in &mesh.gateways {
        let accounts: Vec<_> = workloads::with_labels(mesh, gateway.namespace, &gateway.labels)
            .map(|workload| workload.service_account())
            .collect();
        let unknown = accounts.is_empty().then_some(None);
        let known = accounts.into_iter().map(Some).chain(unknown);
        let namespace = gateway.namespace;
        found.extend(known.map(|service_account| Identity { namespace, service_account }));
    }
    found
}

impl Identity<'_> {
    fn text(&self) -> String {
        let account = self.service_account.unwrap_or("<the gateway's service account>");
        format!("cluster.local/ns/{}/sa/{account}", self.namespace)
    }

    /// An exact principal of the gateway; a pattern is nobody's.
    fn is(&self, principal: &str) -> bool {
        let parts: Vec<&str> = principal.split('/').collect();
        let [domain, "ns", namespace, "sa", account] = parts.as_slice() else { return false };
        let expected = self.service_account.unwrap_or(account);
        !principal.contains('*')
            && !domain.is_empty()
            && *namespace == self.namespace
            && *account == expected
            && (self.namespace != ROOT_NAMESPACE
                || self.service_account.is_some()
                || *account != "default")
    }
}
