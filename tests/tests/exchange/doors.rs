//! The doors of the gateway: each a resource under a host name of its own, with a target of its own at the STS.

use obolus_envoy::Upstream;
use obolus_tests::fixtures::gateway::{GatewayOptions, PROTECTED};
use obolus_tests::fixtures::keycloak::Assertion;
use obolus_tests::fixtures::stack::issuers;
use serde_json::{Value, json};

use crate::world::Providers;

/// Entra's usual one.
pub(crate) const ENTRA: &str = "entra";
/// The STS's secret at Entra is wrong there, until somebody writes the right one.
pub(crate) const ENTRA_SECRET: &str = "entra-secret";
/// It was right once.
pub(crate) const ENTRA_EXPIRED: &str = "entra-expired";
/// Its certificate is not registered at Entra, until somebody does it.
pub(crate) const ENTRA_CERTIFICATE: &str = "entra-certificate";
/// For times to come back: each is kept by target.
pub(crate) const ENTRA_LATER: [&str; 12] = [
    "later-1", "later-2", "later-3", "later-4", "later-5", "later-6", "later-7", "later-8",
    "later-9", "later-10", "later-11", "later-12",
];
/// Keycloak's usual one, with the secret.
pub(crate) const KEYCLOAK: &str = "keycloak";
/// The same with a wrong secret, until somebody writes the right one.
pub(crate) const KEYCLOAK_SECRET: &str = "keycloak-secret";
/// The clients with signed assertions.
pub(crate) const KEYCLOAK_JWT: &str = "keycloak-jwt-rs256";
pub(crate) const KEYCLOAK_PS256: &str = "keycloak-jwt-ps256";
pub(crate) const KEYCLOAK_ES256: &str = "keycloak-jwt-es256";

pub(crate) const OF_KEYCLOAK: [&str; 5] =
    [KEYCLOAK, KEYCLOAK_SECRET, KEYCLOAK_JWT, KEYCLOAK_PS256, KEYCLOAK_ES256];

/// What the STS sends where its secret is wrong.
pub(crate) const WRONG: &str = "not-the-secret~for.tests";
/// A secret of the example directory that ended long ago.
pub(crate) const EXPIRED: &str = "mcp-server-expired~for.tests";

pub(crate) fn host(door: &str) -> String {
    format!("{door}.mcp.example")
}

/// The URL that clients are given, and Keycloak's audience. TLS ends in front of this Envoy.
pub(crate) fn url(door: &str) -> String {
    format!("https://{}/mcp", host(door))
}

/// Entra's targets at the STS besides the usual one, with what the client has there.
pub(crate) fn more_entra_targets() -> Vec<(&'static str, &'static str)> {
    const SECRET: &str = "method = \"client_secret_post\"\nsecret_file = \"entra.secret\"\n";
    let mut all = vec![
        (ENTRA_SECRET, "method = \"client_secret_post\"\nsecret_file = \"wrong.secret\"\n"),
        (ENTRA_EXPIRED, "method = \"client_secret_basic\"\nsecret_file = \"expired.secret\"\n"),
        (
            ENTRA_CERTIFICATE,
            "method = \"private_key_jwt\"\nkey_file = \"stranger.key\"\ncertificate_file = \"stranger.crt\"\n",
        ),
    ];
    all.extend(ENTRA_LATER.map(|door| (door, SECRET)));
    all
}

