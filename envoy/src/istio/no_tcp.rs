//! At the sidecar, a protected port is for HTTP only.
//!
//! Which filters stand before the program depends on what istiod takes its port for: a Service's port by the name
//! `tcp`, a second Service with the same target port, or a name that istiod does not know. Then it makes a chain with a
//! TCP proxy, in which neither our filter nor the guard has a place. So what would go to a protected port that way is
//! closed by Envoy's own network RBAC, before each TCP proxy that there is. It looks at the first byte, and lets none
//! through.

use serde_json::{Value, json};

/// The filter's name.
const NAME: &str = "obolus.no-tcp";
/// So that its counters have a name like the guard's.
const STAT_PREFIX: &str = "rbac.obolus_no_tcp.";

/// Before each TCP proxy of this context, if one of the clusters is istiod's way to the program beside a sidecar.
pub(super) fn patch(context: &str, guarded: &[String]) -> Option<Value> {
    let ports: Vec<_> = guarded.iter().filter_map(|cluster| inbound_port(cluster)).collect();
    (!ports.is_empty()).then(|| {
        json!({
            "applyTo": "NETWORK_FILTER",
            "match": {
                "context": context,
                "listener": {"filterChain": {"filter": {
                    "name": "envoy.filters.network.tcp_proxy",
                }}},
            },
            "patch": {"operation": "INSERT_BEFORE", "value": filter(&ports)},
        })
    })
}

fn filter(ports: &[u16]) -> Value {
    let permissions: Vec<_> = ports.iter().map(|port| json!({"destination_port": port})).collect();
    json!({
        "name": NAME,
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.rbac.v3.RBAC",
            "stat_prefix": STAT_PREFIX,
            "rules": {
                "action": "DENY",
                "policies": {
                    "protected": {"permissions": permissions, "principals": [{"any": true}]},
                },
            },
        },
    })
}

/// The port of `inbound|port||`.
fn inbound_port(cluster: &str) -> Option<u16> {
    cluster.strip_prefix("inbound|")?.strip_suffix("||")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::istio::Istio;

    #[test]
    fn the_sidecars_port_is_closed_to_tcp_and_the_gateway_has_none() {
        let closed = |filter: &Value| {
            let patches = filter["spec"]["configPatches"].as_array().unwrap();
            let ours = patches.iter().filter(|patch| patch["patch"]["value"]["name"] == NAME);
            ours.cloned().collect::<Vec<_>>()
        };
        let istio = Istio::default();
        assert!(closed(&istio.envoy_filter().unwrap()).is_empty());
        let sidecar = closed(&istio.sidecar_filter().unwrap());
        assert_eq!(sidecar.len(), 1);
        assert_eq!(sidecar[0]["match"]["context"], "SIDECAR_INBOUND");
        let rules = &sidecar[0]["patch"]["value"]["typed_config"]["rules"];
        assert_eq!(rules["action"], "DENY");
        let permissions = &rules["policies"]["protected"]["permissions"];
        assert_eq!(permissions, &json!([{"destination_port": 8080}]));
    }
}
