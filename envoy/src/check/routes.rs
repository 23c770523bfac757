//! Route tables: which routes lead to protected clusters, and what they do on the way.

use super::chain::{Chain, Ours, forges_permit};
use super::finding::Findings;
use super::login;
use super::login_hosts::of_virtual_host;
use super::node::Node;
use super::rule::Rule;
use crate::filter::FILTER_NAME;

/// What a route table is held against.
pub(super) struct Table<'t, 'a> {
    pub(super) chain: &'t Chain<'a>,
    pub(super) ours: &'t Ours<'a>,
    pub(super) protected: &'t [String],
    pub(super) sts_names: &'t [&'t str],
    pub(super) clusters: &'t [Node<'a>],
}

/// A cluster that a route may choose, with everything on the way from the table to it.
struct Way<'a> {
    cluster: &'a str,
    place: Node<'a>,
    /// The table, the virtual host, the route, the weighted cluster: from general to special.
    levels: Vec<Node<'a>>,
}

impl<'a> Table<'_, 'a> {
    /// Checks a table, and answers which protected clusters it leads to.
    pub(super) fn check(&self, config: &Node<'a>, findings: &mut Findings) -> Vec<String> {
        let names = self.ours.guard_names(self.chain);
        if self.is_concerned(config) {
            for node in config.walk() {
                overrides_guard(&node, &names, findings);
                if let Some(overrides) = node.get("typed_per_filter_config") {
                    forges_permit(&overrides, findings);
                }
            }
        }
        let mut reached = Vec::new();
        for host in config.list("virtual_hosts") {
            for route in routes(&host) {
                let Some(action) = route.get("route") else { continue };
                if let Some(header) = action.get("cluster_header") {
                    client_routes(&header, findings);
                }
                for mirror in mirrors(&[config, &host, &action]) {
                    self.mirror(&mirror, findings);
                }
                for way in ways(config, &host, &route, &action) {
                    if self.sts_names.contains(&way.cluster) {
                        let what = "a route leads to the STS, with the gateway's own certificate";
                        findings.add(Rule::RouteToSts, &way.place, what, "take the route out");
                    }
                    if let Some(of) = self.protected.iter().find(|name| *name == way.cluster) {
                        reached.push(of.clone());
                        self.protected_way(&way, &host, &action, findings);
                    } else {
                        self.any_machine(&way, findings);
                    }
                }
            }
        }
        reached.dedup();
        reached
    }

    /// Where people log in, when these are all tables of the connection manager.
    pub(super) fn logins(&self, tables: &[Node<'a>], is_whole: bool, findings: &mut Findings) {
        let hosts: Vec<_> = tables
            .iter()
            .flat_map(|table| table.list("virtual_hosts"))
            .map(of_virtual_host)
            .collect();
        for settings in &self.ours.settings {
            login::check(settings, &hosts, &self.chain.place, is_whole, findings);
        }
    }

    fn is_concerned(&self, config: &Node<'a>) -> bool {
        let names_protected = |node: &Node<'_>| {
            node.value.as_str().is_some_and(|text| self.protected.iter().any(|name| name == text))
        };
        !self.ours.entries.is_empty() || config.walk().iter().any(names_protected)
    }

    fn protected_way(
        &self,
        way: &Way<'a>,
        host: &Node<'a>,
        action: &Node<'a>,
        findings: &mut Findings,
    ) {
        self.runs(way, findings);
        for policy in [action.get("retry_policy"), host.get("retry_policy")].into_iter().flatten() {
            if policy.number("num_retries") != Some(0) && !policy.text("retry_on").is_empty() {
                retries(&policy, findings);
            }
        }
        for hedge in [action.get("hedge_policy"), host.get("hedge_policy")].into_iter().flatten() {
            let what = "hedging sends a tool call twice, and it may have an effect each time";
            findings.add(Rule::Retries, &hedge, what, "take hedge_policy out");
        }
        for mirror in mirrors(&way.levels.iter().chain([action]).collect::<Vec<_>>()) {
            let what = "requests are copied with the exchanged token in them, to a cluster that it is not for";
            findings.add(Rule::Mirror, &mirror, what, "take request_mirror_policies out");
        }
        way.levels.iter().for_each(|level| headers(level, findings));
        let timeout = action.text("timeout");
        if !timeout.trim_end_matches('s').parse::<f64>().is_ok_and(|seconds| seconds == 0.0) {
            let limit = if timeout.is_empty() { "15 s, Envoy's default" } else { timeout };
            findings.add(
                Rule::StreamTimeout,
                &action.nearest("timeout"),
                format!("event streams end after {limit}"),
                "timeout: 0s, and idle_timeout: 600s for answers that no longer move",
            );
        }
        for key in ["per_request_buffer_limit_bytes", "request_body_buffer_limit"] {
            for level in &way.levels {
                let limits = self.ours.settings.iter().map(|settings| settings.body_limit);
                if let (Some(limit), Some(body)) = (level.number(key), limits.max())
                    && limit < body
                {
                    super::buffers::below(&level.nearest(key), key, limit, body, findings);
                }
            }
        }
    }

    /// Whether our filter runs on this way.
    fn runs(&self, way: &Way<'a>, findings: &mut Findings) {
        if self.ours.entries.is_empty() {
            let what = format!(
                "leads to {}, and our filter is not in this chain: at best every request is answered with 403",
                way.cluster
            );
            let write =
                format!("put {FILTER_NAME} and the guard before the router, or take the route out");
            return findings.add(Rule::FilterMissing, &way.place, what, write);
        }
        for (_, entry) in &self.ours.entries {
            let mut overrides = way.levels.iter().rev().filter_map(|level| {
                level.get("typed_per_filter_config").and_then(|map| map.get(entry.name))
            });
            let nearest = overrides.next();
            let is_off = |of: &Node<'_>| of.type_name() == "FilterConfig" && of.flag("disabled");
            let write = format!(
                "typed_per_filter_config: {{{}: {{\"@type\": type.googleapis.com/envoy.config.route.v3.FilterConfig, \
                 disabled: false, config: {{}}}}}}",
                entry.name
            );
            match nearest {
                Some(of) if is_off(&of) => {
                    let what = format!("our filter is switched off on the way to {}", way.cluster);
                    findings.add(Rule::FilterOff, &of, what, "take this override out");
                }
                None if entry.is_disabled => {
                    let what = format!(
                        "our filter runs only where a route enables it, and this one to {} does not",
                        way.cluster
                    );
                    findings.add(Rule::FilterOff, &way.place, what, write);
                }
                _ => {}
            }
        }
    }

    fn mirror(&self, mirror: &Node<'a>, findings: &mut Findings) {
        let to = mirror.text("cluster");
        if self.protected.iter().any(|name| name == to) || self.sts_names.contains(&to) {
            let what = format!("copies go to {to} past every filter and guard");
            findings.add(Rule::Mirror, mirror, what, "take request_mirror_policies out");
        }
    }

    /// A cluster whose machines a request chooses may be the protected one under another name.
    fn any_machine(&self, way: &Way<'a>, findings: &mut Findings) {
        let named = self.clusters.iter().find(|cluster| cluster.text("name") == way.cluster);
        let Some(cluster) = named.filter(|_| !self.protected.is_empty()) else { return };
        if goes_anywhere(cluster) {
            any_machine(&way.place, way.cluster, findings);
        }
    }
}

