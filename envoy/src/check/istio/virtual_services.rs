//! Routes by Istio's own resources.

use super::super::clusters::alias;
use super::super::finding::Findings;
use super::super::login;
use super::super::node::Node;
use super::super::routes;
use super::super::rule::Rule;
use super::services::Place;
use super::{Manifest, Mesh, gateway_api, is_within, login_hosts, pairs, workloads};

/// Checks every route that leads to the STS or to the MCP server.
pub(super) fn check(mesh: &Mesh<'_>, places: &[Place<'_>], findings: &mut Findings) {
    for manifest in &mesh.manifests {
        match manifest.kind {
            "VirtualService" => virtual_service(manifest, mesh, places, findings),
            "HTTPRoute" | "TCPRoute" | "TLSRoute" | "GRPCRoute" => {
                gateway_api::check(manifest, mesh, places, findings);
            }
            _ => {}
        }
    }
    logins(mesh, findings);
}

/// Where people log in. Routes may be elsewhere, so only hosts that have some here are looked at.
fn logins(mesh: &Mesh<'_>, findings: &mut Findings) {
    for gateway in &mesh.gateways {
        for settings in gateway.settings() {
            let clusters: Vec<_> =
                settings.facades.iter().flat_map(|facade| &facade.clusters).collect();
            let hosts = mesh.of_kind("VirtualService").filter(|one| !outside(one).is_empty());
            let hosts: Vec<_> = hosts
                .map(|one| login_hosts::of_virtual_service(one, settings, &clusters))
                .collect();
            login::check(settings, &hosts, &gateway.patch, false, findings);
        }
    }
}

fn virtual_service(
    service: &Manifest<'_>,
    mesh: &Mesh<'_>,
    places: &[Place<'_>],
    findings: &mut Findings,
) {
    // One that others delegate to has no hosts and gateways of its own.
    let heads: Vec<_> =
        mesh.of_kind("VirtualService").filter(|one| delegates(one, service)).collect();
    let heads = if heads.is_empty() { vec![service] } else { heads };
    let heads: Vec<_> = heads.iter().map(|head| (*head, outside(head))).collect();
    if heads.iter().all(|(_, outside)| outside.is_empty()) {
        return;
    }
    for kind in ["tcp", "tls"] {
        for route in service.node.list(&format!("spec/{kind}")) {
            for destination in destinations(&route) {
                if let Some(place) = place_of(&destination, service, places) {
                    let what =
                        format!("{kind} connections go to {} without any HTTP filter", place.who());
                    findings.add(Rule::AroundHttp, &destination, what, "take this route out");
                }
            }
        }
    }
    for route in service.node.list("spec/http") {
        for mirror in mirrors(&route) {
            if let Some(place) = place_of(&mirror, service, places) {
                let what = format!("copies go to {} past every filter and guard", place.who());
                findings.add(Rule::Mirror, &mirror, what, "take the mirror out");
            }
        }
        for destination in destinations(&route) {
            match place_of(&destination, service, places) {
                Some(place) if place.is_sts => {
                    let what = "a route leads to the STS, with the gateway's own identity";
                    findings.add(Rule::RouteToSts, &destination, what, "take the route out");
                }
                Some(place) => {
                    way_to_mcp(&route, &destination, place, findings);
                    if place.is_inbound {
                        continue;
                    }
                    name_of_cluster(&destination, service, mesh, place, findings);
                    for (head, outside) in &heads {
                        runs_ours(head, outside, mesh, findings);
                    }
                }
                None => {}
            }
        }
    }
}

/// The gateways at which a VirtualService holds.
fn outside<'a>(service: &Manifest<'a>) -> Vec<&'a str> {
    let gateways = service.node.texts("spec/gateways");
    gateways.into_iter().filter(|name| *name != "mesh").collect()
}

fn delegates(head: &Manifest<'_>, to: &Manifest<'_>) -> bool {
    head.node.list("spec/http").iter().filter_map(|route| route.get("delegate")).any(|delegate| {
        let namespace = match delegate.text("namespace") {
            "" => head.namespace,
            namespace => namespace,
        };
        delegate.text("name") == to.name && namespace == to.namespace
    })
}

pub(super) fn destinations<'a>(route: &Node<'a>) -> Vec<Node<'a>> {
    route.list("route").iter().filter_map(|one| one.get("destination")).collect()
}

fn mirrors<'a>(route: &Node<'a>) -> Vec<Node<'a>> {
    let listed = route.list("mirrors");
    let listed = listed.iter().filter_map(|mirror| mirror.get("destination"));
    route.get("mirror").into_iter().chain(listed).collect()
}

fn place_of<'p, 'a>(
    destination: &Node<'_>,
    service: &Manifest<'_>,
    places: &'p [Place<'a>],
) -> Option<&'p Place<'a>> {
    let port = destination.number("port/number");
    places.iter().find(|place| {
        place.is_host(destination.text("host"), service.namespace)
            && port.is_none_or(|port| port == u64::from(place.port))
    })
}

