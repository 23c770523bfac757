//! Which headers of a client's request go on to a protected cluster.

use crate::mcp::Revision;

/// Names that pass as they are. Everything else stays behind: credentials and cookies, identity headers that
/// a server might believe, and the `x-envoy-*` switches by which a client could ask for retries and timeouts;
/// `Last-Event-ID`, which resumes a stream by GET; and `Mcp-Session-Id`: a session that goes on is what was found inside
/// the client's value, see [`crate::mcp::session`].
const FORWARDED: [&str; 14] = [
    "accept",
    "baggage",
    "content-length",
    "content-type",
    "mcp-method",
    "mcp-name",
    "mcp-protocol-version",
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

/// Which of the headers that are forwarded at all go on with one message.
#[derive(Debug, Clone, Copy)]
pub struct Forwarding {
    pub(crate) revision: Revision,
    /// Whether the message is the one that agrees on a revision.
    pub(crate) opens: bool,
}

impl Forwarding {
    /// Whether this header (in lower case) goes on.
    ///
    /// One that a revision does not define means nothing there, and whoever reads it behind us reads what nobody has to
    /// check: mirrored headers before 2026-07-28; and a revision, while none is agreed on.
    #[must_use]
    pub fn passes(self, name: &str) -> bool {
        let modern = self.revision.is_modern();
        match name {
            "mcp-method" | "mcp-name" => modern,
            "mcp-protocol-version" => !self.opens,
            _ => modern || !name.starts_with(MIRRORED_ARGUMENT),
        }
    }

    /// Whether the message has a say in whether this header goes on.
    #[must_use]
    pub fn depends(name: &str) -> bool {
        let each = |opens| Revision::ALL.map(|revision| Self { revision, opens });
        [each(false), each(true)].as_flattened().iter().any(|one| !one.passes(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_revision_does_not_define_stays_behind() {
        for revision in Revision::ALL {
            let modern = revision.is_modern();
            for opens in [false, true] {
                let passes = |name| Forwarding { revision, opens }.passes(name);
                for name in ["mcp-method", "mcp-name", "mcp-param-namespace", "mcp-param-"] {
                    assert_eq!(passes(name), modern, "{name} {revision:?}");
                    assert!(Forwarding::depends(name), "{name}");
                }
                assert_eq!(passes("mcp-protocol-version"), !opens, "{revision:?}");
                for name in [":path", "accept", "traceparent"] {
                    assert!(passes(name) && !Forwarding::depends(name), "{name} {revision:?}");
                }
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
            "last-event-id",
            "mcp-session-id",
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
