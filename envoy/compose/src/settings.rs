//! What a person decides about an installation, by environment variables of the compose file.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use obolus_envoy::compose::Compose;

/// Where `setup` finds the volumes, one folder for each service.
pub(crate) const VOLUMES: &str = "/volumes";

/// The decisions.
#[derive(Debug, Clone, Args)]
pub(crate) struct Settings {
    /// The name by which people reach the gateway
    #[arg(long, env = "OBOLUS_HOST", default_value = "localhost")]
    pub(crate) host: String,
    /// The gateway's port, the same inside and outside
    #[arg(long, env = "OBOLUS_PORT", default_value_t = 10_000)]
    pub(crate) port: u16,
    /// The API server's URL, as in a kubeconfig
    #[arg(long, env = "OBOLUS_CLUSTER_SERVER")]
    pub(crate) cluster_server: String,
    /// The API server's authority, as `certificate-authority-data` in a kubeconfig, or `k3s`
    #[arg(long, env = "OBOLUS_CLUSTER_CA_DATA")]
    pub(crate) cluster_ca_data: String,
    /// The one address at which the MCP server answers, port 8080
    #[arg(long, env = "OBOLUS_MCP_ADDRESS", default_value = "172.31.251.100")]
    pub(crate) mcp_address: Ipv4Addr,
    /// SHA-256 of the only module that may be delivered; any when empty
    #[arg(long, env = "OBOLUS_FILTER_SHA256", default_value = "")]
    pub(crate) filter_sha256: String,
    /// The module
    #[arg(long, default_value = "/obolus_filter.wasm")]
    pub(crate) module: PathBuf,
    /// The folder with the volumes
    #[arg(long, default_value = VOLUMES)]
    pub(crate) volumes: PathBuf,
}

impl Settings {
    /// The gateway, with the module that is delivered.
    pub(crate) fn gateway(&self, module_sha256: &str) -> Result<Compose> {
        let name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '-';
        if self.host.is_empty() || !self.host.chars().all(name) {
            bail!("OBOLUS_HOST: {:?} is not a host name in lower case", self.host);
        }
        Ok(Compose {
            host: self.host.clone(),
            port: self.port,
            module_sha256: module_sha256.to_owned(),
        })
    }

    /// The API server's URL.
    pub(crate) fn cluster_server(&self) -> Result<&str> {
        let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | '@');
        if !self.cluster_server.starts_with("https://") || !self.cluster_server.chars().all(plain) {
            bail!("OBOLUS_CLUSTER_SERVER: {:?} is not an https URL", self.cluster_server);
        }
        Ok(&self.cluster_server)
    }

    /// Whether the cluster is that of the profile k3s, whose authority we make.
    pub(crate) fn is_k3s(&self) -> bool {
        self.cluster_ca_data.trim() == "k3s"
    }

    /// The API server's authority, in PEM.
    pub(crate) fn cluster_ca(&self) -> Result<String> {
        let bytes = STANDARD
            .decode(self.cluster_ca_data.trim())
            .context("OBOLUS_CLUSTER_CA_DATA is not base64")?;
        let pem = String::from_utf8(bytes).unwrap_or_default();
        if !pem.contains("-----BEGIN CERTIFICATE-----") {
            bail!("OBOLUS_CLUSTER_CA_DATA: no certificate in it");
        }
        if pem.contains("PRIVATE KEY") {
            bail!("OBOLUS_CLUSTER_CA_DATA: a private key: only the certificate belongs here");
        }
        Ok(pem)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            host: "localhost".to_owned(),
            port: 10_000,
            cluster_server: "https://10.0.0.1:6443".to_owned(),
            cluster_ca_data: STANDARD.encode("-----BEGIN CERTIFICATE-----\n"),
            mcp_address: Ipv4Addr::new(10, 0, 0, 2),
            filter_sha256: String::new(),
            module: PathBuf::new(),
            volumes: PathBuf::new(),
        }
    }

    #[test]
    fn what_would_break_a_file_is_refused_by_the_name_of_its_variable() {
        let good = settings();
        assert!(good.gateway("").is_ok() && good.cluster_server().is_ok());
        assert!(good.cluster_ca().is_ok());

        let host = Settings { host: "Local Host".to_owned(), ..settings() };
        assert!(host.gateway("").unwrap_err().to_string().contains("OBOLUS_HOST"));
        for server in ["http://10.0.0.1", "https://a\"\nb", ""] {
            let wrong = Settings { cluster_server: server.to_owned(), ..settings() };
            let error = wrong.cluster_server().unwrap_err();
            assert!(error.to_string().contains("OBOLUS_CLUSTER_SERVER"), "{error}");
        }
        let key = "-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n";
        for data in ["%", "AAAA", &STANDARD.encode(key)] {
            let wrong = Settings { cluster_ca_data: data.to_owned(), ..settings() };
            let error = wrong.cluster_ca().unwrap_err();
            assert!(error.to_string().contains("OBOLUS_CLUSTER_CA_DATA"), "{error}");
        }
    }
}
