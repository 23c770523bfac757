//! Which requests may reach a façade, and with what.

use crate::Reason;
use crate::config::{Facade, FilterConfig};

/// The HTTP methods of a façade's URLs.
pub(super) const METHODS: &str = "GET, HEAD, POST, OPTIONS";

/// Names that go on to a façade as they are. Everything else stays behind: it knows no `Authorization` and no `Cookie`,
/// and nobody's identity headers mean anything to it.
const FORWARDED: [&str; 16] = [
    "accept",
    "accept-language",
    "access-control-request-headers",
    "access-control-request-method",
    "content-length",
    "content-type",
    "if-none-match",
    "mcp-protocol-version",
    "origin",
    "traceparent",
    "tracestate",
    "transfer-encoding",
    "user-agent",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-request-id",
];

impl FilterConfig {
    /// The façade that a request is on its way to, told by its URL (`path` without query) and by the cluster that its
    /// route leads to; the two have to agree. `None` where neither is a façade's.
    ///
    /// # Errors
    /// [`Reason::FacadeMisrouted`] where a façade's URL leads elsewhere; [`Reason::FacadePathUnknown`] where something
    /// else leads to a façade.
    pub fn facade_of(
        &self,
        authority: &str,
        path: &str,
        cluster: &str,
    ) -> Result<Option<&Facade>, Reason> {
        let mut facades = self.facades.iter().map(|facade| &**facade);
        let is_its_url = |facade: &&Facade| {
            facade.issuer.is_at_authority(authority) && facade.issuer.endpoint_at(path).is_some()
        };
        let is_its_cluster = |facade: &Facade| facade.clusters.iter().any(|own| own == cluster);
        match facades.clone().find(is_its_url) {
            Some(facade) if is_its_cluster(facade) => Ok(Some(facade)),
            Some(_) => Err(Reason::FacadeMisrouted),
            None if facades.any(is_its_cluster) => Err(Reason::FacadePathUnknown),
            None => Ok(None),
        }
    }
}

/// Whether a façade has this method at all. Which of its URLs has it, it knows itself.
///
/// # Errors
/// [`Reason::MethodNotAllowed`].
pub fn check_facade_method(method: &str) -> Result<(), Reason> {
    match method {
        "GET" | "HEAD" | "POST" | "OPTIONS" => Ok(()),
        _ => Err(Reason::MethodNotAllowed),
    }
}

/// Whether a request header of this name (in lower case) goes on to a façade. Pseudo-headers always do.
#[must_use]
pub fn goes_to_facade(name: &str) -> bool {
    name.starts_with(':') || FORWARDED.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_facade_is_told_what_a_browser_and_a_client_say_and_nothing_that_carries_identity() {
        assert!(FORWARDED.is_sorted());
        for name in [":path", ":authority", "content-type", "origin", "x-forwarded-for"] {
            assert!(goes_to_facade(name), "{name}");
        }
        for name in [
            "authorization",
            "cookie",
            "proxy-authorization",
            "x-forwarded-client-cert",
            "x-forwarded-host",
            "x-forwarded-user",
            "impersonate-user",
            "x-envoy-retry-on",
            "x-obolus-permit",
            "mcp-session-id",
        ] {
            assert!(!goes_to_facade(name), "{name}");
        }
    }

    #[test]
    fn a_method_of_oauth_is_let_through_and_no_other() {
        for method in METHODS.split(", ") {
            assert_eq!(check_facade_method(method), Ok(()), "{method}");
        }
        for method in ["PUT", "DELETE", "PATCH", "CONNECT", "TRACE", "get", "", "POST "] {
            assert_eq!(check_facade_method(method), Err(Reason::MethodNotAllowed), "{method}");
        }
    }
}
