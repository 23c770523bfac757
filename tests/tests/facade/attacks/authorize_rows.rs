//! What a browser can be made to bring to the authorization endpoint.

use super::Told::{Here, ToTheClient};
use super::Value::{Again, Is, Missing, Raw};
use super::{Row, Told, Value};
use crate::world::{REDIRECT, RESOURCE, challenge};

const PAGE: Told = Here("redirect_uri_refused");
const CLAUDE: &str = "https://claude.ai/api/mcp/auth_callback";
const VSCODE: &str = "https://vscode.dev/redirect";
const CURSOR: &str = "cursor://anysphere.cursor-mcp/oauth/callback";

fn row(
    about: &'static str,
    parameter: &'static str,
    taken: &str,
    refused: Value,
    told: Told,
) -> Row {
    Row { about, parameter, taken: taken.to_owned(), refused, told }
}

/// Redirect URIs that are nearly somebody's.
pub(super) fn redirects() -> Vec<Row> {
    let near = |about, taken: &str, refused: &str| {
        row(about, "redirect_uri", taken, Is(refused.to_owned()), PAGE)
    };
    vec![
        near("a foreign host", REDIRECT, "https://evil.example/callback"),
        near("a foreign host over http", REDIRECT, "http://evil.example/callback"),
        near(
            "localhost as a label of another host",
            REDIRECT,
            "http://localhost.evil.example/callback",
        ),
        near("localhost as a subdomain", REDIRECT, "http://evil.localhost:3118/callback"),
        near("localhost with more letters", REDIRECT, "http://localhostevil:3118/callback"),
        near("localhost with a trailing dot", REDIRECT, "http://localhost.:3118/callback"),
        near(
            "localhost as user information",
            REDIRECT,
            "http://localhost:3118@evil.example/callback",
        ),
        near("localhost as a user", REDIRECT, "http://localhost@evil.example/callback"),
        near("user information before localhost", REDIRECT, "http://evil@localhost:3118/callback"),
        near(
            "a backslash behind the host",
            REDIRECT,
            "http://localhost:3118\\@evil.example/callback",
        ),
        near("backslashes for slashes", REDIRECT, "http:\\\\localhost:3118\\callback"),
        near("no host", REDIRECT, "http:///callback"),
        near("no scheme", REDIRECT, "//localhost:3118/callback"),
        near("a relative path", REDIRECT, "/callback"),
        near("https on loopback", REDIRECT, "https://localhost:3118/callback"),
        near("the host in upper case", REDIRECT, "http://LOCALHOST:3118/callback"),
        near("the scheme in upper case", REDIRECT, "HTTP://localhost:3118/callback"),
        near("the path in another case", REDIRECT, "http://localhost:3118/Callback"),
        near("a slash at the end", REDIRECT, "http://localhost:3118/callback/"),
        near("a suffix", REDIRECT, "http://localhost:3118/callback.evil"),
        near("a longer path", REDIRECT, "http://localhost:3118/callback/../evil"),
        near("dots before the path", REDIRECT, "http://localhost:3118/x/../callback"),
        near("an encoded letter", REDIRECT, "http://localhost:3118/%63allback"),
        near("encoded as a whole", REDIRECT, "http%3A%2F%2Flocalhost%3A3118%2Fcallback"),
        near("a query", REDIRECT, "http://localhost:3118/callback?next=https://evil.example"),
        near("a fragment", REDIRECT, "http://localhost:3118/callback#@evil.example"),
        near("white space before it", REDIRECT, " http://localhost:3118/callback"),
        near("white space behind it", REDIRECT, "http://localhost:3118/callback "),
        near("port 0", REDIRECT, "http://localhost:0/callback"),
        near("a port beyond all", REDIRECT, "http://localhost:65536/callback"),
        near("a port with a zero before it", REDIRECT, "http://localhost:03118/callback"),
        near("no port behind the colon", REDIRECT, "http://localhost:/callback"),
        near("two ports", REDIRECT, "http://localhost:3118:80/callback"),
        near(
            "a short IPv4 address",
            "http://127.0.0.1:3118/callback",
            "http://127.1:3118/callback",
        ),
        near(
            "another loopback address",
            "http://127.0.0.1:3118/callback",
            "http://127.0.0.2:3118/callback",
        ),
        near(
            "a decimal address",
            "http://127.0.0.1:3118/callback",
            "http://2130706433:3118/callback",
        ),
        near("every address", "http://127.0.0.1:3118/callback", "http://0.0.0.0:3118/callback"),
        near(
            "an address as a label",
            "http://127.0.0.1:3118/callback",
            "http://127.0.0.1.evil.example/callback",
        ),
        near("IPv4 in IPv6's clothes", REDIRECT, "http://[::ffff:127.0.0.1]:3118/callback"),
        near("a suffix of a host", CLAUDE, "https://claude.ai.evil.example/api/mcp/auth_callback"),
        near("a prefix of a host", CLAUDE, "https://evilclaude.ai/api/mcp/auth_callback"),
        near("a subdomain", CLAUDE, "https://evil.claude.ai/api/mcp/auth_callback"),
        near("the default port written out", CLAUDE, "https://claude.ai:443/api/mcp/auth_callback"),
        near("another port", CLAUDE, "https://claude.ai:8443/api/mcp/auth_callback"),
        near("a trailing dot", CLAUDE, "https://claude.ai./api/mcp/auth_callback"),
        near(
            "a letter of another alphabet",
            CLAUDE,
            "https://cl\u{430}ude.ai/api/mcp/auth_callback",
        ),
        near("another path of a known host", CLAUDE, "https://claude.ai/api/mcp/auth_callback2"),
        near("http for https", CLAUDE, "http://claude.ai/api/mcp/auth_callback"),
        near(
            "a query at an open redirector",
            VSCODE,
            "https://vscode.dev/redirect?url=https://evil.example",
        ),
        near("a path below", VSCODE, "https://vscode.dev/redirect/evil"),
        near("another host of an app's scheme", CURSOR, "cursor://evil/oauth/callback"),
        near("another scheme", CURSOR, "cursor2://anysphere.cursor-mcp/oauth/callback"),
        near("script", CURSOR, "javascript:alert(document.domain)//"),
        near("data", CURSOR, "data:text/html,<script>alert(1)</script>"),
        row("none", "redirect_uri", REDIRECT, Missing, Here("redirect_uri_missing")),
        row("two", "redirect_uri", REDIRECT, Again(CLAUDE.to_owned()), Here("repeated")),
        row(
            "a line break",
            "redirect_uri",
            REDIRECT,
            Raw("http://localhost:3118/callback%0d%0aSet-Cookie:%20x".to_owned()),
            Here("malformed"),
        ),
        row(
            "a NUL",
            "redirect_uri",
            REDIRECT,
            Raw("http://localhost:3118/callback%00.evil".to_owned()),
            Here("malformed"),
        ),
        row(
            "an escape that is none",
            "redirect_uri",
            REDIRECT,
            Raw("http://localhost:3118/callback%zz".to_owned()),
            Here("malformed"),
        ),
        row(
            "an overlong slash",
            "redirect_uri",
            REDIRECT,
            Raw("http://localhost:3118%c0%afcallback".to_owned()),
            Here("malformed"),
        ),
    ]
}

