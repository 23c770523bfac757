//! The second line of the gateway's form: Istio's own check of tokens at the MCP server's sidecar.
//!
//! Whoever may write routes for the gateway can lead requests to the MCP server past our filter and its guard. What
//! arrives at the server's sidecar then is what people brought to us, and not what our filter has exchanged it for.
//! So the sidecar takes only tokens of the issuers for the target's audience.
//!
//! At the MCP server's own sidecar this has no place: Istio's check comes before our filter, which gets what people
//! bring.

use std::collections::BTreeMap;

use obolus_core::config::FilterConfig;
use serde_json::{Value, json};

use super::{Istio, NAMESPACE};
use crate::problems::Problems;

/// The name of both objects.
const NAME: &str = "obolus-mcp-exchanged-only";

/// Which tokens there are, and that each request must have one.
pub(super) fn objects(istio: &Istio) -> Result<[Value; 2], Problems> {
    let configuration = FilterConfig::from_json(&istio.configuration).map_err(|error| {
        let mut problems = Problems::none();
        problems.add("filter.json", error);
        problems
    })?;
    let mut audiences: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for resource in &configuration.resources {
        let issuers = resource.issuers.iter();
        for issuer in issuers.flat_map(|issuer| issuer.provider.authorization_servers()) {
            let of_issuer = audiences.entry(issuer).or_default();
            for (_, target) in resource.targets.all() {
                let audience = target.audience.as_str();
                if !of_issuer.contains(&audience) {
                    of_issuer.push(audience);
                }
            }
        }
    }
    let rules: Vec<_> = audiences.into_iter().map(rule).collect();
    let ports = json!([istio.settings.sidecar.port.to_string()]);
    Ok([
        object(istio, "RequestAuthentication", json!({"jwtRules": rules})),
        object(
            istio,
            "AuthorizationPolicy",
            json!({
                "action": "DENY",
                "rules": [{
                    "from": [{"source": {"notRequestPrincipals": ["*"]}}],
                    "to": [{"operation": {"ports": ports}}],
                }],
            }),
        ),
    ])
}

fn rule((issuer, audiences): (String, Vec<&str>)) -> Value {
    json!({
        "issuer": issuer,
        "audiences": audiences,
        "fromHeaders": [{"name": "Authorization", "prefix": "Bearer "}],
        // The MCP server sends it on to the API server.
        "forwardOriginalToken": true,
    })
}

fn object(istio: &Istio, kind: &str, mut spec: Value) -> Value {
    if let Some(spec) = spec.as_object_mut() {
        let selector = json!({"matchLabels": istio.settings.sidecar.labels});
        spec.insert("selector".to_owned(), selector);
    }
    json!({
        "apiVersion": "security.istio.io/v1",
        "kind": kind,
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": spec,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_issuer_is_taken_with_the_audience_of_the_target_and_not_with_what_people_bring() {
        let mut istio = Istio::default();
        let [tokens, _] = objects(&istio).unwrap();
        let rule = &tokens["spec"]["jwtRules"][0];
        assert_eq!(rule["issuer"], istio.configuration["issuers"][0]["issuer"]);
        assert_eq!(rule["audiences"], json!(["kubernetes"]));

        let resource = &mut istio.configuration["resources"][0];
        let target = resource["target"].take();
        let prod = json!({"name": "prod", "audience": "kubernetes-prod"});
        resource["targets"] = json!({"byValue": {"prod": prod, "dev": target}, "default": target});
        let [tokens, _] = objects(&istio).unwrap();
        let audiences = &tokens["spec"]["jwtRules"][0]["audiences"];
        assert_eq!(*audiences, json!(["kubernetes", "kubernetes-prod"]), "of every target");

        istio.configuration["issuers"][0] = json!({
            "name": "keycloak",
            "profile": "entra",
            "tenants": ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"],
        });
        istio.configuration["resources"][0]["audiences"] =
            json!(["33333333-3333-4333-8333-333333333333"]);
        istio.configuration["resources"][0]["requiredScopes"] =
            json!(["api://33333333-3333-4333-8333-333333333333/access_as_user"]);
        let [tokens, _] = objects(&istio).unwrap();
        let rules = tokens["spec"]["jwtRules"].as_array().unwrap();
        let issuers: Vec<_> = rules.iter().map(|rule| rule["issuer"].as_str().unwrap()).collect();
        assert_eq!(
            issuers,
            ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"]
                .map(|tenant| format!("https://login.microsoftonline.com/{tenant}/v2.0"))
        );
    }
}
