//! Machines that stand elsewhere than in their cluster, and machines that may be protected ones by another address.

use std::net::IpAddr;

use super::clusters;
use super::finding::Findings;
use super::node::Node;
use super::rule::Rule;

/// Where a cluster's machines are, as far as it or a `ClusterLoadAssignment` says so.
pub(super) fn machines(cluster: &Node<'_>, assignments: &[Node<'_>]) -> Vec<String> {
    let mut found = clusters::machines(cluster);
    for assignment in assignments.iter().filter(|one| is_of(one, cluster)) {
        for address in assignment.walk().iter().filter_map(|node| node.get("socket_address")) {
            if let Some(port) = address.number("port_value") {
                let machine = format!("{}:{port}", address.text("address"));
                found.push(clusters::one_spelling(&machine));
            }
        }
    }
    found
}

fn is_of(assignment: &Node<'_>, cluster: &Node<'_>) -> bool {
    let service = cluster.text("eds_cluster_config/service_name");
    let name = if service.is_empty() { cluster.text("name") } else { service };
    cluster.get("eds_cluster_config").is_some() && assignment.text("cluster_name") == name
}

/// Whether an Envoy reads machines from files beside it.
pub(super) fn are_in_files(bootstrap: &Node<'_>) -> bool {
    bootstrap.list("static_resources/clusters").iter().any(|cluster| file(cluster).is_some())
}

fn file<'a>(cluster: &Node<'a>) -> Option<Node<'a>> {
    let config = cluster.at("eds_cluster_config/eds_config")?;
    config.get("path_config_source").or_else(|| config.get("path"))
}

/// A cluster of which it cannot be said whether it leads to protected machines.
pub(super) fn undecided(
    cluster: &Node<'_>,
    assignments: &[Node<'_>],
    protected: &[Node<'_>],
    findings: &mut Findings,
) {
    if protected.is_empty() {
        return;
    }
    if let Some(file) = file(cluster)
        && !assignments.iter().any(|one| is_of(one, cluster))
    {
        let what = format!(
            "the machines of `{}` stand in a file that was not checked; they may be protected ones",
            cluster.text("name")
        );
        let write = "check the folder that holds it too, or /config_dump?include_eds";
        findings.add(Rule::Unseen, &file, what, write);
    }
    // A control plane's clusters are told apart by the names that it gives them.
    if cluster.get("eds_cluster_config").is_some() && file(cluster).is_none() {
        return;
    }
    let here = machines(cluster, assignments);
    for other in protected {
        let theirs = machines(other, assignments);
        if !here.iter().any(|one| theirs.contains(one))
            && has_addresses(&here) != has_addresses(&theirs)
            && here.iter().any(|one| theirs.iter().any(|other| may_be_one(one, other)))
        {
            may_be(cluster, cluster.text("name"), other.text("name"), findings);
        }
    }
}

fn has_addresses(machines: &[String]) -> bool {
    machines.iter().any(|machine| is_address(machine))
}

fn is_address(machine: &str) -> bool {
    machine.rsplit_once(':').is_some_and(|(host, _)| host.parse::<IpAddr>().is_ok())
}

/// The same port, and an address on one side where the other has a name, or this machine's own address.
fn may_be_one(one: &str, other: &str) -> bool {
    let port = |machine: &str| machine.rsplit_once(':').map(|(_, port)| port.to_owned());
    port(one).is_some() && port(one) == port(other) && is_address(one) != is_address(other)
}

pub(super) fn may_be(at: &Node<'_>, name: &str, of: &str, findings: &mut Findings) {
    findings.add(
        Rule::MayBeAlias,
        at,
        format!(
            "{name} has machines by their address, on the port of {of}: if they are the same ones, this way has no guard"
        ),
        format!("make sure that they are others, or take {name} out"),
    );
}
