//! Where MCP clients let people come back, as Keycloak wants it written.
//!
//! Keycloak compares a redirect URI letter by letter, but for the port of `http://localhost` and `http://127.0.0.1` where
//! none is registered: any port will do then (RFC 8252 §7.3). So a loopback address is registered without one, and never
//! with `*`, which would be any path at any port, and leaves Keycloak without an origin for browsers.

use reqwest::Url;

/// Paths at which clients on people's machines listen, at a port of their choice.
const LOOPBACK_PATHS: [&str; 5] =
    ["", "/", "/callback", "/oauth/callback", "/oauth/callback/debug"];

/// Where the others let people come back.
const HOSTED: [&str; 6] = [
    "https://claude.ai/api/mcp/auth_callback",
    "https://claude.com/api/mcp/auth_callback",
    "https://vscode.dev/redirect",
    "https://insiders.vscode.dev/redirect",
    "https://www.cursor.com/agents/mcp/oauth/callback",
    "cursor://anysphere.cursor-mcp/oauth/callback",
];

/// Origins of clients that are pages: MCP Inspector's, on the person's own machine.
const ORIGINS: [&str; 2] = ["http://localhost:6274", "http://127.0.0.1:6274"];

/// Where registrations of clients link to besides: Inspector's `client_uri`. Without it Keycloak refuses them.
const LINKED: [&str; 1] = ["github.com"];

/// The redirect URIs of clients that are known, as they are registered.
pub(super) fn known(loopback_only: bool) -> Vec<String> {
    let loopback = LOOPBACK_PATHS
        .into_iter()
        .flat_map(|path| ["localhost", "127.0.0.1"].map(|host| format!("http://{host}{path}")));
    let hosted = HOSTED.into_iter().filter(|_| !loopback_only).map(str::to_owned);
    loopback.chain(hosted).collect()
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

/// Whether codes that go there can be anybody's: more than one place, or nobody's machine without TLS.
pub(super) fn is_dangerous(uri: &str) -> bool {
    if uri.contains('*') {
        return true;
    }
    let Ok(url) = Url::parse(uri) else { return true };
    let is_loopback = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    match url.scheme() {
        "https" => false,
        "http" => !is_loopback,
        "javascript" | "data" | "vbscript" | "file" | "blob" => true,
        _ => false,
    }
}

/// What is wrong with one that a person wants to have besides.
pub(super) fn fault(uri: &str) -> Option<&'static str> {
    if uri.contains('*') {
        return Some(
            "has a wildcard, with which codes go to whoever fits: write each redirect URI in full",
        );
    }
    if uri.contains('#') || uri.contains(char::is_whitespace) {
        return Some("has a fragment or white space, which no redirect URI has (RFC 6749 §3.1.2)");
    }
    is_dangerous(uri).then_some(
        "must be https, or http at localhost or 127.0.0.1, or a scheme of the client's own",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_exact_and_what_is_not_is_told() {
        let known = known(false);
        for uri in &known {
            assert_eq!(fault(uri), None, "{uri}");
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
            "javascript:alert(1)",
            "https://chat.example.com/callback#x",
            "/callback",
        ] {
            assert!(fault(bad).is_some(), "{bad}");
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
