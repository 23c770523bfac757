//! One line per request on standard output, without anything that a client sent in confidence.

use serde_json::{Value, json};

use crate::guard::PERMIT_STATE;

/// No header but the host, and the path without its query: clients put tokens in both.
pub(crate) fn access_log() -> Value {
    json!({
        "name": "envoy.access_loggers.stdout",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
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
