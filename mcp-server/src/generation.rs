//! What one configuration made. A request takes one when it arrives and sees no other until it ends, so that nobody is
//! served half by the old and half by the new.

use std::sync::Arc;

use crate::cluster::Clusters;
use crate::config::{Config, Settings};
use crate::confirmation::Rules;
use crate::serve::StartError;
use crate::tools::Tools;

const INSTRUCTIONS: &str = "Kubernetes, as you: every call is made with your own identity, and the cluster's RBAC decides. \
    Start with whoami to see who you are to the cluster. A refusal names what was tried and as whom; \
    another tool will not get around it. Long lists are cut: narrow them with a namespace, labelSelector or fieldSelector.";

/// Everything about a request's service that an operator decides.
#[derive(Debug)]
pub(crate) struct Generation {
    pub(crate) tools: Tools,
    /// What clients are told about the server.
    pub(crate) instructions: String,
    pub(crate) settings: Arc<Settings>,
    /// What people are asked about first.
    pub(crate) rules: Arc<Rules>,
    /// The clusters that calls choose among.
    pub(crate) clusters: Arc<Clusters>,
}

impl Generation {
    /// What a configuration makes. Connections are those of before where nothing about the cluster has changed.
    ///
    /// # Errors
    /// When a file cannot be used.
    pub(crate) fn new(config: &Config) -> Result<Self, StartError> {
        let clusters = Arc::new(Clusters::new(&config.clusters)?);
        let contexts = clusters.contexts();
        Ok(Self {
            tools: Tools::chosen(&config.tools, contexts.as_ref()).map_err(StartError::Tools)?,
            instructions: config.instructions.clone().unwrap_or_else(|| INSTRUCTIONS.to_owned()),
            settings: Arc::new(config.settings.clone()),
            rules: Arc::new(config.confirmation.rules.clone()),
            clusters,
        })
    }
}
