//! Shapes that are refused, each beside the one that is taken.

use std::path::Path;

use super::*;

/// With plain HTTP, so that no files are needed.
const GOOD: &str = r#"
issuer = "https://mcp.example.com/oauth"

[server]
listen = "127.0.0.1:0"
operations_listen = "127.0.0.1:0"
plain_http = true

[upstream]
profile = "entra"
tenant = "11111111-1111-4111-8111-111111111111"
client_id = "cccccccc-0000-4000-8000-000000000001"

[[resources]]
url = "https://mcp.example.com/mcp"
scopes = ["api://bbbbbbbb-0000-4000-8000-000000000001/access_as_user"]

[registration]
enabled = true
redirect_uris = ["https://chat.example.com/oauth/callback"]

[browsers]
allowed_origins = ["http://localhost:6274"]
"#;

/// The problems, as `path: message`.
fn problems(text: &str) -> Vec<String> {
    match FacadeConfig::parse(text, Path::new(".")) {
        Ok(_) => Vec::new(),
        Err(problems) => problems
            .list()
            .iter()
            .map(|problem| format!("{}: {}", problem.path, problem.message))
            .collect(),
    }
}

/// What is told of the good file with one line in place of another.
fn changed(line: &str, by: &str) -> Vec<String> {
    assert!(GOOD.contains(line), "{line}");
    problems(&GOOD.replacen(line, by, 1))
}

