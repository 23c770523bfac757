//! Protected clusters: their own guard, and no second way to the same machines.

use std::net::IpAddr;

use super::endpoints;
use super::finding::Findings;
use super::guards;
use super::node::Node;
use super::rule::Rule;
use crate::guard;

const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// Checks all clusters of one Envoy.
pub(super) fn check(
    clusters: &[Node<'_>],
    protected: &[String],
    sts_names: &[&str],
    assignments: &[Node<'_>],
    findings: &mut Findings,
) {
    let is_protected =
        |cluster: &Node<'_>| protected.iter().any(|name| name == cluster.text("name"));
    for cluster in clusters.iter().filter(|cluster| is_protected(cluster)) {
        let name = cluster.text("name");
        check_guard(cluster, name, &http_filters(cluster), findings);
        options(cluster, findings);
    }
    for cluster in clusters.iter().filter(|cluster| !is_protected(cluster)) {
        let name = cluster.text("name");
        let machines = endpoints::machines(cluster, assignments);
        for other in clusters.iter().filter(|other| other.text("name") != name) {
            let other_name = other.text("name");
            let is_sts = sts_names.contains(&other_name) && !sts_names.contains(&name);
            if (is_sts || is_protected(other))
                && machines_meet(&machines, &endpoints::machines(other, assignments))
            {
                alias(cluster, name, other_name, findings);
            }
        }
        if !sts_names.contains(&name) {
            let guarded: Vec<_> =
                clusters.iter().filter(|one| is_protected(one)).cloned().collect();
            endpoints::undecided(cluster, assignments, &guarded, findings);
        }
    }
}

pub(super) fn alias(place: &Node<'_>, name: &str, of: &str, findings: &mut Findings) {
    findings.add(
        Rule::Alias,
        place,
        format!("`{name}` leads to the machines of {of}: the guard knows clusters by name, and not this one"),
        format!("take `{name}` out, or list it in resources[].clusters and guard it"),
    );
}

/// What a cluster, or a patch of one, says of its protocol.
pub(super) fn http_options<'a>(cluster: &Node<'a>) -> Option<Node<'a>> {
    cluster.at("typed_extension_protocol_options").and_then(|map| map.get(HTTP_OPTIONS))
}

/// The HTTP filters that a cluster, or a patch of one, has of its own.
pub(super) fn http_filters<'a>(cluster: &Node<'a>) -> Vec<Node<'a>> {
    http_options(cluster).map(|options| options.list("http_filters")).unwrap_or_default()
}

/// Whether the filters hold the guard of this very cluster, and nothing that undoes it.
pub(super) fn check_guard(
    place: &Node<'_>,
    name: &str,
    filters: &[Node<'_>],
    findings: &mut Findings,
) {
    let write = format!(
        "typed_extension_protocol_options: {{{HTTP_OPTIONS}: http_filters}}: {}, then the upstream codec",
        guards::cluster_rule(name)
    );
    let readings: Vec<_> = filters.iter().map(|filter| guards::of_cluster(filter, name)).collect();
    if !readings.contains(&Some(true)) && !readings.contains(&Some(false)) {
        let what = format!("{name} has no guard of its own: a listener without one leads there");
        return findings.add(Rule::ClusterGuard, place, what, write);
    }
    for (filter, reading) in filters.iter().zip(readings) {
        if reading == Some(false) {
            let what = format!("is not the guard of {name}: requests without its permit may pass");
            findings.add(Rule::ClusterGuard, &filter.nearest("typed_config/rules"), what, &write);
        } else if filter.flag("disabled") && reading.is_some() {
            findings.add(
                Rule::GuardOff,
                filter,
                "the guard is switched off",
                "leave `disabled` out",
            );
        } else if reading.is_none()
            && filter.at("typed_config").is_none_or(|one| one.type_name() != "UpstreamCodec")
        {
            let what = format!("`{}` may change the request that was judged", filter.text("name"));
            findings.add(Rule::Between, filter, what, "take it out of the protected cluster");
        }
    }
}

/// Retries and copies can also be asked for by the cluster.
pub(super) fn options(cluster: &Node<'_>, findings: &mut Findings) {
    let Some(options) = http_options(cluster) else { return };
    if let Some(retry) =
        options.get("retry_policy").filter(|one| one.number("num_retries") != Some(0))
    {
        super::routes::retries(&retry, findings);
    }
    for mirror in options.list("request_mirror_policies") {
        let what =
            "requests are copied with the exchanged token in them, to a cluster that it is not for";
        findings.add(Rule::Mirror, &mirror, what, "take request_mirror_policies out");
    }
}

/// Where a cluster's machines are, as texts that are equal when the machines are.
pub(super) fn machines(cluster: &Node<'_>) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(assignment) = cluster.get("load_assignment") {
        for address in assignment.walk().iter().filter_map(|node| node.get("socket_address")) {
            if let Some(port) = address.number("port_value") {
                found.push(one_spelling(&format!("{}:{port}", address.text("address"))));
            }
        }
        for node in assignment.walk() {
            for key in ["pipe/path", "envoy_internal_address/server_listener_name"] {
                found.extend(node.at(key).map(|_| format!("{key}={}", node.text(key))));
            }
        }
    }
    let service = cluster.text("eds_cluster_config/service_name");
    let name = if service.is_empty() { cluster.text("name") } else { service };
    if let Some(machine) = istio_machine(name) {
        found.push(one_spelling(&machine));
    } else if !service.is_empty() {
        found.push(service.to_owned());
    }
    found
}