/// Keycloak's issuer, grants and targets in the STS's configuration. Tokens are asked for at `token_endpoint`.
pub(crate) fn keycloak_for_the_sts(issuer: &str, token_endpoint: &str) -> String {
    let audiences = OF_KEYCLOAK.map(url);
    let mut text = format!(
        r#"
[[issuers]]
name = "keycloak"
issuer = "{issuer}"
profile = "keycloak"
algorithms = ["RS256", "PS256"]
ca_file = "ca.crt"
token_endpoint = "{token_endpoint}"

[[callers.grants]]
issuer = "keycloak"
audiences = {audiences:?}
clients = ["mcp-client", "mcp-client-ps256"]
targets = {OF_KEYCLOAK:?}
"#
    );
    for door in OF_KEYCLOAK {
        let client = match door {
            KEYCLOAK => basic("keycloak.secret"),
            KEYCLOAK_SECRET => basic("keycloak-wrong.secret"),
            jwt => {
                let algorithm = jwt.trim_start_matches("keycloak-jwt-");
                format!(
                    "id = \"obolus-sts-jwt-{algorithm}\"\nmethod = \"private_key_jwt\"\n\
                     key_file = \"{jwt}.key\"\nalgorithm = \"{}\"\ncertificate_file = \"{jwt}.crt\"\n",
                    algorithm.to_uppercase()
                )
            }
        };
        text += &format!(
            r#"
[[targets]]
name = "{door}"
provider = "keycloak"
issuer = "keycloak"
audience = "kubernetes"
scopes = ["kubernetes"]

[targets.client]
{client}"#
        );
    }
    text
}

fn basic(secret: &str) -> String {
    format!("id = \"obolus-sts\"\nmethod = \"client_secret_basic\"\nsecret_file = \"{secret}\"\n")
}

/// The files of all targets but those that Entra's fixture brings.
pub(crate) fn files(providers: &Providers) -> Vec<(String, String)> {
    let credentials = providers.keycloak.credentials();
    let mut files = vec![
        ("wrong.secret", WRONG.to_owned()),
        ("expired.secret", EXPIRED.to_owned()),
        ("stranger.key", providers.stranger.key.clone()),
        ("stranger.crt", providers.stranger.certificate.clone()),
        ("keycloak.secret", credentials.secret.clone()),
        ("keycloak-wrong.secret", WRONG.to_owned()),
    ];
    let assertions = [
        ("keycloak-jwt-rs256.key", "keycloak-jwt-rs256.crt", Assertion::Rs256),
        ("keycloak-jwt-ps256.key", "keycloak-jwt-ps256.crt", Assertion::Ps256),
        ("keycloak-jwt-es256.key", "keycloak-jwt-es256.crt", Assertion::Es256),
    ];
    for (key, certificate, algorithm) in assertions {
        let (_, leaf) = credentials.assertion(algorithm);
        files.extend([(key, leaf.key.clone()), (certificate, leaf.certificate.clone())]);
    }
    files.into_iter().map(|(name, content)| (name.to_owned(), content)).collect()
}

/// A gateway with all doors, behind each of which the recorder stands.
pub(crate) fn gateway(
    providers: &Providers,
    recorder: std::net::SocketAddr,
    credential: &str,
) -> GatewayOptions {
    let mut all = issuers(&providers.keycloak);
    all[0]["algorithms"] = json!(["RS256", "PS256"]);
    all.as_array_mut().unwrap().push(providers.entra.issuer_for_the_filter());
    let mut options = GatewayOptions::new(all, recorder, credential);
    let (mut resources, mut upstreams) = (Vec::new(), Vec::new());
    resources.push(providers.entra.resource(&url(ENTRA), PROTECTED, ENTRA));
    for (door, _) in more_entra_targets() {
        resources.push(providers.entra.resource(&url(door), door, door));
        upstreams.push(Upstream::plain(door, recorder));
    }
    for door in OF_KEYCLOAK {
        resources.push(json!({
            "name": door,
            "resource": url(door),
            "clusters": [door],
            "issuers": ["keycloak"],
            "requiredScopes": ["mcp:tools"],
            "target": {"name": door, "audience": "kubernetes"},
        }));
        upstreams.push(Upstream::plain(door, recorder));
    }
    options.configure = Box::new(move |configuration| {
        configuration["resources"] = Value::Array(resources);
    });
    options.shape = Box::new(move |bootstrap| bootstrap.upstreams.extend(upstreams));
    options
}
