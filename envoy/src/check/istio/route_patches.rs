//! What EnvoyFilters make of routes.

use super::super::chain;
use super::super::clusters::{alias, istio_machine, one_spelling};
use super::super::finding::Findings;
use super::super::node::Node;
use super::super::routes;
use super::super::rule::Rule;
use super::cluster_patches;
use super::gateway::Gateway;

/// What the routes of a proxy may lead to.
pub(super) struct Ways<'t, 'a> {
    pub(super) gateway: &'t Gateway<'a>,
    pub(super) protected: &'t [String],
    pub(super) sts: &'t [&'t str],
    pub(super) patches: &'t [Node<'a>],
}

pub(super) fn check(patch: &Node<'_>, ways: &Ways<'_, '_>, findings: &mut Findings) {
    let Some(value) = patch.at("patch/value") else { return };
    let (gateway, protected) = (ways.gateway, ways.protected);
    let guards = gateway.ours.guard_names(&gateway.chain);
    let ours: Vec<&str> = gateway.ours.entries.iter().map(|(_, entry)| entry.name).collect();
    let is_ours = concerns_us(patch, gateway);
    for node in value.walk() {
        routes::overrides_guard(&node, &guards, findings);
        node.get("route").iter().for_each(|action| ways.leads(action, findings));
        let overrides = node.get("typed_per_filter_config").map(|map| map.members());
        for (name, place) in overrides.unwrap_or_default() {
            chain::forges_permit(&place, findings);
            if is_ours && ours.contains(&name) && place.flag("disabled") {
                let what = "our filter is switched off on these routes";
                findings.add(Rule::FilterOff, &place, what, "take this override out");
            }
        }
        for mirror in node.list("request_mirror_policies") {
            if is_ours || protected.iter().any(|name| name == mirror.text("cluster")) {
                let what = "requests are copied past every filter and guard";
                findings.add(Rule::Mirror, &mirror, what, "take request_mirror_policies out");
            }
        }
        if !is_ours {
            continue;
        }
        routes::headers(&node, findings);
        if let Some(policy) =
            node.get("retry_policy").filter(|one| one.number("num_retries") != Some(0))
        {
            routes::retries(&policy, findings);
        }
        if let Some(hedge) = node.get("hedge_policy") {
            routes::retries(&hedge, findings);
        }
    }
}

impl Ways<'_, '_> {
    /// Where a patched route leads.
    fn leads(&self, action: &Node<'_>, findings: &mut Findings) {
        if let Some(header) = action.get("cluster_header") {
            routes::client_routes(&header, findings);
        }
        let weighted = action.list("weighted_clusters/clusters");
        let weighted = weighted.iter().filter_map(|one| one.get("name"));
        for place in action.get("cluster").into_iter().chain(weighted) {
            let Some(name) = place.value.as_str() else { continue };
            let machine = |name: &str| istio_machine(name).map(|one| one_spelling(&one));
            let leads_to = |other: &str| {
                name == other || machine(name).is_some() && machine(name) == machine(other)
            };
            if self.sts.iter().any(|sts| leads_to(sts)) {
                let what = "a route leads to the STS, with the gateway's own certificate";
                findings.add(Rule::RouteToSts, &place, what, "take the route out");
            } else if self.protected.iter().any(|one| one == name) {
                // The guards judge these.
            } else if let Some(of) = self.protected.iter().find(|of| leads_to(of)) {
                alias(&place, name, of, findings);
            } else if self.goes_anywhere(name) {
                routes::any_machine(&place, name, findings);
            }
        }
    }

    pub(super) fn goes_anywhere(&self, name: &str) -> bool {
        let made = cluster_patches::made(self.patches);
        let mut named = made.iter().filter(|(of, _)| *of == name);
        routes::is_passthrough(name) || named.any(|(_, cluster)| routes::goes_anywhere(cluster))
    }
}

/// Whether a patch of routes may change one of ours; one that says no host does.
fn concerns_us(patch: &Node<'_>, gateway: &Gateway<'_>) -> bool {
    let host = patch.text("match/routeConfiguration/vhost/name");
    let bare = |name: &str| name.rsplit_once(':').map_or(name, |(host, _)| host).to_owned();
    let mut hosts = gateway.settings().iter().flat_map(|settings| settings.hosts.iter());
    host.is_empty() || hosts.any(|(_, hosts)| hosts.iter().any(|one| bare(one) == bare(host)))
}
