//! The last line of defence, in Envoy's own RBAC filter.
//!
//! Our filter leaves a permit in filter state: the name of the one cluster that it has allowed
//! this request to reach. The guard stands behind it, directly before the router, and lets a
//! request reach a protected cluster only with the permit for **that** cluster. It resolves the
//! route afresh, so it sees where the request will really go, which our filter cannot
//! once it has changed a header.
//!
//! Therefore a request stays out when the module has panicked, is missing, is delivered fail-open,
//! is not enabled on the route, or when a changed header moved the route after the decision.
//! Everything else that does not lead to a protected cluster passes untouched. A request with a
//! permit carries an exchanged token, which is for the permitted cluster's application alone: it
//! goes to no other cluster, protected or not.
//!
//! [`on_cluster`] is the same rule at the other end, on the protected cluster itself. It holds
//! where no listener's guard can: on a second listener that somebody adds without one, for a route
//! with an override for [`NAME`], through an aggregate cluster, and for a request that was held
//! by some filter while its cluster did not exist yet (the listener's guard sees no name then).
//!
//! What neither sees, and what must not be configured for a protected cluster:
//! * `request_mirror_policies`: a mirrored copy passes no HTTP filter of the listener, and upstream
//!   RBAC skips it because it has no downstream connection;
//! * another cluster (original destination, dynamic forward proxy, a second name) whose hosts are
//!   the same machines: the guard knows clusters by name;
//! * a TCP proxy to it: no HTTP filter runs at all.

use serde_json::{Value, json};

use crate::cel;

/// The guard's name in the filter chain.
///
/// Its own, because Envoy finds a route's overrides by it: a `typed_per_filter_config` that other
/// people write for `envoy.filters.http.rbac` does not reach the guard. One for this name would
/// switch the guard off for the route; nobody has a reason to write that.
pub const NAME: &str = "obolus.guard";

/// The name of the cluster's guard; another one, so that no single override reaches both.
pub const CLUSTER_NAME: &str = "obolus.cluster-guard";

/// The property that our filter sets to the permitted cluster's name.
pub use obolus_core::policy::PERMIT_PROPERTY;

/// Where Envoy keeps that property: Wasm properties live under `wasm.` in filter state.
pub const PERMIT_STATE: &str = "wasm.obolus_permit";

/// The guard for a listener's filter chain; it belongs directly before the router.
///
/// ```text
/// !has(xds.cluster_name)
///   || !(xds.cluster_name in [protected…]) && !('wasm.obolus_permit' in filter_state)
///   || filter_state['wasm.obolus_permit'] == bytes(xds.cluster_name)
/// ```
/// The first line keeps redirects, direct responses and 404s as they are: they have no cluster, and
/// without it the expression would be an error, hence a 403. A missing permit is an error too, and
/// an error is a refusal.
pub fn guard<S: AsRef<str>>(protected_clusters: &[S]) -> Value {
    let cluster = || cel::select(cel::ident("xds"), "cluster_name");
    let leads_nowhere = cel::not(cel::has(cel::ident("xds"), "cluster_name"));
    let leads_elsewhere = cel::not(cel::is_in(cluster(), cel::strings(protected_clusters)));
    let has_no_permit = cel::not(cel::is_in(cel::string(PERMIT_STATE), cel::ident("filter_state")));
    let is_not_ours = cel::and(leads_elsewhere, has_no_permit);
    let condition = cel::or(leads_nowhere, cel::or(is_not_ours, permit_is_for(cluster())));
    rbac(NAME, condition)
}

/// The guard for a listener behind which everything is protected: whatever its cluster is called.
///
/// ```text
/// !has(xds.cluster_name) || filter_state['wasm.obolus_permit'] == bytes(xds.cluster_name)
/// ```
/// For the MCP server's own sidecar: a list would be wrong, and open, as soon as the control plane gives
/// the way to the program another name than the list has.
pub fn of_every_cluster() -> Value {
    let cluster = || cel::select(cel::ident("xds"), "cluster_name");
    let leads_nowhere = cel::not(cel::has(cel::ident("xds"), "cluster_name"));
    rbac(NAME, cel::or(leads_nowhere, permit_is_for(cluster())))
}

/// The guard of one protected cluster, for the cluster's own (upstream) filter chain.
pub fn on_cluster(protected_cluster: &str) -> Value {
    rbac(CLUSTER_NAME, permit_is_for(cel::string(protected_cluster)))
}

/// `filter_state['wasm.obolus_permit'] == bytes(cluster)`; the state is bytes, never a string.
fn permit_is_for(cluster: Value) -> Value {
    let permit = cel::index(cel::ident("filter_state"), cel::string(PERMIT_STATE));
    cel::equal(permit, cel::bytes(cluster))
}

/// An allow-list of one policy: whatever the condition does not affirm is a 403.
fn rbac(name: &str, condition: Value) -> Value {
    json!({
        "name": name,
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
            "rules": {
                "action": "ALLOW",
                "policies": {
                    "permitted": {
                        "permissions": [{"any": true}],
                        "principals": [{"any": true}],
                        "condition": condition,
                    },
                },
            },
            "rules_stat_prefix": "obolus_guard",
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_permit_is_where_envoy_puts_the_property() {
        assert_eq!(PERMIT_STATE, format!("wasm.{PERMIT_PROPERTY}"));
    }

    #[test]
    fn every_protected_cluster_is_in_the_condition() {
        let text = guard(&["obolus-mcp", "second"]).to_string();
        let list = r#"{"list_expr":{"elements":[{"const_expr":{"string_value":"obolus-mcp"}},{"const_expr":{"string_value":"second"}}]}}"#;
        assert!(text.contains(list), "{text}");
    }
}