fn way_to_mcp(
    route: &Node<'_>,
    destination: &Node<'_>,
    place: &Place<'_>,
    findings: &mut Findings,
) {
    if route.number("retries/attempts") != Some(0) {
        findings.add(
            Rule::Retries,
            &route.nearest("retries/attempts"),
            "a tool call may be sent twice, and have an effect each time: Istio retries unless told not to",
            "retries: {attempts: 0}",
        );
    }
    for mirror in mirrors(route) {
        let what =
            "requests are copied with the exchanged token in them, to a service that it is not for";
        findings.add(Rule::Mirror, &mirror, what, "take the mirror out");
    }
    if let Some(timeout) = route.get("timeout")
        && timeout.value.as_str().is_none_or(|text| text.trim_start_matches('0') != "s")
    {
        findings.add(
            Rule::StreamTimeout,
            &timeout,
            format!("event streams from {} end after {}", place.cluster, timeout.value),
            "leave timeout out, or 0s",
        );
    }
    let weighted = route.list("route");
    let of_destination = weighted.iter().find(|one| one.path == parent(&destination.path));
    for headers in
        [route.at("headers/request"), of_destination.and_then(|one| one.at("headers/request"))]
            .into_iter()
            .flatten()
    {
        for (name, at) in
            ["set", "add"].iter().filter_map(|key| headers.get(key)).flat_map(|map| map.members())
        {
            if name.eq_ignore_ascii_case("authorization") {
                routes::token_changed(&at, findings);
            }
        }
        for at in headers.list("remove") {
            if at.value.as_str().is_some_and(|name| name.eq_ignore_ascii_case("authorization")) {
                routes::token_changed(&at, findings);
            }
        }
    }
}

fn parent(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(parent, _)| parent)
}

/// A subset is a cluster of another name, which no guard knows.
fn name_of_cluster(
    destination: &Node<'_>,
    service: &Manifest<'_>,
    mesh: &Mesh<'_>,
    place: &Place<'_>,
    findings: &mut Findings,
) {
    let subset = destination.text("subset");
    let Some(host) =
        place.cluster.strip_prefix("outbound|").and_then(|rest| rest.rsplit('|').next())
    else {
        return;
    };
    let name = format!("outbound|{}|{subset}|{host}", place.port);
    let is_protected = |gateway: &super::Gateway<'_>| gateway.protected().contains(&name);
    if !mesh.gateways.iter().any(is_protected)
        && place.is_host(destination.text("host"), service.namespace)
    {
        alias(&destination.nearest("subset"), &name, &place.cluster, findings);
    }
}

/// Whether our filter runs for these hosts on these gateways.
fn runs_ours(service: &Manifest<'_>, outside: &[&str], mesh: &Mesh<'_>, findings: &mut Findings) {
    let write = "our filter and the guard there too, or take this route out";
    for name in outside {
        let (namespace, name) = name.split_once('/').unwrap_or((service.namespace, name));
        let gateway = mesh
            .of_kind("Gateway")
            .find(|one| one.name == name && one.namespace == namespace)
            .filter(|one| one.node.at("spec/selector").is_some());
        let Some(gateway) = gateway else { continue };
        let selector = pairs(gateway.node.at("spec/selector"));
        // Every Pod that the gateway takes has the filter, by its labels or by what is among the manifests.
        let has_ours = mesh.gateways.iter().any(|ours| {
            let pods = workloads::with_labels(mesh, ours.namespace, &selector);
            let mut pods = pods.map(|pods| is_within(&ours.labels, &pods.labels)).peekable();
            let are_all = pods.peek().is_some() && pods.all(|has_ours| has_ours);
            is_within(&ours.labels, &selector) || are_all
        });
        if !has_ours {
            findings.add(
                Rule::FilterMissing,
                &service.node.nearest("spec/gateways"),
                format!("leads to the MCP server from the gateway {namespace}/{name}, where some or all Pods have no filter of ours and no guard"),
                write,
            );
        }
    }
    let matched: Option<Vec<_>> = mesh.gateways.iter().map(super::Gateway::matched_hosts).collect();
    let Some(matched) = matched.map(|lists| lists.concat()) else { return };
    for host in service.node.list("spec/hosts") {
        let name = host.value.as_str().unwrap_or_default();
        let runs = matched.iter().any(|one| one.split(':').next() == Some(name));
        if !runs && !name.contains('*') {
            findings.add(
                Rule::FilterMissing,
                &host,
                format!("{name} leads to the MCP server, and our filter does not run for it: everyone gets 403"),
                format!("{name} in the matcher of our filter and in resources[].resource, or not here"),
            );
        }
    }
}
