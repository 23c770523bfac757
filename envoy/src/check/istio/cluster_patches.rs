//! What EnvoyFilters make of clusters: their guards, other names for the same machines, the STS's TLS.

use super::super::clusters::{self, alias, istio_machine, machines, one_spelling};
use super::super::finding::Findings;
use super::super::node::Node;
use super::super::plugin::Settings;
use super::super::rule::Rule;
use super::super::{guards, sts};
use super::gateway::Gateway;
use super::{Manifest, ports};

/// Checks the clusters of a proxy with our filter, as these patches leave them.
pub(super) fn check(
    gateway: &Gateway<'_>,
    patches: &[Node<'_>],
    manifests: &[Manifest<'_>],
    findings: &mut Findings,
) {
    let protected = gateway.protected();
    for cluster in &protected {
        check_guard(cluster, gateway, patches, findings);
    }
    check_aliases(gateway, patches, &protected, findings);
    for settings in gateway.settings() {
        check_sts(settings, gateway, patches, manifests, findings);
    }
    for patch in patches {
        if protected.iter().any(|name| reaches_cluster(patch, name)) {
            patch.at("patch/value").iter().for_each(|value| clusters::options(value, findings));
            led_elsewhere(patch, findings);
        }
    }
}

/// A patch of a protected cluster that changes to whom it leads.
fn led_elsewhere(patch: &Node<'_>, findings: &mut Findings) {
    const KEYS: [&str; 6] = [
        "cluster_type",
        "eds_cluster_config",
        "load_assignment",
        "transport_socket",
        "transport_socket_matches",
        "type",
    ];
    if patch.text("patch/operation") != "MERGE" {
        return;
    }
    let value = patch.nearest("patch/value");
    for at in KEYS.iter().filter_map(|key| value.get(key)) {
        let what = "changes to whom the protected cluster leads, or by what that one is known: tokens may go elsewhere";
        findings.add(
            Rule::UpstreamTls,
            &at,
            what,
            "take it out; a DestinationRule says how the Service is called",
        );
    }
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

/// Every patch that says something of a cluster's protocol, or makes the cluster, says its guard: the last one counts.
fn check_guard(
    cluster: &str,
    gateway: &Gateway<'_>,
    patches: &[Node<'_>],
    findings: &mut Findings,
) {
    let matching = patches.iter().filter(|patch| reaches_cluster(patch, cluster));
    let values: Vec<_> = matching
        .filter_map(|patch| Some((patch.text("patch/operation"), patch.at("patch/value")?)))
        .collect();
    let filters: Vec<_> =
        values.iter().flat_map(|(_, value)| clusters::http_filters(value)).collect();
    clusters::check_guard(&gateway.chain.place, cluster, &filters, findings);
    let has_guard = |filters: &[Node<'_>]| {
        filters.iter().any(|filter| guards::of_cluster(filter, cluster) == Some(true))
    };
    for (operation, value) in values.iter().filter(|_| has_guard(&filters)) {
        let says_protocol = clusters::http_options(value).is_some() || *operation == "ADD";
        if says_protocol && !has_guard(&clusters::http_filters(value)) {
            findings.add(
                Rule::ClusterGuard,
                value,
                format!("takes the place of what gives {cluster} its guard"),
                format!("take it out, or repeat there {}", guards::cluster_rule(cluster)),
            );
        }
    }
}

/// The clusters that patches make or lead elsewhere, by their names.
pub(super) fn made<'a>(patches: &[Node<'a>]) -> Vec<(&'a str, Node<'a>)> {
    let mut found = Vec::new();
    for patch in patches {
        let Some(value) = patch.at("patch/value") else { continue };
        match (patch.text("applyTo"), patch.text("patch/operation")) {
            ("CLUSTER", "MERGE") => {
                let key =
                    if patch.text("match/cluster/name").is_empty() { "service" } else { "name" };
                found.push((patch.text(&format!("match/cluster/{key}")), value));
            }
            ("CLUSTER", _) => found.push((value.text("name"), value)),
            ("BOOTSTRAP", _) => {
                let clusters = value.list("static_resources/clusters").into_iter();
                found.extend(clusters.map(|cluster| (cluster.text("name"), cluster)));
            }
            _ => {}
        }
    }
    found
}

fn check_aliases(
    gateway: &Gateway<'_>,
    patches: &[Node<'_>],
    protected: &[String],
    findings: &mut Findings,
) {
    let added = made(patches);
    let is_sts =
        |name: &str| gateway.settings().iter().any(|settings| settings.sts_cluster == name);
    let is_protected = |name: &str| protected.iter().any(|one| one == name);
    for (name, cluster) in added.iter().filter(|(name, _)| !is_protected(name)) {
        let here = machines(cluster);
        let of_added = added.iter().filter(|(other, _)| other != name);
        let named = of_added
            .filter(|(other, _)| is_protected(other) || is_sts(other))
            .flat_map(|(other, at)| machines(at).into_iter().map(move |machine| (machine, *other)));
        let of_istio = protected
            .iter()
            .filter_map(|name| Some((one_spelling(&istio_machine(name)?), name.as_str())));
        // The program beside a sidecar.
        let beside = protected.iter().filter_map(|name| {
            Some((format!("localhost:{}", ports::number(name)?), name.as_str()))
        });
        for (machine, of) in named.chain(of_istio).chain(beside) {
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
