//! Other ways to the same server: paths and hosts that some reader takes for its own.

use obolus_core::Reason::{BatchRefused, TokenMissing};

use crate::attempt::Framing;
use crate::case::{Case, Refused};
use crate::client::{Client, Way};

#[tokio::test]
async fn no_other_way_leads_to_the_server() {
    crate::world::turn().await.tries(all).await;
}

const FRAMINGS: [Framing; 3] = [Framing::Length, Framing::Chunks, Framing::Frames];

pub(crate) fn all(client: &Client) -> Vec<Case> {
    let mut cases = paths(client);
    cases.extend(headers(client));
    cases.extend(hosts(client));
    cases
}

/// Paths, and who answers there to a batch and to whoever has no token.
fn paths(client: &Client) -> Vec<Case> {
    enum Who {
        Ours,
        Envoy(u16),
        Other,
    }
    let paths = [
        // All of these are the endpoint, in Envoy's reading, which is ours.
        ("//mcp", Who::Ours),
        ("/mcp/", Who::Ours),
        ("/mcp//", Who::Ours),
        ("/./mcp", Who::Ours),
        ("/x/../mcp", Who::Ours),
        ("/other/../mcp", Who::Ours),
        ("/other/%2e%2e/mcp", Who::Ours),
        ("/other/.%2E/mcp", Who::Ours),
        ("/%6dcp", Who::Ours),
        ("/mcp/messages", Who::Ours),
        ("/mcp?x=/other", Who::Ours),
        ("/mcp?/../other", Who::Ours),
        // These are nothing.
        ("/mcp;x=y", Who::Envoy(404)),
        ("/MCP", Who::Envoy(404)),
        ("/mcpx", Who::Envoy(404)),
        ("/", Who::Envoy(404)),
        ("/other/..;/mcp", Who::Ours),
        ("/other;/../mcp", Who::Ours),
        ("/other/mcp", Who::Other),
        ("/other/%252e%252e/mcp", Who::Other),
        ("/other?/mcp", Who::Other),
        // Some see a slash there.
        ("/mcp%2f", Who::Envoy(400)),
        ("/other%2f..%2fmcp", Who::Envoy(400)),
        ("/other/..%5cmcp", Who::Envoy(400)),
        ("/%2fmcp", Who::Envoy(400)),
        ("/mcp#/other", Who::Envoy(400)),
        ("/mcp%00", Who::Envoy(400)),
    ];
    let mut cases = Vec::new();
    for (path, who) in paths {
        for framing in FRAMINGS {
            let twin = client.call(Way::of(None, framing));
            let silent = twin.clone().without("authorization").target(path);
            let batch = [b"[", &*twin.body, b"]"].concat();
            let batch = twin.clone().target(path).body(batch);
            for (what, attack, reason) in
                [("no token", silent, TokenMissing), ("a batch", batch, BatchRefused)]
            {
                let refused = match who {
                    Who::Ours => Refused::Ours(reason),
                    Who::Envoy(status) => Refused::Envoys(status),
                    Who::Other => Refused::Elsewhere,
                };
                let name = format!("{what} at {path} ({framing:?})");
                cases.push(Case::new(name, attack, refused, twin.clone()));
            }
        }
    }
    cases
}

/// Under another application's path, headers by which some gateways route.
fn headers(client: &Client) -> Vec<Case> {
    let headers = [
        ("x-envoy-original-path", "/mcp"),
        ("x-original-url", "/mcp"),
        ("x-rewrite-url", "/mcp"),
        ("x-forwarded-prefix", "/mcp"),
        ("x-forwarded-uri", "/mcp"),
        ("x-forwarded-host", "localhost"),
        ("x-host", "localhost"),
        ("x-envoy-original-host", "localhost"),
        ("x-envoy-decorator-operation", "obolus-mcp"),
        ("x-cluster", "obolus-mcp"),
        ("x-envoy-upstream-alt-stat-name", "obolus-mcp"),
    ];
    let mut cases = Vec::new();
    for (header, value) in headers {
        for framing in FRAMINGS {
            let twin = client.call(Way::of(None, framing));
            let attack = twin.clone().target("/other").header(header, value);
            let name = format!("{header}: {value} elsewhere ({framing:?})");
            cases.push(Case::new(name, attack, Refused::Elsewhere, twin.clone()));
            // And here, the other way round: it takes nobody out of the filter's sight.
            let away = twin.clone().without("authorization").header(header, "/other");
            let name = format!("{header}: /other without a token ({framing:?})");
            cases.push(Case::new(name, away, Refused::Ours(TokenMissing), twin));
        }
    }
    cases
}

/// Hosts in the place of the resource's, all of them without a token.
fn hosts(client: &Client) -> Vec<Case> {
    let port = client.authority.rsplit(':').next().unwrap_or_default();
    let mut cases = Vec::new();
    for framing in FRAMINGS {
        let twin = client.call(Way::of(None, framing));
        let silent = twin.clone().without("authorization");
        let mut case = |name: &str, attack, refused| {
            let name = format!("{name} ({framing:?})");
            cases.push(Case::new(name, attack, refused, twin.clone()));
        };
        for host in ["LOCALHOST", "LocalHost"] {
            let attack = silent.clone().authority(format!("{host}:{port}"));
            case(host, attack, Refused::Ours(TokenMissing));
        }
        for host in ["localhost", "127.0.0.1", "localhost.", "obolus-mcp", "[::1]"] {
            let attack = silent.clone().authority(format!("{host}:1"));
            case(&format!("the host {host}:1"), attack, Refused::Envoys(404));
        }
        if framing != Framing::Frames {
            let ours = format!("http://{}/mcp", client.authority);
            let attack = silent.clone().target(ours.clone());
            case("the whole URL", attack, Refused::Ours(TokenMissing));
            let attack = silent.clone().target(ours).authority("other.example");
            case("the whole URL and another host", attack, Refused::Ours(TokenMissing));
            let attack = silent.clone().target("http://other.example/mcp");
            case("another URL and this host", attack, Refused::Envoys(404));
        }
    }
    cases
}
