//! The doors of the second gateway: each a resource under a host name of its own.

use std::net::SocketAddr;

use obolus_envoy::Upstream;
use obolus_tests::fixtures::entra::{self, Entra, Style};
use obolus_tests::fixtures::gateway::{GatewayOptions, PROTECTED};
use obolus_tests::fixtures::stack::{Stack, issuers};
use serde_json::{Value, json};

use crate::namesake::{self, Namesake};

/// What stands behind it remembers every request.
pub(crate) const RECORDED: &str = "recorded";
/// The same for Keycloak's people.
pub(crate) const KEYCLOAK: &str = "recorded-keycloak";

/// The STS's credential there is not the registered one.
pub(crate) const WRONG_SECRET: &str = "wrong-secret";
/// It was once.
pub(crate) const EXPIRED_SECRET: &str = "expired-secret";
/// It is nobody's.
pub(crate) const UNKNOWN_CERTIFICATE: &str = "unknown-certificate";

/// The targets of those three, and what the STS's client has there.
pub(crate) const BROKEN_TARGETS: [(&str, &str); 3] = [
    (WRONG_SECRET, "method = \"client_secret_post\"\nsecret_file = \"wrong.secret\"\n"),
    (EXPIRED_SECRET, "method = \"client_secret_basic\"\nsecret_file = \"expired.secret\"\n"),
    (
        UNKNOWN_CERTIFICATE,
        "method = \"private_key_jwt\"\nkey_file = \"stranger.key\"\ncertificate_file = \"stranger.crt\"\n",
    ),
];

/// The name of the host at which a door is.
pub(crate) fn host(door: &str) -> String {
    format!("{door}.mcp.example")
}

/// The URL that clients are given, and Keycloak's audience. TLS ends in front of this Envoy.
pub(crate) fn url(door: &str) -> String {
    format!("https://{}/mcp", host(door))
}

/// A gateway with all doors: those of the five styles lead to the real MCP server, the others to the recorder.
pub(crate) fn gateway(stack: &Stack, namesake: &Namesake, recorder: SocketAddr) -> GatewayOptions {
    let mut all = issuers(stack.keycloak());
    let more = [stack.entra().issuer_for_the_filter(), namesake.issuer_for_the_filter()];
    all.as_array_mut().unwrap().extend(more);
    let mut options = GatewayOptions::new(all, recorder, stack.credential());
    let entra = stack.entra();
    let mut resources = vec![
        door(entra, RECORDED, PROTECTED, entra::TARGET),
        of_keycloak(),
        namesake::resource(&url(namesake::DOOR)),
    ];
    let mut upstreams =
        vec![Upstream::plain(KEYCLOAK, recorder), Upstream::plain(namesake::DOOR, recorder)];
    for (name, _) in BROKEN_TARGETS {
        resources.push(door(entra, name, name, name));
        upstreams.push(Upstream::plain(name, recorder));
    }
    for style in Style::ALL {
        resources.push(door(entra, style.name(), style.name(), style.name()));
        upstreams.push(Upstream::plain(style.name(), stack.mcp_server.address()));
    }
    options.configure = Box::new(move |configuration| {
        configuration["resources"] = Value::Array(resources);
        configuration["keysRefreshSeconds"] = json!(1);
    });
    options.shape = Box::new(move |bootstrap| bootstrap.upstreams.extend(upstreams));
    options
}

fn door(entra: &Entra, name: &str, cluster: &str, target: &str) -> Value {
    entra.resource(&url(name), cluster, target)
}

fn of_keycloak() -> Value {
    json!({
        "name": KEYCLOAK,
        "resource": url(KEYCLOAK),
        "clusters": [KEYCLOAK],
        "issuers": ["keycloak"],
        "requiredScopes": ["mcp:tools"],
        "target": {"name": "kubernetes", "audience": "kubernetes"},
    })
}
