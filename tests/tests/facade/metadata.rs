//! Metadata: the same at each URL that clients look at, and nothing in them that is not kept.

use serde_json::{Value, json};

use crate::world::{RESOURCE, World};

#[tokio::test]
async fn metadata_are_wherever_clients_look_and_name_the_facade() {
    let world = World::start().await.unwrap();
    let (host, issuer) = (world.facade.url(), world.facade.issuer().to_owned());
    let mut found = Vec::new();
    for path in [
        "/.well-known/oauth-authorization-server/oauth",
        "/.well-known/openid-configuration/oauth",
        "/oauth/.well-known/oauth-authorization-server",
        "/oauth/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
    ] {
        let get = world.http.get(format!("{host}{path}"));
        // Whatever a request says of hosts, the answer is made from the configuration.
        let get =
            get.header("x-forwarded-host", "evil.example").header("x-forwarded-proto", "http");
        let answer = get.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!(answer.headers()["content-type"], "application/json");
        assert_eq!(answer.headers()["cache-control"], "max-age=300");
        assert_eq!(answer.headers()["access-control-allow-origin"], "*");
        found.push(answer.json::<Value>().await.unwrap());
    }
    assert!(found.iter().all(|one| *one == found[0]));
    let expected = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "registration_endpoint": format!("{issuer}/register"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "scopes_supported": [world.entra.scope(), "offline_access"],
        "protected_resources": [RESOURCE],
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "jwks_uri": world.entra.emulator.keys_uri("contoso"),
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
    });
    assert_eq!(found[0], expected);
    assert!(found[0].get("authorization_response_iss_parameter_supported").is_none());
}

#[tokio::test]
async fn elsewhere_there_is_nothing_and_nobody_is_asked_who_they_are() {
    let world = World::start().await.unwrap();
    let host = world.facade.url();
    for path in [
        "/",
        "/oauth",
        "/oauth/",
        "/oauth/authorize/",
        "/oauth//authorize",
        "/OAUTH/authorize",
        "/oauth/%61uthorize",
        "/authorize",
        "/token",
        "/register",
        "/mcp",
        "/.well-known/oauth-authorization-server/mcp",
        "/.well-known/oauth-protected-resource",
        "/.well-known/jwks.json",
        "/healthz",
        "/metrics",
    ] {
        let answer = world.http.get(format!("{host}{path}")).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{path}");
        assert!(answer.headers().get("www-authenticate").is_none());
        let told: Value = answer.json().await.unwrap();
        assert_eq!(told["error"], "invalid_request", "{path}");
    }
    // What is there takes its own methods and tells of them.
    for (path, allow) in [
        ("/oauth/authorize", "GET, HEAD"),
        ("/oauth/token", "POST, OPTIONS"),
        ("/oauth/register", "POST, OPTIONS"),
        ("/.well-known/oauth-authorization-server", "GET, HEAD, OPTIONS"),
    ] {
        let answer = world.http.delete(format!("{host}{path}")).send().await.unwrap();
        assert_eq!(answer.status(), 405, "{path}");
        assert_eq!(answer.headers()["allow"], allow, "{path}");
    }
    let posted = world.http.post(format!("{host}/oauth/authorize")).send().await.unwrap();
    assert_eq!(posted.status(), 405);
}
