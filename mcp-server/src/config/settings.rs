//! What the tools go by, beside the call itself.

use std::sync::Arc;

use obolus_core::config::Section;
use serde::Deserialize;

use super::HelmSettings;
use crate::failure::Failure;

/// The operator's choices for all tools.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// How lists are written when a call does not say.
    pub list_output: ListOutput,
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
    Settings { list_output, helm: None }
}
