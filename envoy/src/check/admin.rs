//! Envoy's admin page: it has no authentication, so whoever reaches it reads all of the configuration and stops Envoy.

use super::clusters::{machines, one_spelling};
use super::finding::Findings;
use super::node::Node;
use super::rule::Rule;

const WHAT: &str =
    "the admin page has no authentication, and can stop Envoy and change its log levels";
/// Read-only pages of numbers. Istio publishes the second one itself.
const HARMLESS: [&str; 2] = ["/ready", "/stats/prometheus"];

/// Who reaches the page directly.
pub(super) fn check(admin: &Node<'_>, findings: &mut Findings) {
    let address = admin.text("address/socket_address/address");
    let is_loopback = address.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    if !address.is_empty() && !is_loopback {
        let at = admin.nearest("address/socket_address/address");
        findings.add(Rule::AdminOpen, &at, WHAT, "127.0.0.1");
    }
    let Some(pipe) = admin.at("address/pipe") else { return };
    const OTHERS_WRITE: u64 = 0o002;
    // 0777 in YAML is 511 to some readers, and 777 to others.
    let is_open = |mode: u64| mode & OTHERS_WRITE != 0 || mode > 0o777;
    if pipe.text("path").starts_with('@') || pipe.number("mode").is_some_and(is_open) {
        let what = format!("every program on this machine may connect: {WHAT}");
        findings.add(
            Rule::AdminOpen,
            &pipe,
            what,
            "mode: 384, which is 0600, for a path in a folder of Envoy's own",
        );
    }
}

/// Routes and proxies that publish the page: they lead to a cluster whose machine is it.
pub(super) fn published(
    admin: &Node<'_>,
    clusters: &[Node<'_>],
    places: &[&Node<'_>],
    findings: &mut Findings,
) {
    let Some(page) = machine(admin) else { return };
    let named: Vec<&str> = clusters
        .iter()
        .filter(|cluster| machines(cluster).contains(&page))
        .map(|cluster| cluster.text("name"))
        .collect();
    if named.is_empty() {
        return;
    }
    for node in places.iter().flat_map(|place| place.walk()) {
        let (is_harmless, action) = match node.get("route") {
            Some(action) => (is_harmless(&node, &action), action),
            // A network filter says its cluster itself.
            None if node.get("stat_prefix").is_some() => (false, node),
            None => continue,
        };
        let weighted = action.list("weighted_clusters/clusters");
        let weighted = weighted.iter().filter_map(|one| one.get("name"));
        for at in action.get("cluster").into_iter().chain(weighted) {
            if !is_harmless && at.value.as_str().is_some_and(|name| named.contains(&name)) {
                let what = format!("leads to Envoy's own admin page: {WHAT}");
                findings.add(
                    Rule::AdminOpen,
                    &at,
                    what,
                    "take it out, or match {path: /stats/prometheus} alone",
                );
            }
        }
    }
}

fn machine(admin: &Node<'_>) -> Option<String> {
    if let Some(pipe) = admin.at("address/pipe") {
        return Some(format!("pipe/path={}", pipe.text("path")));
    }
    let address = admin.at("address/socket_address")?;
    Some(one_spelling(&format!("{}:{}", address.text("address"), address.number("port_value")?)))
}

fn is_harmless(route: &Node<'_>, action: &Node<'_>) -> bool {
    let rewrites = ["prefix_rewrite", "regex_rewrite", "path_rewrite_policy", "path_rewrite"];
    ["match/path", "match/prefix", "match/path_separated_prefix"]
        .iter()
        .any(|key| HARMLESS.contains(&route.text(key)))
        && !rewrites.iter().any(|key| action.get(key).is_some())
}
