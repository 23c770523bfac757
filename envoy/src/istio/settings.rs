//! What differs from one mesh to the next, besides the filter's configuration: `deploy/istio/settings.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::modules::Modules;
use crate::json_text::json_text;
use crate::problems::Problems;

/// Where the gateway is, what the mesh calls things, and which modules are delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Settings {
    /// The gateway's Pods.
    pub gateway: Gateway,
    /// The MCP server's Pods, for the filter at their own sidecar.
    pub sidecar: Sidecar,
    /// The mesh's trust domain, the first part of each identity.
    pub trust_domain: String,
    /// The last part of each Service's DNS name.
    pub cluster_domain: String,
    /// From where Prometheus asks the Pods of the STS and of the MCP server.
    pub monitoring_namespace: String,
    /// The filter's modules.
    pub modules: Modules,
}

/// A gateway that Istio has installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Gateway {
    /// The namespace of its Pods.
    pub namespace: String,
    /// Their labels.
    pub labels: BTreeMap<String, String>,
    /// Their ServiceAccount: the identity that the STS and the MCP server admit.
    pub service_account: String,
    /// The Secret with the certificate for the resources' hosts.
    pub certificate: String,
}

/// The Pods of the MCP server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sidecar {
    /// Their labels.
    pub labels: BTreeMap<String, String>,
    /// The Pods' own port: the Service's `targetPort`, after which istiod names the way to the program.
    pub port: u16,
}

impl Settings {
    /// Nothing, which [`Self::parse`] would refuse.
    pub(super) fn empty() -> Self {
        Self {
            gateway: Gateway {
                namespace: String::new(),
                labels: BTreeMap::new(),
                service_account: String::new(),
                certificate: String::new(),
            },
            sidecar: Sidecar { labels: BTreeMap::new(), port: 0 },
            trust_domain: String::new(),
            cluster_domain: String::new(),
            monitoring_namespace: String::new(),
            modules: Modules::none(),
        }
    }

    /// Reads the file, and says everything that is unfit.
    pub fn parse(text: &[u8]) -> Result<Self, Problems> {
        let settings: Self = serde_json::from_slice(text).map_err(|error| {
            let mut problems = Problems::none();
            problems.add("settings", error);
            problems
        })?;
        let mut problems = Problems::none();
        settings.check(&mut problems);
        problems.or(settings)
    }

    /// Has the module of this SHA-256 run from now on; those before stay mounted.
    pub fn use_module(&mut self, sha256: &str) -> Result<(), Problems> {
        self.modules.use_module(sha256)
    }

    /// Has the module before run again; the one of now stays mounted.
    pub fn back(&mut self) -> Result<(), Problems> {
        self.modules.back()
    }

    /// Has only the module that runs stay mounted.
    pub fn retire_others(&mut self) {
        self.modules.retire_others();
    }

    /// The text of the file.
    pub fn to_json(&self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        format!("{}\n", json_text(&value))
    }

    /// The gateway's identity, as policies of the mesh name it.
    pub(super) fn gateway_principal(&self) -> String {
        self.principal(&self.gateway.namespace, &self.gateway.service_account)
    }

    /// The identity of a ServiceAccount.
    pub(super) fn principal(&self, namespace: &str, account: &str) -> String {
        format!("{}/ns/{namespace}/sa/{account}", self.trust_domain)
    }

    fn check(&self, problems: &mut Problems) {
        for (key, name) in [
            ("gateway.namespace", &self.gateway.namespace),
            ("gateway.serviceAccount", &self.gateway.service_account),
            ("gateway.certificate", &self.gateway.certificate),
            ("trustDomain", &self.trust_domain),
            ("clusterDomain", &self.cluster_domain),
            ("monitoringNamespace", &self.monitoring_namespace),
        ] {
            if !is_name(name) {
                problems.add(key, "must be lower-case letters, digits, `-` and `.`");
            }
        }
        for (key, labels) in
            [("gateway.labels", &self.gateway.labels), ("sidecar.labels", &self.sidecar.labels)]
        {
            if labels.is_empty() {
                problems.add(key, "must not be empty: the filter would be in every proxy");
            }
        }
        if self.sidecar.port == 0 {
            problems.add("sidecar.port", "must be the Service's targetPort as a number");
        }
        self.modules.check(problems);
    }
}

/// Whether Kubernetes takes this as an object's name.
pub(super) fn is_name(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let parts = text.split('.');
    text.len() <= 253
        && parts.into_iter().all(|part| {
            part.bytes().all(|byte| is_inner(byte) || byte == b'-')
                && part.bytes().next().is_some_and(is_inner)
                && part.bytes().last().is_some_and(is_inner)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMITTED: &str = include_str!("../../../deploy/istio/settings.json");

    #[test]
    fn the_committed_settings_are_read_and_written_without_a_loss() {
        let settings = Settings::parse(COMMITTED.as_bytes()).unwrap();
        assert_eq!(
            settings.gateway_principal(),
            "cluster.local/ns/istio-system/sa/istio-ingressgateway"
        );
        assert_eq!(Settings::parse(settings.to_json().as_bytes()).unwrap(), settings);
    }

    #[test]
    fn what_is_unfit_is_named_all_at_once() {
        let text = COMMITTED
            .replace("\"istio-system\"", "\"Istio_System\"")
            .replace("{\"app\": \"obolus-mcp\"}", "{}")
            .replace("8080", "0")
            .replace(&"0".repeat(64), "latest");
        let problems = Settings::parse(text.as_bytes()).unwrap_err();
        let keys: Vec<_> = problems.iter().filter_map(|line| line.split(": ").next()).collect();
        assert_eq!(
            keys,
            ["gateway.namespace", "sidecar.labels", "sidecar.port", "modules.sha256[0]"]
        );
        let unknown = COMMITTED.replace("trustDomain", "trustdomain");
        assert!(Settings::parse(unknown.as_bytes()).is_err());
    }
}
