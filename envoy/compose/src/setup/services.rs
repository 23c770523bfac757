//! The configurations of STS, MCP server and API server.

use std::net::Ipv4Addr;

use obolus_envoy::compose::Compose;

use super::GATEWAY_NAME;

/// The STS: who reaches it needs the gateway's certificate and the gateway's credential.
pub(super) fn sts(gateway: &Compose) -> String {
    let (issuer, resource) = (gateway.issuer(), gateway.resource());
    format!(
        r#"[server]
listen = "0.0.0.0:8443"
operations_listen = "127.0.0.1:9090"
certificate_file = "tls.crt"
private_key_file = "tls.key"
client_ca_file = "ca.crt"
client_sans = ["{GATEWAY_NAME}"]

[[issuers]]
name = "keycloak"
issuer = "{issuer}"
profile = "keycloak"
algorithms = ["RS256"]
ca_file = "ca.crt"

[[targets]]
name = "kubernetes"
provider = "keycloak"
issuer = "keycloak"
audience = "kubernetes"
scopes = ["kubernetes"]

[targets.client]
id = "obolus-sts"
method = "client_secret_basic"
secret_file = "client-secret"

[[callers]]
id = "gateway"
credential_files = ["credential", "credential-before"]

[[callers.grants]]
issuer = "keycloak"
audiences = ["{resource}"]
clients = ["mcp-client"]
targets = ["kubernetes"]
"#
    )
}

/// The MCP server: no credential, and one API server. In the network that leads there it does not listen.
pub(super) fn mcp(address: Ipv4Addr, cluster: &str, gateway: &Compose) -> String {
    format!(
        r#"listen = "{address}:8080"
operations = "127.0.0.1:8081"
tls_cert = "tls.crt"
tls_key = "tls.key"
allowed_hosts = ["{host}", "{host}:{port}"]

[cluster]
server = "{cluster}"
certificate_authority = "cluster-ca.crt"
"#,
        host = gateway.host,
        port = gateway.port,
    )
}

/// What the API server has to believe: `deploy/kubernetes/authentication-configuration.yaml`, filled.
pub(super) fn authentication(gateway: &Compose, ca_pem: &str) -> String {
    const EXAMPLE: &str =
        include_str!("../../../../deploy/kubernetes/authentication-configuration.yaml");
    let mut text = String::new();
    let mut in_certificate = false;
    for line in EXAMPLE.lines() {
        let indent = line.len() - line.trim_start().len();
        if line.trim_start().starts_with("url: ") {
            text.push_str(&format!("{:indent$}url: {}\n", "", gateway.issuer()));
        } else if line.contains("-----BEGIN CERTIFICATE-----") {
            in_certificate = true;
            for line in ca_pem.lines() {
                text.push_str(&format!("{:indent$}{line}\n", ""));
            }
        } else if !in_certificate {
            text.push_str(line);
            text.push('\n');
        }
        in_certificate &= !line.contains("-----END CERTIFICATE-----");
    }
    text
}
