//! What the tools go by, beside the call itself.

use std::sync::Arc;

use obolus_core::config::Section;
use serde::Deserialize;

use super::{ClusterConfig, HelmSettings};
use crate::failure::Failure;

/// The operator's choices for all tools.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// How lists are written when a call does not say.
    pub list_output: ListOutput,
    /// The clusters that are reached, for those who ask.
    pub reached: Vec<Reached>,
    /// How helm is run, where it is.
    pub helm: Option<Arc<HelmSettings>>,
}

impl Settings {
    /// How helm is run.
    ///
    /// # Errors
    /// Where it is not, and its tools are not served.
    pub(crate) fn helm(&self) -> Result<&Arc<HelmSettings>, Failure> {
        let absent = || Failure::Internal("there is no helm here".to_owned());
        self.helm.as_ref().ok_or_else(absent)
    }
}

/// What the only cluster is called, which needs no name.
const THE_CLUSTER: &str = "default";

/// A cluster as it may be told to everybody who may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// What calls name it by.
    pub name: String,
    /// The API server's URL.
    pub server: String,
    /// The file of the CAs that may have signed its certificate.
    pub certificate_authority: Option<String>,
}

impl Reached {
    /// What may be told of a cluster.
    pub(super) fn of(cluster: &ClusterConfig) -> Self {
        let file = cluster.certificate_authority.as_ref();
        Self {
            name: cluster.name.as_ref().map_or(THE_CLUSTER, |name| name.as_str()).to_owned(),
            server: cluster.server.to_string().trim_end_matches('/').to_owned(),
            certificate_authority: file.map(|file| file.display().to_string()),
        }
    }
}

/// `list_output`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ListOutput {
    /// Columns, as `kubectl get -o wide` prints them.
    #[default]
    Table,
    /// Whole objects, in YAML.
    Yaml,
    /// Whole objects, in JSON.
    Json,
}

pub(super) fn read(top: &Section<'_>) -> Settings {
    let list_output =
        top.word("list_output", "\"table\", \"yaml\", \"json\"", ListOutput::default());
    Settings { list_output, reached: Vec::new(), helm: None }
}
