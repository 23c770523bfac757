//! What is written of requests: one line for each, without anything that a client sent in confidence, and one more for
//! each that our filter has decided about.

use serde_json::{Value, json};

use crate::guard::PERMIT_STATE;

/// The name of the logger of audit records.
pub(crate) const AUDIT_NAME: &str = "obolus.audit";
/// Under which name Envoy keeps the record that our filter leaves.
pub(crate) const AUDIT_STATE: &str = "wasm.obolus_audit";

const STDOUT: &str =
    "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog";

/// No header but the host, and the path without its query: clients put tokens in both.
pub(crate) fn access_log() -> Value {
    json!({
        "name": "envoy.access_loggers.stdout",
        "typed_config": {
            "@type": STDOUT,
            "log_format": {"json_format": {
                "time": "%START_TIME%",
                "request_id": "%STREAM_ID%",
                "client": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
                "method": "%REQ(:METHOD)%",
                "host": "%REQ(:AUTHORITY)%",
                "path": "%PATH(NQ)%",
                "status": "%RESPONSE_CODE%",
                "details": "%RESPONSE_CODE_DETAILS%",
                "flags": "%RESPONSE_FLAGS%",
                "route": "%ROUTE_NAME%",
                "cluster": "%UPSTREAM_CLUSTER_RAW%",
                "permit": format!("%FILTER_STATE({PERMIT_STATE}:PLAIN)%"),
                "milliseconds": "%DURATION%",
                "bytes_received": "%BYTES_RECEIVED%",
                "bytes_sent": "%BYTES_SENT%",
            }},
        },
    })
}

/// The record that our filter has left, as it is: JSON in visible ASCII, one line each. Other requests have none.
pub(crate) fn audit_log() -> Value {
    json!({
        "name": AUDIT_NAME,
        "filter": {"extension_filter": {
            "name": "envoy.access_loggers.extension_filters.cel",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
                "expression": format!("'{AUDIT_STATE}' in filter_state"),
            },
        }},
        "typed_config": {
            "@type": STDOUT,
            "log_format": {"text_format_source": {
                "inline_string": format!("%FILTER_STATE({AUDIT_STATE}:PLAIN)%\n"),
            }},
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_where_envoy_puts_what_the_module_sets() {
        assert_eq!(AUDIT_STATE, format!("wasm.{}", obolus_core::audit::AUDIT_PROPERTY));
    }
}
