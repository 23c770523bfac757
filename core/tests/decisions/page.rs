//! The page for people: where it stands, what it says, and that nothing in it can run.

use obolus_core::config::FilterConfig;
use obolus_core::reply::Reply;
use serde_json::{Value, json};

use crate::configuration::{another, good, parse, problems};
use crate::entra_config::entra_resource;

const HOST: &str = "mcp.example.com";

fn with_page(contact: &str) -> Value {
    let mut config = good();
    config["page"] = json!({"contact": contact});
    config
}

fn shown(config: &FilterConfig) -> Reply {
    config.page_at(HOST, "/", "GET").unwrap()
}

#[test]
fn it_stands_at_the_root_of_a_resources_host_where_it_is_enabled_and_nowhere_else() {
    let config = parse(&with_page("us"));
    for authority in [HOST, "mcp.example.com:443", "MCP.example.com"] {
        for method in ["GET", "HEAD"] {
            assert!(config.page_at(authority, "/", method).is_some(), "{method} {authority}");
        }
    }
    for (authority, path, method) in [
        (HOST, "/", "POST"),
        (HOST, "/", "OPTIONS"),
        (HOST, "/", ""),
        (HOST, "", "GET"),
        (HOST, "//", "GET"),
        (HOST, "/index.html", "GET"),
        (HOST, "/mcp", "GET"),
        ("other.example.com", "/", "GET"),
        ("mcp.example.com.", "/", "GET"),
        ("", "/", "GET"),
    ] {
        assert_eq!(config.page_at(authority, path, method), None, "{method} {authority}{path}");
    }
    assert_eq!(parse(&good()).page_at(HOST, "/", "GET"), None, "only where it is enabled");
}

#[test]
fn it_shows_the_resources_of_its_host_with_what_to_copy() {
    let mut config = with_page("platform@example.com");
    let mut entra = entra_resource();
    entra["clientId"] = json!("55555555-eeee-4eee-8eee-555555555555");
    config["issuers"].as_array_mut().unwrap().push(json!({
        "name": "entra", "profile": "entra", "tenants": [crate::entra::CONTOSO],
        "facade": {"issuer": crate::facade_config::FACADE, "clusters": ["f"]},
    }));
    let resources = config["resources"].as_array_mut().unwrap();
    resources.push(entra);
    resources.push(another("elsewhere", "https://elsewhere.example.com/mcp"));
    config["resources"][2]["target"]["name"] = json!("elsewhere");
    let html = shown(&parse(&config)).body;
    let plain = html.replace("&quot;", "\"").replace("&#39;", "'");
    for text in [
        "claude mcp add --transport http kubernetes https://mcp.example.com/mcp",
        "claude mcp add --transport http --client-id 55555555-eeee-4eee-8eee-555555555555 kubernetes-entra \
         https://mcp.example.com/entra",
        "\"type\": \"http\"",
        "\"clientId\": \"55555555-eeee-4eee-8eee-555555555555\"",
        "\"CLIENT_ID\": \"55555555-eeee-4eee-8eee-555555555555\"",
        "npx @modelcontextprotocol/inspector --cli https://mcp.example.com/mcp --transport http --method tools/list",
        "uri: \"https://mcp.example.com/mcp\"",
        "OAuth Client ID: 55555555-eeee-4eee-8eee-555555555555",
        "You sign in at <code>https://mcp.example.com/oauth</code>",
        "<a href=\"mailto:platform@example.com\">",
    ] {
        assert!(plain.contains(text), "{text}\n{plain}");
    }
    assert!(!plain.contains("elsewhere"), "another host's");
    let expected = include_str!("page.html");
    if std::env::var_os("OBOLUS_BLESS").is_some_and(|value| !value.is_empty()) {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/decisions/page.html");
        std::fs::write(path, &html).unwrap();
    } else {
        assert!(html == expected, "page.html differs from:\n{html}");
    }
}

