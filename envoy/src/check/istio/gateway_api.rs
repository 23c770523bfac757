//! Routes by the Gateway API.

use super::super::finding::Findings;
use super::super::node::Node;
use super::super::routes;
use super::super::rule::Rule;
use super::services::Place;
use super::{Manifest, Mesh};

/// Checks a route that leads to the STS or to the MCP server. Retries are made only when they are asked for.
pub(super) fn check(
    route: &Manifest<'_>,
    mesh: &Mesh<'_>,
    places: &[Place<'_>],
    findings: &mut Findings,
) {
    let place_of = |backend: &Node<'_>| {
        let namespace = match backend.text("namespace") {
            "" => route.namespace,
            namespace => namespace,
        };
        places.iter().find(|place| place.is_host(backend.text("name"), namespace))
    };
    for rule in route.node.list("spec/rules") {
        let filters = rule.list("filters");
        let mirrors: Vec<_> =
            filters.iter().filter_map(|filter| filter.at("requestMirror/backendRef")).collect();
        let mut leads_to_mcp = false;
        for backend in rule.list("backendRefs") {
            match place_of(&backend) {
                Some(place) if place.is_sts => {
                    let what = "a route leads to the STS, with the gateway's own identity";
                    findings.add(Rule::RouteToSts, &backend, what, "take the route out");
                }
                Some(place) if matches!(route.kind, "TCPRoute" | "TLSRoute") => {
                    let what = format!("connections go to {} without any HTTP filter", place.who());
                    findings.add(Rule::AroundHttp, &backend, what, "take this route out");
                }
                Some(_) => leads_to_mcp = true,
                None => {}
            }
        }
        for mirror in mirrors.iter().filter(|mirror| leads_to_mcp || place_of(mirror).is_some()) {
            let what = "requests are copied past every filter and guard";
            findings.add(Rule::Mirror, mirror, what, "take the mirror out");
        }
        if leads_to_mcp {
            runs_ours(route, mesh, findings);
            if let Some(retry) = rule.at("retry/attempts").filter(|one| one.value != 0) {
                routes::retries(&retry, findings);
            }
            for filter in &filters {
                let Some(change) = filter.get("requestHeaderModifier") else { continue };
                let named = [change.list("set"), change.list("add")].concat();
                let named = named.iter().map(|one| (one, one.text("name")));
                let removed = change.list("remove");
                let removed =
                    removed.iter().map(|one| (one, one.value.as_str().unwrap_or_default()));
                for (at, name) in named.chain(removed) {
                    if name.eq_ignore_ascii_case("authorization") {
                        routes::token_changed(at, findings);
                    }
                }
            }
        }
    }
}

/// A Gateway has Pods of its own, unless it says whose address it takes.
fn runs_ours(route: &Manifest<'_>, mesh: &Mesh<'_>, findings: &mut Findings) {
    for parent in route.node.list("spec/parentRefs") {
        if !matches!(parent.text("kind"), "" | "Gateway") {
            continue;
        }
        let name = parent.text("name");
        let has_ours = mesh.gateways.iter().any(|gateway| {
            gateway.labels.contains(&("gateway.networking.k8s.io/gateway-name", name))
        });
        let of_another = mesh
            .of_kind("Gateway")
            .any(|gateway| gateway.name == name && !gateway.node.list("spec/addresses").is_empty());
        if !has_ours && !of_another {
            let what = format!(
                "leads to the MCP server from the gateway {name}, which has no filter of ours and no guard"
            );
            let write = "our filter and the guard there too, or take this route out";
            findings.add(Rule::FilterMissing, &parent, what, write);
        }
    }
}
