//! Workbenches that differ from the usual one in how Envoy reads HTTP.

use obolus_tests::fixtures::workbench::Plan;
use serde_json::{Value, json};

/// A gateway that keeps the trailers of HTTP/1, too.
pub(crate) async fn plan_with_trailers() -> Plan {
    let mut plan = Plan::new().await.unwrap();
    plan.gateway.edit = Box::new(|bootstrap| {
        http_connection(bootstrap)["http_protocol_options"] = json!({"enable_trailers": true});
    });
    plan
}

/// How the gateway's listener reads HTTP.
pub(crate) fn http_connection(bootstrap: &mut Value) -> &mut Value {
    let path = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
    bootstrap.pointer_mut(path).unwrap()
}
