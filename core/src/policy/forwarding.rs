//! Which headers of a client's request go on to a protected cluster.

/// Names that pass as they are. Everything else stays behind: credentials and cookies, identity headers that
/// a server might believe, and the `x-envoy-*` switches by which a client could ask for retries and timeouts.
const FORWARDED: [&str; 16] = [
    "accept",
    "baggage",
    "content-length",
    "content-type",
    "last-event-id",
    "mcp-method",
    "mcp-name",
    "mcp-protocol-version",
    "mcp-session-id",
    "traceparent",
    "tracestate",
    "transfer-encoding",
    "user-agent",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-request-id",
];

/// Whether a request header of this name (in lower case) is forwarded. Pseudo-headers always are, and
/// `Mcp-Param-*` must be (MCP 2026-07-28, Streamable HTTP): the server holds them against the body.
#[must_use]
pub fn is_forwarded_header(name: &str) -> bool {
    name.starts_with(':')
        || name.starts_with("mcp-param-")
        || FORWARDED.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_needs_passes_and_nothing_that_carries_identity() {
        assert!(FORWARDED.is_sorted());
        for name in [":path", "accept", "mcp-param-namespace", "x-request-id", "content-length"] {
            assert!(is_forwarded_header(name), "{name}");
        }
        for name in [
            "authorization",
            "cookie",
            "proxy-authorization",
            "x-forwarded-client-cert",
            "x-forwarded-user",
            "impersonate-user",
            "x-remote-user",
            "x-envoy-retry-on",
            "x-envoy-original-path",
            "origin",
            "accept-encoding",
            "upgrade",
        ] {
            assert!(!is_forwarded_header(name), "{name}");
        }
    }
}
