//! Which headers of a client's request go on to a protected cluster.

use crate::mcp::Revision;

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

/// The start of the names of headers that mirror a tool's arguments.
pub const MIRRORED_ARGUMENT: &str = "mcp-param-";

/// Whether a request header of this name (in lower case) is forwarded in any revision. Pseudo-headers always are,
/// and `Mcp-Param-*` must be (MCP 2026-07-28, Streamable HTTP): the server holds them against the body.
#[must_use]
pub fn is_forwarded_header(name: &str) -> bool {
    name.starts_with(':')
        || name.starts_with(MIRRORED_ARGUMENT)
        || FORWARDED.binary_search(&name).is_ok()
}

/// Whether a header that is forwarded in some revision is in this one.
///
/// One that a revision does not define means nothing there, and whoever reads it behind us reads what nobody has to
/// check: mirrored headers before 2026-07-28, and since then sessions and the resumption of streams.
#[must_use]
pub fn is_forwarded_in(name: &str, revision: Revision) -> bool {
    match name {
        "mcp-method" | "mcp-name" => revision.is_modern(),
        "mcp-session-id" | "last-event-id" => !revision.is_modern(),
        _ => revision.is_modern() || !name.starts_with(MIRRORED_ARGUMENT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_revision_does_not_define_stays_behind() {
        for revision in Revision::ALL {
            let modern = revision.is_modern();
            for name in ["mcp-method", "mcp-name", "mcp-param-namespace", "mcp-param-"] {
                assert_eq!(is_forwarded_in(name, revision), modern, "{name} {revision:?}");
            }
            for name in ["mcp-session-id", "last-event-id"] {
                assert_eq!(is_forwarded_in(name, revision), !modern, "{name} {revision:?}");
            }
            for name in [":path", "accept", "mcp-protocol-version", "traceparent"] {
                assert!(is_forwarded_in(name, revision), "{name} {revision:?}");
            }
        }
    }

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