/// Whether a request chooses the machine.
pub(super) fn goes_anywhere(cluster: &Node<'_>) -> bool {
    // A sidecar's way to the program beside it goes to the port of the listener that leads there.
    cluster.text("type") == "ORIGINAL_DST" && !cluster.text("name").starts_with("inbound|")
        || cluster.text("cluster_type/name").contains("dynamic_forward_proxy")
}

/// Istio's clusters for what it knows nothing of: on, to whatever address the connection had.
pub(super) fn is_passthrough(cluster: &str) -> bool {
    cluster == "PassthroughCluster" || cluster.starts_with("InboundPassthroughCluster")
}

pub(super) fn any_machine(place: &Node<'_>, cluster: &str, findings: &mut Findings) {
    let what = format!(
        "{cluster} goes wherever the request says, also to protected machines: the guard knows names only"
    );
    findings.add(Rule::Alias, place, what, "a cluster with the machines that are meant");
}

pub(super) fn client_routes(place: &Node<'_>, findings: &mut Findings) {
    findings.add(
        Rule::ClientRoutes,
        place,
        "a header names the cluster; only the guards stand between it and the protected ones",
        "name the cluster, or remove the header where requests come in",
    );
}

/// The routes of a virtual host: its list, or whatever its matcher chooses from.
pub(super) fn routes<'a>(host: &Node<'a>) -> Vec<Node<'a>> {
    let mut found = host.list("routes");
    for node in host.get("matcher").iter().flat_map(Node::walk) {
        match node.type_name() {
            "RouteList" => found.extend(node.list("routes")),
            "Route" => found.push(node),
            _ => {}
        }
    }
    found
}

fn ways<'a>(
    config: &Node<'a>,
    host: &Node<'a>,
    route: &Node<'a>,
    action: &Node<'a>,
) -> Vec<Way<'a>> {
    let levels = vec![config.clone(), host.clone(), route.clone()];
    let mut ways = Vec::new();
    if let Some(place) = action.get("cluster") {
        ways.push(Way { cluster: action.text("cluster"), place, levels: levels.clone() });
    }
    for weighted in action.list("weighted_clusters/clusters") {
        let levels = levels.iter().cloned().chain([weighted.clone()]).collect();
        ways.push(Way { cluster: weighted.text("name"), place: weighted, levels });
    }
    if let Some(place) = action.at("inline_cluster_specifier_plugin") {
        ways.push(Way { cluster: "", place, levels });
    }
    ways
}

fn mirrors<'a>(levels: &[&Node<'a>]) -> Vec<Node<'a>> {
    levels.iter().flat_map(|level| level.list("request_mirror_policies")).collect()
}

pub(super) fn retries(place: &Node<'_>, findings: &mut Findings) {
    let what = "a tool call may be sent twice, and have an effect each time";
    findings.add(Rule::Retries, place, what, "no retries on routes to the MCP server");
}

/// An override for a guard switches it off for that route.
pub(super) fn overrides_guard(node: &Node<'_>, guards: &[&str], findings: &mut Findings) {
    let Some(map) = node.get("typed_per_filter_config") else { return };
    for (name, place) in map.members().into_iter().filter(|(name, _)| guards.contains(name)) {
        let what = format!("overrides {name}: the guard no longer judges these requests");
        super::Findings::add(findings, Rule::GuardOff, &place, what, "take this override out");
    }
}

/// The router applies these after every filter: the exchanged token would be replaced.
pub(super) fn headers(level: &Node<'_>, findings: &mut Findings) {
    for added in level.list("request_headers_to_add") {
        if added.text("header/key").eq_ignore_ascii_case("authorization") {
            token_changed(&added, findings);
        }
    }
    for removed in level.list("request_headers_to_remove") {
        if removed.value.as_str().is_some_and(|name| name.eq_ignore_ascii_case("authorization")) {
            token_changed(&removed, findings);
        }
    }
}

pub(super) fn token_changed(place: &Node<'_>, findings: &mut Findings) {
    let what = "changes Authorization after our filter: the exchanged token does not arrive";
    findings.add(Rule::TokenChanged, place, what, "leave Authorization alone");
}
