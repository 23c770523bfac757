//! Whether a Gateway listens where clients are told to come.

use super::super::finding::Findings;
use super::super::rule::Rule;
use super::{Mesh, is_within, pairs};

/// Compares the ports of the resources' URLs with those of the Gateways for the same hosts and proxies.
pub(super) fn check(mesh: &Mesh<'_>, findings: &mut Findings) {
    for proxy in &mesh.gateways {
        let gateways = mesh.of_kind("Gateway").filter(|one| {
            let selector = pairs(one.node.at("spec/selector"));
            !selector.is_empty() && is_within(&selector, &proxy.labels)
        });
        let servers: Vec<_> = gateways.flat_map(|one| one.node.list("spec/servers")).collect();
        for authority in proxy.settings().iter().flat_map(|one| &one.urls) {
            let (host, port) = authority;
            let is_for = |named: &str| {
                let named = named.rsplit('/').next().unwrap_or_default();
                named.eq_ignore_ascii_case(host)
            };
            let here: Vec<_> = servers
                .iter()
                .filter(|one| one.texts("hosts").iter().any(|one| is_for(one)))
                .collect();
            let listens =
                here.iter().any(|one| one.number("port/number") == Some(u64::from(*port)));
            if let (false, Some(first)) = (listens, here.first()) {
                let what = format!(
                    "clients are told to come to {host}:{port}, and no Gateway listens there: only with something in front that maps the port do they arrive"
                );
                let write = format!("number: {port}, or the port in resources[].resource");
                findings.add(Rule::GatewayPort, &first.nearest("port/number"), what, write);
            }
        }
    }
}
