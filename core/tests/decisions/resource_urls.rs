//! URLs in the configuration: one spelling each, since clients, tokens and browsers compare them byte for byte.

use serde_json::json;

use crate::configuration::{accepts, refuses};

#[test]
fn an_issuer_is_an_https_url_that_a_token_can_name() {
    for issuer in [
        "https://idp",
        "https://idp:8443/realm/a",
        "https://tenant.auth0.com/",
        "https://IDP.example/x%20y",
    ] {
        let oidc = json!([{"name": "keycloak", "issuer": issuer}]);
        accepts("/issuers", oidc);
    }
    for realm in ["https://idp/realms/a", "https://idp:8443/auth/realms/x%20y"] {
        accepts("/issuers/0/issuer", json!(realm));
    }
    for issuer in [
        "http://idp",
        "http://localhost:8080/realms/a",
        "HTTPS://idp",
        "https:idp",
        "https://",
        "https:///realms/a",
        "//idp",
        "idp",
        "https://idp?x=1",
        "https://idp#x",
        "https://u:p@idp",
        "https://idp/a b",
        "https://idp\n",
        " https://idp",
        "https://idp ",
        "https://idp/\u{e9}",
        "ftp://idp",
    ] {
        refuses("/issuers/0/issuer", json!(issuer), "issuers[0].issuer: must be an https URL");
    }
    refuses(
        "/issuers/0/issuer",
        json!(""),
        "issuers[0].issuer: must be a string that is not empty",
    );
    refuses("/issuers/0/issuer", json!(null), "issuers[0].issuer: is missing");
}

#[test]
fn an_origin_is_scheme_host_and_port_and_never_all_of_them() {
    accepts("/resources/0/allowedOrigins", json!([]));
    accepts(
        "/resources/0/allowedOrigins",
        json!(["https://a.example:8443", "http://127.0.0.1:6274"]),
    );
    for origin in [
        "*",
        "null",
        "https://*",
        "https://*.example.com",
        "https://a.example.com/",
        "https://a.example.com/path",
        "https://A.example.com",
        "https://a.example.com:443",
        "http://a.example.com",
        "a.example.com",
        "https://a.example.com, https://b.example.com",
        "https://a.example.com?x",
    ] {
        refuses("/resources/0/allowedOrigins", json!([origin]), "is not an origin");
    }
}

#[test]
fn a_resource_is_named_by_one_canonical_url() {
    for url in [
        "https://mcp.example.com",
        "https://mcp.example.com:8443/team/mcp",
        "http://localhost:10000/mcp",
        "http://[::1]:10000/mcp",
        "https://[2001:db8::1]/mcp",
        "https://mcp_1.internal/a-b_c.d~e!f",
        "https://xn--bcher-kva.example/mcp",
    ] {
        accepts("/resources/0/resource", json!(url));
    }
    for (url, expected) in [
        ("mcp.example.com/mcp", "must be an absolute URL"),
        ("/mcp", "must be an absolute URL"),
        ("https://", "must be an absolute URL"),
        ("https:///mcp", "must be an absolute URL"),
        ("http://mcp.example.com/mcp", "must be https"),
        ("http://localhost.evil.com/mcp", "must be https"),
        ("http://127.0.0.2/mcp", "must be https"),
        ("http://10.0.0.1/mcp", "must be https"),
        ("ws://localhost/mcp", "must be https"),
        ("https://a/mcp?x", "must have no query"),
        ("https://a/mcp#x", "must have no query"),
        ("https://u@a/mcp", "must have no query"),
        ("https://a/mcp/", "must be in canonical form"),
        ("https://a/", "must be in canonical form"),
        ("HTTPS://a/mcp", "must be in canonical form"),
        ("https://A/mcp", "must be in canonical form"),
        ("https://a./mcp", "must be in canonical form"),
        ("https://.a/mcp", "must be in canonical form"),
        ("https://a..b/mcp", "must be in canonical form"),
        ("https://a:443/mcp", "must be in canonical form"),
        ("http://localhost:80/mcp", "must be in canonical form"),
        ("https://a:/mcp", "must be in canonical form"),
        ("https://a:08443/mcp", "must be in canonical form"),
        ("https://a:0/mcp", "must be in canonical form"),
        ("https://a*b/mcp", "must be in canonical form"),
        ("https://a,b/mcp", "must be in canonical form"),
        ("https://a//mcp", "must be in canonical form"),
        ("https://a/./mcp", "must be in canonical form"),
        ("https://a/x/../mcp", "must be in canonical form"),
        ("https://a/..", "must be in canonical form"),
        ("https://a/%6dcp", "must be in canonical form"),
        ("https://a/m\"cp", "must be in canonical form"),
        ("https://a/m{c}p", "must be in canonical form"),
        ("https://a/m|cp", ""),
        ("https://a/m\\cp", ""),
        ("https://a/m cp", ""),
        ("https://a/mé", ""),
        ("https://é/mcp", ""),
        ("https://a:99999/mcp", ""),
        ("https://a:-1/mcp", ""),
        ("https://[::1/mcp", ""),
        ("https://[v1.x]/mcp", ""),
        ("https://[fe80::1%25eth0]/mcp", ""),
    ] {
        refuses("/resources/0/resource", json!(url), &format!("resources[0].resource: {expected}"));
    }
}