#[test]
fn nothing_in_it_runs_is_framed_or_is_sent_anywhere() {
    let reply = shown(&parse(&with_page("us")));
    let header = |name: &str| {
        reply.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    };
    let policy = header("content-security-policy").unwrap();
    for rule in
        ["default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"]
    {
        assert!(policy.split("; ").any(|own| own == rule), "{policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("script"), "{policy}");
    assert!(policy.contains("style-src 'sha256-"), "{policy}");
    assert_eq!(header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(header("x-content-type-options"), Some("nosniff"));
    assert_eq!(header("referrer-policy"), Some("no-referrer"));
    assert_eq!(header("x-frame-options"), Some("DENY"));
    for never in
        ["<script", "javascript:", "style=", "onclick", "<img", "<link", "<form", "@import", "url("]
    {
        assert!(!reply.body.contains(never), "{never}");
    }
}

#[test]
fn whatever_the_configuration_says_is_text() {
    for contact in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "javascript:alert(1)",
        "https://example.com/\"onmouseover=\"x",
        "https://example.com/'x",
        "a@b\" onclick=\"x",
        "@",
        "& < > \" '",
    ] {
        let html = shown(&parse(&with_page(contact))).body;
        let (_, asked) = html.split_once("Whom to ask").unwrap();
        assert!(!asked.contains("<script") && !asked.contains("<img"), "{asked}");
        assert!(!asked.contains("\" on") && !asked.contains("\"on"), "{asked}");
        assert!(!asked.contains("href=\"javascript"), "{asked}");
    }
    for (contact, link) in [
        ("https://example.com/help", "<a href=\"https://example.com/help\" rel=\"noreferrer\">"),
        ("a.b@example.com", "<a href=\"mailto:a.b@example.com\">"),
    ] {
        assert!(shown(&parse(&with_page(contact))).body.contains(link), "{contact}");
    }
    for words in
        ["the platform team, room 7", "#platform", "http://plain.example.com", "@team", "a@b@c"]
    {
        assert!(!shown(&parse(&with_page(words))).body.contains("<a "), "{words}");
    }
    // What a shell would read as more than a word is one word.
    let mut config = with_page("us");
    config["resources"][0]["resource"] = json!("https://mcp.example.com/$(id)&x;y'z");
    config["resources"][0]["audiences"] = json!(["https://mcp.example.com/$(id)&x;y'z"]);
    let html = shown(&parse(&config)).body;
    assert!(
        html.contains(
            "kubernetes &#39;https://mcp.example.com/$(id)&amp;x;y&#39;\\&#39;&#39;z&#39;"
        ),
        "{html}"
    );
}

#[test]
fn a_page_needs_a_contact_and_a_root_that_is_free() {
    assert_eq!(problems(&with_page("us")), "");
    for (page, told) in [
        (json!({}), "page.contact: is missing: write whom people ask"),
        (json!({"contact": "a\nb"}), "page.contact: must be one line"),
        (
            json!({"contact": "x".repeat(257)}),
            "page.contact: must be one line of at most 256 bytes",
        ),
        (json!(true), "page: must be an object"),
        (json!({"contact": "us", "script": "x"}), "page.script: is not a setting here"),
    ] {
        let mut config = good();
        config["page"] = page.clone();
        assert!(problems(&config).contains(told), "{page}: {}", problems(&config));
    }
    let mut config = with_page("us");
    config["resources"][0]["resource"] = json!("https://mcp.example.com");
    assert!(problems(&config).contains("page: stands at /, where the resource `kubernetes` is"));
    for id in ["a b", "$(id)", "'", "\"", "-x", "", "é", &"x".repeat(257)] {
        let mut config = good();
        config["resources"][0]["clientId"] = json!(id);
        assert!(problems(&config).contains("resources[0].clientId: must be"), "{id}");
    }
    for id in
        ["mcp-client", "55555555-eeee-4eee-8eee-555555555555", "https://example.com/client.json"]
    {
        let mut config = good();
        config["resources"][0]["clientId"] = json!(id);
        assert_eq!(problems(&config), "", "{id}");
    }
}

#[test]
fn what_the_guide_for_clients_tells_to_write_is_what_the_page_shows() {
    let mut config = with_page("us");
    config["resources"][0]["clientId"] = json!("mcp-client");
    let html = shown(&parse(&config)).body;
    let guide = include_str!("../../../docs/clients.md");
    let shown: Vec<_> = html
        .split("<pre><code>")
        .skip(1)
        .filter_map(|rest| rest.split("</code></pre>").next())
        .map(|text| text.replace("&quot;", "\"").replace("&#39;", "'").replace("&amp;", "&"))
        .collect();
    assert_eq!(shown.len(), 6);
    for text in shown {
        assert!(guide.contains(&format!("\n{text}\n```\n")), "docs/clients.md has not:\n{text}");
    }
}
