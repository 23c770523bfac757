//! Ways to a protected cluster on which no HTTP filter runs.

use super::chain;
use super::finding::Findings;
use super::node::Node;
use super::routes;
use super::rule::Rule;

/// Whatever is no HTTP and names a protected cluster leads there without any of our filters.
pub(super) fn check(
    listener: &Node<'_>,
    protected: &[String],
    sts: &[&str],
    findings: &mut Findings,
) {
    let is_internal = listener.get("internal_listener").is_some();
    for node in listener.walk() {
        let filters = [node.list("filters"), node.list("listener_filters")].concat();
        for filter in filters.iter().filter(|filter| filter.get("typed_config").is_some()) {
            let kind = filter.at("typed_config").map(|config| config.type_name());
            if kind == Some("HttpConnectionManager") || filter.path.contains("http_filters") {
                continue;
            }
            chain::forges_permit(filter, findings);
            for place in filter.walk() {
                let Some(name) = cluster_named(&place) else { continue };
                let is_sts = sts.contains(&name) && !is_internal;
                if is_sts || protected.iter().any(|cluster| cluster == name) {
                    findings.add(
                        Rule::AroundHttp,
                        &place,
                        format!("connections go to {name} without any HTTP filter: no token, no permit, no guard"),
                        "take this filter out: the way there is an HTTP connection manager with our filter",
                    );
                }
            }
        }
    }
}

/// Connections that go wherever their name or their address says.
pub(super) fn anywhere(
    listener: &Node<'_>,
    clusters: &[Node<'_>],
    protected: &[String],
    findings: &mut Findings,
) {
    let proxies = listener.walk().into_iter().filter(|node| node.type_name() == "TcpProxy");
    for at in proxies.flat_map(|proxy| clusters_of(&proxy)) {
        let name = at.value.as_str().unwrap_or_default();
        let mut named = clusters.iter().filter(|cluster| cluster.text("name") == name);
        let is_anywhere = !routes::is_passthrough(name) && named.any(routes::goes_anywhere);
        if is_anywhere && !protected.is_empty() {
            routes::any_machine(&at, name, findings);
        }
    }
}

/// The clusters of a TCP proxy.
pub(super) fn clusters_of<'a>(proxy: &Node<'a>) -> Vec<Node<'a>> {
    let weighted = proxy.list("weighted_clusters/clusters");
    let weighted = weighted.iter().filter_map(|one| one.get("name"));
    proxy.get("cluster").into_iter().chain(weighted).collect()
}

/// A text that may name a cluster.
pub(super) fn cluster_named<'a>(place: &Node<'a>) -> Option<&'a str> {
    let is_a_name_of_its_own = place.path.ends_with(".name") && !place.path.contains("clusters[")
        || place.path.ends_with("stat_prefix");
    place.value.as_str().filter(|_| !is_a_name_of_its_own && !place.path.is_empty())
}