/// `outbound|8080|v1|mcp.ns.svc.cluster.local` and its like: all subsets are the same machines.
pub(super) fn istio_machine(cluster: &str) -> Option<String> {
    let parts: Vec<&str> = match cluster.strip_prefix("outbound_.") {
        Some(rest) => rest.split("_.").map(|part| part.trim_matches(['.', '_'])).collect(),
        None => cluster.strip_prefix("outbound|")?.split('|').collect(),
    };
    let (port, host) = (parts.first()?, parts.last()?);
    Some(format!("{host}:{port}"))
}

/// `host:port` so that two names that lead to one machine by the rules of names are equal: case, the dot at the end,
/// a Service's name with and without the cluster's domain, and the ways to write this machine's own address.
pub(super) fn one_spelling(machine: &str) -> String {
    let machine = machine.to_ascii_lowercase();
    let (host, port) = machine.rsplit_once(':').unwrap_or((&machine, ""));
    let host = host.trim_end_matches('.').trim_matches(['[', ']']);
    let host = match host.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
        Ok(ip) if ip.is_loopback() || ip.is_unspecified() => "localhost".to_owned(),
        Ok(ip) => ip.to_string(),
        Err(_) => match host.split_once(".svc.") {
            Some((service, _)) => service.to_owned(),
            None => host.trim_end_matches(".svc").to_owned(),
        },
    };
    format!("{host}:{port}")
}

fn machines_meet(left: &[String], right: &[String]) -> bool {
    left.iter().any(|machine| right.contains(machine))
}

/// Whether this override or patch would reach a cluster's guard by its name.
pub(super) fn is_guard_name(name: &str) -> bool {
    name == guard::NAME || name == guard::CLUSTER_NAME
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subsets_and_the_gateway_s_spelling_are_the_same_machines() {
        let machine = Some("mcp.ns.svc.cluster.local:8080".to_owned());
        for name in [
            "outbound|8080||mcp.ns.svc.cluster.local",
            "outbound|8080|v1|mcp.ns.svc.cluster.local",
            "outbound_.8080_._.mcp.ns.svc.cluster.local",
            "outbound_.8080_.v1_.mcp.ns.svc.cluster.local",
        ] {
            assert_eq!(istio_machine(name), machine, "{name}");
        }
        assert_eq!(istio_machine("obolus-mcp"), None);
    }

    #[test]
    fn names_that_lead_to_one_machine_are_spelled_alike_and_others_are_not() {
        for (one, other) in [
            ("mcp.ns.svc.cluster.local:8080", "MCP.ns:8080"),
            ("mcp.ns.svc:8080", "mcp.ns.svc.example.org.:8080"),
            ("127.0.0.1:8080", "localhost:8080"),
            ("[::1]:8080", "127.0.0.2:8080"),
            ("::ffff:10.0.0.1:80", "10.0.0.1:80"),
        ] {
            assert_eq!(one_spelling(one), one_spelling(other));
        }
        for (one, other) in [
            ("mcp.ns:8080", "mcp.ns:8081"),
            ("mcp.ns:8080", "mcp.other:8080"),
            ("10.0.0.1:80", "localhost:80"),
        ] {
            assert_ne!(one_spelling(one), one_spelling(other));
        }
    }
}