#[test]
fn the_shapes_that_clients_reject_are_refused_beside_the_one_that_they_take() {
    let good = FacadeConfig::parse(GOOD, Path::new(".")).unwrap();
    assert_eq!(good.facade.issuer.to_string(), "https://mcp.example.com/oauth");
    let issuer = "issuer = \"https://mcp.example.com/oauth\"";
    let profile = "profile = \"entra\"";
    let tenant = "tenant = \"11111111-1111-4111-8111-111111111111\"";
    let client = "client_id = \"cccccccc-0000-4000-8000-000000000001\"";
    let url = "url = \"https://mcp.example.com/mcp\"";
    let scopes = "scopes = [\"api://bbbbbbbb-0000-4000-8000-000000000001/access_as_user\"]";
    let redirects = "redirect_uris = [\"https://chat.example.com/oauth/callback\"]";
    let origins = "allowed_origins = [\"http://localhost:6274\"]";
    for (line, by, path, why) in [
        // Issuers that are re-labelled, or spelled in two ways.
        (
            issuer,
            "issuer = \"https://login.microsoftonline.com/11111111-1111-4111-8111-111111111111/v2.0\"",
            "issuer",
            "at the identity provider's host",
        ),
        (
            issuer,
            "issuer = \"https://sts.windows.net/11111111-1111-4111-8111-111111111111/\"",
            "issuer",
            "a slash at its end",
        ),
        (issuer, "issuer = \"https://LOGIN.microsoftonline.com/x\"", "issuer", "RFC 8414 §3.3"),
        (issuer, "issuer = \"https://mcp.example.com/oauth/\"", "issuer", "a slash at its end"),
        (issuer, "issuer = \"https://mcp.example.com/\"", "issuer", "a slash at its end"),
        (issuer, "issuer = \"http://mcp.example.com/oauth\"", "issuer", "must be https"),
        (issuer, "issuer = \"https://mcp.example.com/oauth?tenant=1\"", "issuer", "no query"),
        (issuer, "issuer = \"https://mcp.example.com/oauth#x\"", "issuer", "no fragment"),
        (
            issuer,
            "issuer = \"https://user@mcp.example.com/oauth\"",
            "issuer",
            "no user information",
        ),
        (issuer, "issuer = \"https://MCP.example.com/oauth\"", "issuer", "canonical"),
        (issuer, "issuer = \"https://mcp.example.com:443/oauth\"", "issuer", "canonical"),
        (issuer, "issuer = \"mcp.example.com\"", "issuer", "absolute URL"),
        (
            issuer,
            "issuer = \"https://mcp.example.com/.well-known/oauth-authorization-server\"",
            "issuer",
            "where metadata stand",
        ),
        (issuer, "issuer = \"https://mcp.example.com/mcp\"", "issuer", "a resource's URL"),
        (issuer, "", "issuer", "is missing"),
        // Upstreams that send their own `iss`, or want a broker.
        (profile, "profile = \"keycloak\"", "upstream.profile", "sends its own `iss`"),
        (profile, "profile = \"oidc\"", "upstream.profile", "need a broker"),
        (profile, "profile = \"okta\"", "upstream.profile", "need a broker"),
        (profile, "profile = \"azure\"", "upstream.profile", "no such profile"),
        (profile, "", "upstream.profile", "is missing"),
        (
            profile,
            "profile = \"entra\"\nclient_secret = \"x\"",
            "upstream.client_secret",
            "needs a broker",
        ),
        (
            profile,
            "profile = \"entra\"\nclient_secret_file = \"x\"",
            "upstream.client_secret_file",
            "needs a broker",
        ),
        (
            profile,
            "profile = \"entra\"\nprivate_key_file = \"x\"",
            "upstream.private_key_file",
            "needs a broker",
        ),
        (
            profile,
            "profile = \"entra\"\ncallback = \"https://mcp.example.com/cb\"",
            "upstream.callback",
            "is a broker's",
        ),
        (
            profile,
            "profile = \"entra\"\nissuer = \"https://x\"",
            "upstream.issuer",
            "follows from tenant",
        ),
        // Tenants whose issuer is a template, or another than v2's.
        (tenant, "tenant = \"common\"", "upstream.tenant", "is no tenant"),
        (tenant, "tenant = \"organizations\"", "upstream.tenant", "is no tenant"),
        (tenant, "tenant = \"consumers\"", "upstream.tenant", "is no tenant"),
        (tenant, "tenant = \"contoso.onmicrosoft.com\"", "upstream.tenant", "is not a GUID"),
        (tenant, "tenant = \"{tenantid}\"", "upstream.tenant", "is not a GUID"),
        (
            tenant,
            "tenant = \"9188040d-6c67-4c5b-b112-36a304b66dad\"",
            "upstream.tenant",
            "personal Microsoft accounts",
        ),
        (
            profile,
            "profile = \"entra\"\nauthority_host = \"https://sts.windows.net\"",
            "upstream.authority_host",
            "is another name of https://login.microsoftonline.com",
        ),
        (
            profile,
            "profile = \"entra\"\nauthority_host = \"http://login.microsoftonline.com\"",
            "upstream.authority_host",
            "must be https",
        ),
        (
            profile,
            "profile = \"entra\"\nauthority_host = \"https://login.microsoftonline.com/\"",
            "upstream.authority_host",
            "",
        ),
        // The client.
        (client, "client_id = \"mcp-client\"", "upstream.client_id", "must be a GUID"),
        (
            client,
            "client_id = \"CCCCCCCC-0000-4000-8000-000000000001\"",
            "upstream.client_id",
            "lower case",
        ),
        (
            client,
            "client_id = \"bbbbbbbb-0000-4000-8000-000000000001\"",
            "upstream.client_id",
            "the API's own",
        ),
        // Resources, and scopes that would be Microsoft Graph's.
        (url, "url = \"http://mcp.example.com/mcp\"", "resources[0].url", "must be https"),
        (url, "url = \"https://mcp.example.com/mcp/\"", "resources[0].url", "canonical"),
        (
            scopes,
            "scopes = [\"access_as_user\"]",
            "resources[0].scopes",
            "is a scope of Microsoft Graph to Entra ID",
        ),
        (
            scopes,
            "scopes = [\"https://graph.microsoft.com/User.Read\"]",
            "resources[0].scopes",
            "is a scope of Microsoft Graph",
        ),
        (scopes, "scopes = [\"openid\"]", "resources[0].scopes", "names no right"),
        (scopes, "scopes = [\"api://b/.default\"]", "resources[0].scopes", "names no right"),
        (scopes, "scopes = [\"api://b/x\", \"api://c/x\"]", "resources[0].scopes", "several APIs"),
        (scopes, "scopes = []", "resources[0].scopes", "must not be empty"),
        (scopes, "", "resources[0].scopes", "is missing"),
        // Redirect URIs that stand for many places, or where a code is read on the way.
        (
            redirects,
            "redirect_uris = [\"https://*.example.com/callback\"]",
            "registration.redirect_uris",
            "holds a `*`",
        ),
        (
            redirects,
            "redirect_uris = [\"http://chat.example.com/callback\"]",
            "registration.redirect_uris",
            "no loopback address",
        ),
        (
            redirects,
            "redirect_uris = [\"https://chat.example.com/callback#x\"]",
            "registration.redirect_uris",
            "fragment",
        ),
        (
            redirects,
            "redirect_uris = [\"javascript://x\"]",
            "registration.redirect_uris",
            "runs or reads",
        ),
        (
            redirects,
            "redirect_uris = [\"https://u:p@chat.example.com/x\"]",
            "registration.redirect_uris",
            "user information",
        ),
        (redirects, "per_minute = 0", "registration.per_minute", "from 1 to 6000"),
        // Pages.
        (origins, "allowed_origins = [\"*\"]", "browsers.allowed_origins", "is not an origin"),
        (origins, "allowed_origins = [\"null\"]", "browsers.allowed_origins", "is not an origin"),
        (
            origins,
            "allowed_origins = [\"https://app.example.com/\"]",
            "browsers.allowed_origins",
            "is not an origin",
        ),
        // The listener.
        ("plain_http = true", "", "server.certificate_file", "is missing"),
        (
            "plain_http = true",
            "plain_http = true\ncertificate_file = \"x\"",
            "server.certificate_file",
            "plain_http says",
        ),
        ("[browsers]", "[browser]", "browser", "did you mean browsers?"),
    ] {
        let told = changed(line, by);
        assert!(
            told.iter().any(|one| one.starts_with(&format!("{path}: ")) && one.contains(why)),
            "{by}: {told:#?}"
        );
    }
    // What is taken beside them.
    for (line, by) in [
        (issuer, "issuer = \"https://login.example.com\""),
        (issuer, "issuer = \"http://localhost:10000/oauth\""),
        (profile, "profile = \"entra\"\nauthority_host = \"https://login.microsoftonline.us\""),
        (scopes, "scopes = [\"https://mcp.example.com/mcp/tools\"]"),
        (redirects, "redirect_uris = [\"http://localhost:9/own\", \"app://x/y\"]"),
        (origins, "allowed_origins = []"),
    ] {
        assert_eq!(changed(line, by), [""; 0], "{by}");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let text = GOOD
        .replace("/oauth\"", "/oauth/\"")
        .replace("\"11111111-1111-4111-8111-111111111111\"", "\"common\"")
        .replace("/access_as_user", "/.default")
        .replace("https://chat", "http://chat")
        .replace("[server]", "[server]\nlimit = 1");
    let told = problems(&text);
    let paths: Vec<_> = told.iter().map(|one| one.split(": ").next().unwrap()).collect();
    for path in [
        "issuer",
        "upstream.tenant",
        "resources[0].scopes",
        "registration.redirect_uris",
        "server.limit",
    ] {
        assert!(paths.contains(&path), "{path}: {told:#?}");
    }
}

#[test]
fn the_file_for_a_mesh_is_read_and_has_no_tls_of_its_own() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/istio-facade");
    let config = FacadeConfig::load(&folder.join("facade.toml")).unwrap();
    assert!(config.tls.is_none() && !config.facade.registers);
    assert_eq!(config.listen.port(), 8080);
}
