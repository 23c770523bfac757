//! What EnvoyFilters change besides the chain: clusters, routes, listeners, and our own filters.

use super::super::chain;
use super::super::clusters::{self, alias, istio_machine, machines};
use super::super::finding::Findings;
use super::super::node::Node;
use super::super::plugin::Settings;
use super::super::proxy;
use super::super::routes;
use super::super::rule::Rule;
use super::super::sts;
use super::Manifest;
use super::gateway::Gateway;
use crate::filter::FILTER_NAME;

/// Checks the patches that reach a proxy with our filter.
pub(super) fn check(
    gateway: &Gateway<'_>,
    patches: &[Node<'_>],
    manifests: &[Manifest<'_>],
    findings: &mut Findings,
) {
    let protected = gateway.protected();
    let settings = gateway.settings();
    let sts: Vec<_> = settings.iter().flat_map(|one| sts_clusters(one, patches)).collect();
    for cluster in &protected {
        let matching = patches.iter().filter(|patch| reaches_cluster(patch, cluster));
        let filters: Vec<_> = matching
            .filter_map(|patch| patch.at("patch/value"))
            .flat_map(|value| clusters::http_filters(&value))
            .collect();
        clusters::check_guard(&gateway.chain.place, cluster, &filters, findings);
    }
    check_aliases(gateway, patches, &protected, findings);
    for settings in gateway.settings() {
        check_sts(settings, gateway, patches, manifests, findings);
        check_buffer(settings.body_limit, gateway, patches, findings);
    }
    for patch in patches {
        match patch.text("applyTo") {
            "HTTP_FILTER" => undoes(patch, findings),
            "HTTP_ROUTE" | "VIRTUAL_HOST" | "ROUTE_CONFIGURATION" => {
                route(patch, gateway, &protected, findings);
            }
            "CLUSTER" if protected.iter().any(|name| reaches_cluster(patch, name)) => {
                patch.at("patch/value").iter().for_each(|value| clusters::options(value, findings));
            }
            "NETWORK_FILTER" | "FILTER_CHAIN" | "LISTENER" => {
                around_http(patch, &protected, &sts, findings);
            }
            _ => {}
        }
    }
}

/// The clusters that lead to the STS: the one that the filter calls, and the one behind it when that leads to an
/// internal listener, where the STS's own TLS goes into the mesh's.
pub(super) fn sts_clusters<'a>(settings: &'a Settings, patches: &[Node<'a>]) -> Vec<&'a str> {
    let name = settings.sts_cluster.as_str();
    let made = |kind: &'static str| {
        let patches = patches.iter().filter(move |patch| patch.text("applyTo") == kind);
        patches.filter_map(|patch| patch.at("patch/value"))
    };
    let own = made("CLUSTER").filter(|value| value.text("name") == name);
    let listeners: Vec<&str> = own
        .flat_map(|cluster| cluster.walk())
        .map(|node| node.text("envoy_internal_address/server_listener_name"))
        .filter(|name| !name.is_empty())
        .collect();
    let behind = made("LISTENER")
        .filter(|value| listeners.contains(&value.text("name")))
        .flat_map(|listener| listener.walk())
        .filter(|node| node.type_name() == "TcpProxy")
        .map(|proxy| proxy.text("cluster"));
    [name].into_iter().chain(behind).filter(|name| !name.is_empty()).collect()
}

/// Whether this patch changes or makes the cluster of this name.
pub(super) fn reaches_cluster(patch: &Node<'_>, name: &str) -> bool {
    if patch.text("applyTo") != "CLUSTER" {
        return false;
    }
    match patch.text("patch/operation") {
        "ADD" => patch.text("patch/value/name") == name,
        "MERGE" => {
            let Some(limits) = patch.at("match/cluster") else { return true };
            let parts: Vec<&str> = name.split('|').collect();
            let part = |at: usize| parts.get(at).copied().unwrap_or_default();
            let fits = |key: &str, of: &str| limits.get(key).is_none() || limits.text(key) == of;
            let port = limits.number("portNumber").map(|port| port.to_string());
            fits("name", name)
                && fits("service", part(3))
                && fits("subset", part(2))
                && port.is_none_or(|port| port == part(1))
        }
        _ => false,
    }
}

fn check_aliases(
    gateway: &Gateway<'_>,
    patches: &[Node<'_>],
    protected: &[String],
    findings: &mut Findings,
) {
    let added: Vec<Node<'_>> = patches
        .iter()
        .filter(|patch| {
            patch.text("applyTo") == "CLUSTER" && patch.text("patch/operation") == "ADD"
        })
        .filter_map(|patch| patch.at("patch/value"))
        .collect();
    let is_sts =
        |name: &str| gateway.settings().iter().any(|settings| settings.sts_cluster == name);
    for cluster in &added {
        let name = cluster.text("name");
        if protected.iter().any(|one| one == name) {
            continue;
        }
        let here = machines(cluster);
        let of_added = added.iter().filter(|one| one.text("name") != name);
        let named = of_added
            .filter(|one| {
                protected.iter().any(|name| name == one.text("name")) || is_sts(one.text("name"))
            })
            .flat_map(|one| {
                machines(one).into_iter().map(move |machine| (machine, one.text("name")))
            });
        let of_istio =
            protected.iter().filter_map(|name| Some((istio_machine(name)?, name.as_str())));
        for (machine, of) in named.chain(of_istio) {
            if here.contains(&machine) && !is_sts(name) {
                alias(cluster, name, of, findings);
            }
        }
    }
}

fn check_sts(
    settings: &Settings,
    gateway: &Gateway<'_>,
    patches: &[Node<'_>],
    manifests: &[Manifest<'_>],
    findings: &mut Findings,
) {
    let name = &settings.sts_cluster;
    if name.is_empty() {
        return;
    }
    let names_it = |patch: &Node<'_>| {
        patch.at("match/cluster").is_some() || patch.text("patch/operation") == "ADD"
    };
    let reaching: Vec<_> = patches
        .iter()
        .filter(|patch| reaches_cluster(patch, name) && names_it(patch))
        .filter_map(|patch| patch.at("patch/value"))
        .collect();
    let Some(machine) = istio_machine(name) else {
        if reaching.is_empty() {
            sts::missing(settings, &gateway.chain.place, findings);
        }
        return reaching
            .iter()
            .for_each(|value| sts::check_tls(value, &settings.sts_authority, findings));
    };
    // Istio's own cluster: TLS comes from a patch or from a DestinationRule.
    let with_tls: Vec<_> =
        reaching.iter().filter(|value| value.get("transport_socket").is_some()).collect();
    for value in &with_tls {
        sts::check_tls(value, &settings.sts_authority, findings);
    }
    let host = machine.rsplit_once(':').map_or(machine.as_str(), |(host, _)| host);
    let is_pinned = |rule: &&Manifest<'_>| {
        let tls = rule.node.nearest("spec/trafficPolicy/tls");
        let has_ca =
            ["caCertificates", "credentialName"].iter().any(|key| !tls.text(key).is_empty());
        rule.kind == "DestinationRule"
            && (rule.node.text("spec/host") == host
                || host.starts_with(&format!(
                    "{}.{}.",
                    rule.node.text("spec/host"),
                    rule.namespace
                )))
            && !tls.flag("insecureSkipVerify")
            && !tls.list("subjectAltNames").is_empty()
            && (tls.text("mode") == "ISTIO_MUTUAL"
                || has_ca && matches!(tls.text("mode"), "SIMPLE" | "MUTUAL"))
    };
    if with_tls.is_empty() && !manifests.iter().any(|manifest| is_pinned(&manifest)) {
        findings.add(
            Rule::StsTls,
            &gateway.chain.place,
            format!("nothing holds `{name}` to the STS's authority and name"),
            "a DestinationRule with tls.mode, caCertificates and subjectAltNames, or a cluster of its own",
        );
    }
}

fn check_buffer(
    body_limit: u64,
    gateway: &Gateway<'_>,
    patches: &[Node<'_>],
    findings: &mut Findings,
) {
    const KEY: &str = "per_connection_buffer_limit_bytes";
    let window = "typed_config/http2_protocol_options/initial_stream_window_size";
    let of_kind = |kind: &'static str| {
        patches
            .iter()
            .filter(move |patch| patch.text("applyTo") == kind)
            .filter_map(|patch| patch.at("patch/value"))
    };
    let limits: Vec<_> = of_kind("LISTENER").filter(|value| value.get(KEY).is_some()).collect();
    if limits.is_empty() {
        proxy::buffer(&gateway.chain.place, KEY, body_limit, findings);
    }
    limits.iter().for_each(|value| proxy::buffer(value, KEY, body_limit, findings));
    of_kind("NETWORK_FILTER").for_each(|value| proxy::buffer(&value, window, body_limit, findings));
}

/// A patch that takes our filter or the guard out again, or changes it.
fn undoes(patch: &Node<'_>, findings: &mut Findings) {
    let operation = patch.text("patch/operation");
    if !matches!(operation, "REMOVE" | "MERGE" | "REPLACE") {
        return;
    }
    let name = patch.text("match/listener/filterChain/filter/subFilter/name");
    let rule = match name {
        FILTER_NAME => Rule::FilterOff,
        name if clusters::is_guard_name(name) => Rule::GuardOff,
        _ => return,
    };
    let what = format!("{operation} on {name}: what was checked is not what Envoy gets");
    findings.add(rule, &patch.nearest("patch/operation"), what, "take this patch out");
}

fn route(patch: &Node<'_>, gateway: &Gateway<'_>, protected: &[String], findings: &mut Findings) {
    let Some(value) = patch.at("patch/value") else { return };
    let guards = gateway.ours.guard_names(&gateway.chain);
    let ours: Vec<&str> = gateway.ours.entries.iter().map(|(_, entry)| entry.name).collect();
    let is_ours = concerns_us(patch, gateway);
    for node in value.walk() {
        routes::overrides_guard(&node, &guards, findings);
        let overrides = node.get("typed_per_filter_config").map(|map| map.members());
        for (name, place) in overrides.unwrap_or_default() {
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

/// Whether a patch of routes may change one of ours; one that says no host does.
fn concerns_us(patch: &Node<'_>, gateway: &Gateway<'_>) -> bool {
    let host = patch.text("match/routeConfiguration/vhost/name");
    let bare = |name: &str| name.rsplit_once(':').map_or(name, |(host, _)| host).to_owned();
    let mut hosts = gateway.settings().iter().flat_map(|settings| settings.hosts.iter());
    host.is_empty() || hosts.any(|(_, hosts)| hosts.iter().any(|one| bare(one) == bare(host)))
}

fn around_http(patch: &Node<'_>, protected: &[String], sts: &[&str], findings: &mut Findings) {
    let Some(value) = patch.at("patch/value") else { return };
    if value.text("name") == "envoy.filters.network.http_connection_manager" {
        return;
    }
    chain::forges_permit(&value, findings);
    let is_internal = value.get("internal_listener").is_some();
    for place in value.walk() {
        let Some(name) = proxy::cluster_named(&place) else { continue };
        if protected.iter().any(|cluster| cluster == name) || sts.contains(&name) && !is_internal {
            let what = format!(
                "connections go to {name} without any HTTP filter: no token, no permit, no guard"
            );
            findings.add(Rule::AroundHttp, &place, what, "take this filter out");
        }
    }
}
