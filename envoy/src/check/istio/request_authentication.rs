//! Istio's own check of tokens, which takes the token away from whoever comes behind it.

use std::sync::Arc;

use obolus_core::token::IssuerRules;

use super::super::finding::Findings;
use super::super::node::Node;
use super::super::rule::Rule;
use super::Mesh;
use super::services::Place;

/// Checks the rules at the gateways with our filter, and those at the MCP server.
pub(super) fn check(mesh: &Mesh<'_>, places: &[Place<'_>], findings: &mut Findings) {
    for policy in mesh.of_kind("RequestAuthentication") {
        let rules = policy.node.list("spec/jwtRules");
        for gateway in &mesh.gateways {
            let of_gateway = policy.node.list("spec/targetRefs").iter().any(|target| {
                gateway
                    .labels
                    .contains(&("gateway.networking.k8s.io/gateway-name", target.text("name")))
            });
            if !of_gateway && !policy.selects(gateway.namespace, &gateway.labels) {
                continue;
            }
            let issuers: Vec<_> =
                gateway.settings().iter().flat_map(|settings| settings.issuers.iter()).collect();
            at_gateway(&rules, &issuers, findings);
        }
        for place in places.iter().filter(|place| !place.is_sts) {
            if policy.selects(&place.namespace, &place.labels) {
                for rule in rules.iter().filter(|rule| consumes(rule)) {
                    consumed(rule, "the MCP server gets no token, and answers 401", findings);
                }
            }
        }
    }
}

fn at_gateway(rules: &[Node<'_>], issuers: &[&Arc<IssuerRules>], findings: &mut Findings) {
    let reading: Vec<_> = rules.iter().filter(|rule| reads_authorization(rule)).collect();
    for issuer in issuers {
        let mut matching =
            reading.iter().filter(|rule| issuer.provider.accepts(rule.text("issuer"))).peekable();
        if matching.peek().is_none()
            && let Some(rule) = reading.first()
        {
            findings.add(
                Rule::TokenRefused,
                rule,
                format!("Istio answers 401 to tokens of {}: it is no issuer here", issuer.name),
                "take the RequestAuthentication off this gateway: our filter verifies tokens",
            );
        }
        for rule in matching.filter(|rule| consumes(rule)) {
            consumed(rule, "our filter gets no token, and answers 401", findings);
        }
    }
}

fn reads_authorization(rule: &Node<'_>) -> bool {
    let headers = rule.list("fromHeaders");
    if headers.is_empty() {
        return rule.list("fromParams").is_empty() && rule.list("fromCookies").is_empty();
    }
    headers.iter().any(|header| header.text("name").eq_ignore_ascii_case("authorization"))
}

fn consumes(rule: &Node<'_>) -> bool {
    reads_authorization(rule) && !rule.flag("forwardOriginalToken")
}

fn consumed(rule: &Node<'_>, what: &str, findings: &mut Findings) {
    findings.add(
        Rule::TokenConsumed,
        &rule.nearest("forwardOriginalToken"),
        format!("Istio takes the token of {} out of the request: {what}", rule.text("issuer")),
        "forwardOriginalToken: true, or no RequestAuthentication there",
    );
}
