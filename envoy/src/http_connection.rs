//! How HTTP is read from clients, before any filter sees it.

use serde_json::{Value, json};

use crate::access_log::{access_log, audit_log};

/// The name by which Envoy's documentation, Istio's patches and everybody else know the connection manager.
pub(crate) const MANAGER: &str = "envoy.filters.network.http_connection_manager";
pub(crate) const TYPE: &str = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
/// The same for the filter at the end of every chain.
pub(crate) const ROUTER: &str = "envoy.filters.http.router";

/// RFC 9113 §6.9.2 begins with one byte less, and Envoy takes no smaller one.
const SMALLEST_WINDOW: u64 = 65_536;
/// RFC 9113 §6.9.1.
const LARGEST_WINDOW: u64 = (1 << 31) - 1;

/// The connection manager of an edge: nothing that a client sends is believed, spelled in two
/// ways, or waited for without end.
///
/// There are no upgrades, so no WebSocket and no CONNECT. `enable_trailers` stays off: HTTP/1
/// trailers are dropped; those of HTTP/2 reach our filter.
///
/// There is no `internal_address_config`: in Envoy 1.40 nobody is internal then, so `x-envoy-*`
/// headers of clients (retries, timeouts) are dropped. An *empty* one makes loopback and private
/// addresses internal.
///
/// Over HTTP/2 the stream's window is the buffer in which a filter may hold a body, whatever the
/// listener's buffer: above it Envoy answers 413 by itself. So it is as large as that.
pub(crate) fn http_connection(
    virtual_hosts: &[Value],
    http_filters: &[Value],
    buffer_limit: u64,
) -> Value {
    let mut http2 = windows(buffer_limit);
    if let Some(http2) = http2.as_object_mut() {
        http2.insert("max_concurrent_streams".to_owned(), 100.into());
    }
    json!({
        "name": MANAGER,
        "typed_config": {
            "@type": TYPE,
            "stat_prefix": "gateway",
            "normalize_path": true,
            "merge_slashes": true,
            "path_with_escaped_slashes_action": "REJECT_REQUEST",
            "common_http_protocol_options": {
                "headers_with_underscores_action": "REJECT_REQUEST",
                "idle_timeout": "900s",
            },
            "http2_protocol_options": http2,
            "use_remote_address": true,
            "request_headers_timeout": "10s",
            "request_timeout": "60s",
            "stream_idle_timeout": "300s",
            "server_name": "obolus",
            "access_log": [access_log(), audit_log()],
            "route_config": {"name": "gateway", "virtual_hosts": virtual_hosts},
            "http_filters": http_filters,
        },
    })
}

/// HTTP/2's windows for bodies of this size.
pub(crate) fn windows(buffer_limit: u64) -> Value {
    let stream = buffer_limit.clamp(SMALLEST_WINDOW, LARGEST_WINDOW);
    json!({
        "initial_stream_window_size": stream,
        "initial_connection_window_size": stream.max(1_048_576),
    })
}

/// The end of every chain; it adds no `x-envoy-*` headers of its own.
pub(crate) fn router() -> Value {
    json!({
        "name": ROUTER,
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
            "suppress_envoy_headers": true,
        },
    })
}
