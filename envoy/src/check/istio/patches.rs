//! What EnvoyFilters change besides the chain: clusters, routes, listeners, and our own filters.

use super::super::finding::Findings;
use super::super::node::Node;
use super::super::plugin::Settings;
use super::super::rule::Rule;
use super::super::{around, audit, buffers, chain, clusters, guards, routes};
use super::gateway::Gateway;
use super::route_patches::{self, Ways};
use super::{Manifest, cluster_patches};
use crate::filter::FILTER_NAME;
use crate::http_connection::MANAGER;

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
    cluster_patches::check(gateway, patches, manifests, findings);
    let ways = Ways { gateway, protected: &protected, sts: &sts, patches };
    for settings in gateway.settings() {
        check_buffer(settings.body_limit, gateway, patches, findings);
    }
    // A Telemetry names a provider, which is in the mesh's configuration: in istiod's ConfigMap, or in what made that.
    let loggers = patches.iter().filter_map(|patch| patch.at("patch/value"));
    let of_mesh = manifests.iter().filter(|one| one.kind != "EnvoyFilter");
    let loggers = loggers.chain(of_mesh.map(|one| one.node.clone()));
    audit::check_mesh(&gateway.chain.place, loggers, findings);
    for patch in patches {
        depends_on_proxy(patch, &protected, findings);
        match patch.text("applyTo") {
            "HTTP_FILTER" => undoes(patch, findings),
            "HTTP_ROUTE" | "VIRTUAL_HOST" | "ROUTE_CONFIGURATION" => {
                route_patches::check(patch, &ways, findings);
            }
            "NETWORK_FILTER" | "FILTER_CHAIN" | "LISTENER" | "BOOTSTRAP" => {
                check_manager(patch, findings);
                around_http(patch, &protected, &sts, findings);
                anywhere(patch, &ways, findings);
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
        buffers::check(&gateway.chain.place, KEY, body_limit, findings);
    }
    limits.iter().for_each(|value| buffers::check(value, KEY, body_limit, findings));
    of_kind("NETWORK_FILTER")
        .for_each(|value| buffers::check(&value, window, body_limit, findings));
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

/// A guard that only some proxies get is gone after the next upgrade of Istio.
fn depends_on_proxy(patch: &Node<'_>, protected: &[String], findings: &mut Findings) {
    let (Some(limit), Some(value)) = (patch.at("match/proxy"), patch.at("patch/value")) else {
        return;
    };
    let is_of_cluster = |name: &String| {
        let filters = clusters::http_filters(&value);
        cluster_patches::reaches_cluster(patch, name)
            && filters.iter().any(|filter| guards::of_cluster(filter, name).is_some())
    };
    if guards::of_listener(&value).is_some() || protected.iter().any(is_of_cluster) {
        let what = "a proxy of another version, or with other metadata, gets no guard";
        findings.add(Rule::GuardOff, &limit, what, "choose proxies by workloadSelector");
    }
}

/// What takes the place of the filter chain that was checked, or of its routes.
fn check_manager(patch: &Node<'_>, findings: &mut Findings) {
    let operation = patch.text("patch/operation");
    let value = patch.nearest("patch/value");
    let is_matched = patch.text("match/listener/filterChain/filter/name") == MANAGER;
    let mut places = Vec::new();
    if patch.text("applyTo") == "NETWORK_FILTER" {
        let is_other = value.text("name") == MANAGER && operation != "MERGE";
        if is_other || is_matched && matches!(operation, "REPLACE" | "REMOVE") {
            places.push(patch.nearest("patch/operation"));
        }
    }
    if value.text("name") == MANAGER && operation == "MERGE" {
        let config = value.nearest("typed_config");
        let keys = ["http_filters", "rds", "route_config", "scoped_routes"];
        places.extend(keys.iter().filter_map(|key| config.get(key)));
        let upgrades = config.list("upgrade_configs");
        places.extend(upgrades.iter().filter_map(|upgrade| upgrade.get("filters")));
    }
    for place in places {
        let what = format!("{operation} on {MANAGER}: what was checked is not what Envoy gets");
        findings.add(Rule::GuardOff, &place, what, "take this patch out");
    }
}

/// Connections that go wherever they say.
fn anywhere(patch: &Node<'_>, ways: &Ways<'_, '_>, findings: &mut Findings) {
    let proxies = patch.walk().into_iter().filter(|node| node.type_name() == "TcpProxy");
    for at in proxies.flat_map(|proxy| around::clusters_of(&proxy)) {
        let name = at.value.as_str().unwrap_or_default();
        if ways.goes_anywhere(name) {
            routes::any_machine(&at, name, findings);
        }
    }
}

fn around_http(patch: &Node<'_>, protected: &[String], sts: &[&str], findings: &mut Findings) {
    let Some(value) = patch.at("patch/value") else { return };
    if value.text("name") == MANAGER {
        return;
    }
    chain::forges_permit(&value, findings);
    let is_internal = value.get("internal_listener").is_some();
    for place in value.walk() {
        let Some(name) = around::cluster_named(&place) else { continue };
        if protected.iter().any(|cluster| cluster == name) || sts.contains(&name) && !is_internal {
            let what = format!(
                "connections go to {name} without any HTTP filter: no token, no permit, no guard"
            );
            findings.add(Rule::AroundHttp, &place, what, "take this filter out");
        }
    }
}
