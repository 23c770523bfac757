//! Where MCP clients let people come back: core's table, as Keycloak wants it written.
//!
//! Keycloak compares a redirect URI letter by letter, but for the port of `http://localhost` and `http://127.0.0.1` where
//! none is registered: any port will do then (RFC 8252 §7.3). So a loopback address is registered without one, and never
//! with `*`, which would be any path at any port, and leaves Keycloak without an origin for browsers.

use obolus_core::login::redirect_uri::{ConfiguredRedirect, ConfiguredRedirectError, to_register};
use reqwest::Url;

/// Origins of clients that are pages: MCP Inspector's, on the person's own machine.
const ORIGINS: [&str; 2] = ["http://localhost:6274", "http://127.0.0.1:6274"];

/// Where registrations of clients link to besides: Inspector's `client_uri`. Without it Keycloak refuses them.
const LINKED: [&str; 1] = ["github.com"];

/// The redirect URIs of clients that are known, as they are registered.
pub(super) fn known(loopback_only: bool) -> Vec<String> {
    to_register().into_iter().filter(|uri| !loopback_only || uri.starts_with("http://")).collect()
}

/// The origins of known clients that are pages.
pub(super) fn origins() -> Vec<String> {
    ORIGINS.map(str::to_owned).to_vec()
}

/// The hosts that registrations of such clients name.
pub(super) fn hosts(redirect_uris: &[String]) -> Vec<String> {
    let mut hosts: Vec<String> = LINKED.map(str::to_owned).to_vec();
    let named =
        redirect_uris.iter().filter_map(|uri| Url::parse(uri).ok()?.host_str().map(str::to_owned));
    hosts.extend(named);
    hosts.sort_unstable();
    hosts.dedup();
    hosts
}

/// What Keycloak compares a registered URI with (a regular expression of Java's): the URI itself, and at the person's own
/// machine any port, which clients register.
pub(super) fn pattern(uri: &str) -> String {
    let loopback = ["http://localhost", "http://127.0.0.1"].into_iter().find_map(|host| {
        let path = uri.strip_prefix(host)?;
        (path.is_empty() || path.starts_with('/')).then_some((host, path))
    });
    match loopback {
        None => format!("^{}$", escaped(uri)),
        Some((host, "" | "/")) => format!("^{}(:[0-9]{{1,5}})?/?$", escaped(host)),
        Some((host, path)) => format!("^{}(:[0-9]{{1,5}})?{}$", escaped(host), escaped(path)),
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if !c.is_ascii_alphanumeric() && !"/:_~-".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Whether codes that go there can be anybody's: more than one place, or nobody's machine without TLS. One that is only
/// strange may be known to whoever wrote it.
pub(super) fn is_dangerous(uri: &str) -> bool {
    use ConfiguredRedirectError as Fault;
    matches!(ConfiguredRedirect::parse(uri), Err(Fault::Wildcard | Fault::Http | Fault::Scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_exact_and_a_wildcard_or_plain_http_is_dangerous() {
        let known = known(false);
        for uri in &known {
            assert!(!is_dangerous(uri), "{uri}");
        }
        assert!(known.contains(&"http://localhost/callback".to_owned()), "{known:?}");
        assert!(known.contains(&"https://claude.ai/api/mcp/auth_callback".to_owned()));
        assert!(super::known(true).iter().all(|uri| uri.starts_with("http://")));
        for bad in [
            "*",
            "http://localhost/*",
            "https://claude.ai/*",
            "http://example.com/callback",
            "http://localhost.evil/callback",
            "javascript://localhost/%0aalert(1)",
        ] {
            assert!(is_dangerous(bad), "{bad}");
        }
        assert!(!is_dangerous("https://chat.example.com/oauth/callback"));
    }

    #[test]
    fn a_pattern_is_the_uri_itself_with_any_port_on_the_own_machine() {
        for (uri, expected) in [
            (
                "https://claude.ai/api/mcp/auth_callback",
                r"^https://claude\.ai/api/mcp/auth_callback$",
            ),
            ("http://127.0.0.1/callback", r"^http://127\.0\.0\.1(:[0-9]{1,5})?/callback$"),
            ("http://localhost", r"^http://localhost(:[0-9]{1,5})?/?$"),
            ("http://localhost.evil/a", r"^http://localhost\.evil/a$"),
            ("com.example:/a?b=(c)*", r"^com\.example:/a\?b\=\(c\)\*$"),
        ] {
            assert_eq!(pattern(uri), expected);
        }
    }

    #[test]
    fn the_hosts_of_registrations_are_those_of_redirects_and_of_inspectors_link() {
        let hosts = hosts(&known(false));
        for host in ["localhost", "127.0.0.1", "github.com", "claude.ai", "anysphere.cursor-mcp"] {
            assert!(hosts.contains(&host.to_owned()), "{host}: {hosts:?}");
        }
        assert!(!super::hosts(&known(true)).contains(&"claude.ai".to_owned()));
    }
}
