//! The gateway of `envoy/docker-compose.yaml`: our MCP server, and Keycloak on the same origin.
//!
//! Only Envoy's port is published, so people sign in through it too. Keycloak is an application
//! like any other here: the filter runs on our routes only, and the guard knows our cluster alone.

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::json;

use crate::filter::Scope;
use crate::filter_configuration::{self, FilterConfiguration};
use crate::listener::{DownstreamTls, Listener};
use crate::{
    Bootstrap, ClientCertificate, Endpoint, Module, PathMatch, Problems, Route, StsCluster,
    Upstream, UpstreamTls,
};

/// Where Envoy finds its files.
pub const FOLDER: &str = "/obolus";
/// The name in the STS's certificate.
pub const STS_NAME: &str = "sts.obolus.internal";
/// The name in the MCP server's certificate.
pub const MCP_NAME: &str = "mcp.obolus.internal";
/// The name in Keycloak's certificate.
pub const KEYCLOAK_NAME: &str = "keycloak.obolus.internal";

const HEAD: &str = "\
# Envoy in docker compose, as the service `setup` writes it for https://localhost:10000.
#
# Written by `cargo xtask generate`; change envoy/src/compose.rs, not this file. With the module that
# is delivered, `setup` puts its SHA-256 in place of the one below.
";

/// What differs between installations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compose {
    /// The name by which people reach the gateway.
    pub host: String,
    /// The port, the same inside and outside.
    pub port: u16,
    /// The module's SHA-256, in hex: of its name and of the VM's id.
    pub module_sha256: String,
}

impl Default for Compose {
    fn default() -> Self {
        Self { host: "localhost".to_owned(), port: 10_000, module_sha256: "0".repeat(64) }
    }
}

impl Compose {
    /// The URL at which people reach the gateway, without a path.
    pub fn origin(&self) -> String {
        match self.port {
            443 => format!("https://{}", self.host),
            port => format!("https://{}:{port}", self.host),
        }
    }

    /// The URL that MCP clients are given, which is the audience of their tokens.
    pub fn resource(&self) -> String {
        format!("{}/mcp", self.origin())
    }

    /// Keycloak's issuer.
    pub fn issuer(&self) -> String {
        format!("{}/realms/obolus", self.origin())
    }

    /// The module's file name.
    pub fn module_file(&self) -> String {
        Module::file_name(&self.module_sha256)
    }

    /// The gateway.
    pub fn bootstrap(&self) -> Result<Bootstrap, Problems> {
        let file = |name: &str| format!("{FOLDER}/{name}");
        let tls = |server_name: &str| UpstreamTls {
            ca_file: file("ca.crt"),
            server_name: server_name.to_owned(),
            client_certificate: None,
        };
        let mut configuration = filter_configuration::example();
        let own = [
            ("/sts/authority", json!(STS_NAME)),
            ("/issuers/0/issuer", json!(self.issuer())),
            ("/resources/0/resource", json!(self.resource())),
            ("/resources/0/audiences", json!([self.resource()])),
        ];
        for (pointer, value) in own {
            if let Some(place) = configuration.pointer_mut(pointer) {
                *place = value;
            }
        }
        let hosts = FilterConfiguration::read(&configuration)?.resources.into_iter();
        let hosts: Vec<_> = hosts.flat_map(|resource| resource.hosts).collect();
        let keycloak = |name: &str, path: &str| Route {
            name: name.to_owned(),
            hosts: hosts.clone(),
            path: PathMatch::Below(path.to_owned()),
            cluster: "keycloak".to_owned(),
        };
        Ok(Bootstrap {
            listener: Listener {
                address: SocketAddr::from((Ipv4Addr::UNSPECIFIED, self.port)),
                tls: Some(DownstreamTls {
                    chain_file: file("server.crt"),
                    key_file: file("server.key"),
                }),
            },
            module: Module {
                path: file(&self.module_file()),
                sha256: Some(self.module_sha256.clone()),
            },
            scope: Scope::OwnRoutes,
            sts: StsCluster {
                endpoint: Endpoint::new("obolus-sts", 8_443),
                ca_file: file("ca.crt"),
                client_certificate: Some(ClientCertificate {
                    chain_file: file("client.crt"),
                    key_file: file("client.key"),
                }),
            },
            upstreams: vec![
                Upstream {
                    name: "obolus-mcp".to_owned(),
                    endpoint: Endpoint::new("obolus-mcp", 8_080),
                    tls: Some(tls(MCP_NAME)),
                },
                Upstream {
                    name: "keycloak".to_owned(),
                    endpoint: Endpoint::new("keycloak", 8_443),
                    tls: Some(tls(KEYCLOAK_NAME)),
                },
            ],
            // The realm's own pages, and what they show. Never /admin, nor another realm.
            routes: vec![
                keycloak("sign-in", "/realms/obolus"),
                keycloak("sign-in-pages", "/resources"),
            ],
            configuration,
            ..Bootstrap::default()
        })
    }

    /// Envoy's configuration with comments.
    pub fn to_yaml(&self) -> Result<String, Problems> {
        let text = self.bootstrap()?.to_yaml()?;
        let body = text.split_once("\n\n").map_or(text.as_str(), |(_, body)| body);
        Ok(format!("{HEAD}\n{body}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_file_is_what_the_generator_writes() {
        let committed = include_str!("../compose/envoy.yaml");
        assert!(
            committed == Compose::default().to_yaml().unwrap(),
            "envoy/compose/envoy.yaml is stale: run `cargo xtask generate`",
        );
    }

    #[test]
    fn the_vm_and_the_file_carry_the_digest_and_keycloaks_administration_has_no_route() {
        let gateway = Compose { module_sha256: "ab".repeat(32), ..Compose::default() };
        let text = gateway.to_yaml().unwrap();
        assert!(text.contains(&format!("vm_id: obolus-{}", "ab".repeat(32))), "{text}");
        assert!(text.contains(&format!("{FOLDER}/obolus_filter-{}.wasm", "ab".repeat(32))));
        assert!(!text.contains("/admin\"") && !text.contains("path_separated_prefix: /admin"));
        assert!(text.contains("path_separated_prefix: /realms/obolus"), "{text}");
    }

    #[test]
    fn the_default_port_of_https_is_in_no_url() {
        let gateway =
            Compose { host: "mcp.example.com".to_owned(), port: 443, ..Compose::default() };
        assert_eq!(gateway.resource(), "https://mcp.example.com/mcp");
        assert!(gateway.to_yaml().unwrap().contains("mcp.example.com:443"));
    }
}