/// Everything else of such a request.
pub(super) fn parameters(client: &str, scope: &str) -> Vec<Row> {
    let is = |text: &str| Is(text.to_owned());
    let challenge = challenge();
    let other_client = client.replace('c', "d");
    vec![
        row("no client", "client_id", client, Missing, Here("client_unknown")),
        row("another client", "client_id", client, is(&other_client), Here("client_unknown")),
        row(
            "the client in another case",
            "client_id",
            client,
            is(&client.to_uppercase()),
            Here("client_unknown"),
        ),
        row("two clients", "client_id", client, Again(client.to_owned()), Here("repeated")),
        row(
            "a client's metadata URL",
            "client_id",
            client,
            is("https://evil.example/client.json"),
            Here("client_unknown"),
        ),
        row("a state without end", "state", "s", is(&"s".repeat(2049)), Here("state_refused")),
        row("a state with a line break", "state", "s", is("s\r\nSet-Cookie: x"), Here("malformed")),
        row("a state of another alphabet", "state", "s", is("\u{441}"), Here("state_refused")),
        row("two states", "state", "s", Again("t".to_owned()), Here("repeated")),
        row(
            "a query without end",
            "login_hint",
            "alice@contoso.example",
            is(&"x".repeat(9000)),
            Here("too_long"),
        ),
        row("no response type", "response_type", "code", Missing, ToTheClient("invalid_request")),
        row(
            "implicit",
            "response_type",
            "code",
            is("token"),
            ToTheClient("unsupported_response_type"),
        ),
        row(
            "an ID token",
            "response_type",
            "code",
            is("id_token"),
            ToTheClient("unsupported_response_type"),
        ),
        row(
            "hybrid",
            "response_type",
            "code",
            is("code id_token"),
            ToTheClient("unsupported_response_type"),
        ),
        row(
            "the type in another case",
            "response_type",
            "code",
            is("Code"),
            ToTheClient("unsupported_response_type"),
        ),
        row(
            "a code in the fragment",
            "response_mode",
            "query",
            is("fragment"),
            ToTheClient("invalid_request"),
        ),
        row(
            "a code in a form",
            "response_mode",
            "query",
            is("form_post"),
            ToTheClient("invalid_request"),
        ),
        row(
            "a message to a page",
            "response_mode",
            "query",
            is("web_message"),
            ToTheClient("invalid_request"),
        ),
        row("no PKCE", "code_challenge", &challenge, Missing, ToTheClient("invalid_request")),
        row(
            "PKCE without a method, which is plain",
            "code_challenge_method",
            "S256",
            Missing,
            ToTheClient("invalid_request"),
        ),
        row(
            "plain PKCE",
            "code_challenge_method",
            "S256",
            is("plain"),
            ToTheClient("invalid_request"),
        ),
        row(
            "the method in another case",
            "code_challenge_method",
            "S256",
            is("s256"),
            ToTheClient("invalid_request"),
        ),
        row(
            "a short challenge",
            "code_challenge",
            &challenge,
            is("x"),
            ToTheClient("invalid_request"),
        ),
        row(
            "a challenge that is no digest",
            "code_challenge",
            &challenge,
            is(&"!".repeat(43)),
            ToTheClient("invalid_request"),
        ),
        row(
            "two challenges",
            "code_challenge",
            &challenge,
            Again("x".repeat(43)),
            Here("repeated"),
        ),
        row(
            "somebody else's resource",
            "resource",
            RESOURCE,
            is("https://evil.example/mcp"),
            ToTheClient("invalid_target"),
        ),
        row(
            "a resource with a slash",
            "resource",
            RESOURCE,
            is(&format!("{RESOURCE}/")),
            ToTheClient("invalid_target"),
        ),
        row(
            "a resource in another case",
            "resource",
            RESOURCE,
            is("https://MCP.example.com/mcp"),
            ToTheClient("invalid_target"),
        ),
        row(
            "a resource with its port",
            "resource",
            RESOURCE,
            is("https://mcp.example.com:443/mcp"),
            ToTheClient("invalid_target"),
        ),
        row(
            "a resource above",
            "resource",
            RESOURCE,
            is("https://mcp.example.com"),
            ToTheClient("invalid_target"),
        ),
        row(
            "two resources",
            "resource",
            RESOURCE,
            Again("https://evil.example/mcp".to_owned()),
            ToTheClient("invalid_target"),
        ),
        row(
            "Microsoft Graph's scope",
            "scope",
            scope,
            is("https://graph.microsoft.com/User.Read"),
            ToTheClient("invalid_scope"),
        ),
        row(
            "all of Microsoft Graph",
            "scope",
            scope,
            is("https://graph.microsoft.com/.default"),
            ToTheClient("invalid_scope"),
        ),
        row(
            "another API's scope",
            "scope",
            scope,
            is("api://aaaaaaaa-0000-4000-8000-000000000001/read"),
            ToTheClient("invalid_scope"),
        ),
        row(
            "another API's scope beside ours",
            "scope",
            scope,
            is(&format!("{scope} api://evil/x")),
            ToTheClient("invalid_scope"),
        ),
        row("a scope that is none", "scope", scope, is("acc\"ess"), ToTheClient("invalid_scope")),
        row("two scopes", "scope", scope, Again(scope.to_owned()), Here("repeated")),
        row(
            "a prompt that is none",
            "prompt",
            "login",
            is("<script>"),
            ToTheClient("invalid_request"),
        ),
        row(
            "a request object",
            "request",
            "",
            is("eyJhbGciOiJub25lIn0.e30."),
            ToTheClient("request_not_supported"),
        ),
        row(
            "a request at a URL",
            "request_uri",
            "",
            is("https://evil.example/request"),
            ToTheClient("request_uri_not_supported"),
        ),
        row(
            "an encoded name twice",
            "x",
            "1",
            Raw("1&redirect%5furi=https://evil.example".to_owned()),
            Here("repeated"),
        ),
    ]
}
