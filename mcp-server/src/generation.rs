//! What one configuration made. A request takes one when it arrives and sees no other until it ends, so that nobody is
//! served half by the old and half by the new.

use std::sync::Arc;

use crate::cluster::{Caller, Cluster, Clusters};
use crate::config::{ClustersConfig, Config, Settings};
use crate::confirmation::Rules;
use crate::failure::Failure;
use crate::prompts::Prompts;
use crate::serve::StartError;
use crate::stdio::Persons;
use crate::tools::Tools;
use crate::user_token::UserToken;

const INSTRUCTIONS: &str = "Kubernetes, as you: every call is made with your own identity, and the cluster's RBAC decides. \
    Start with whoami to see who you are to the cluster. A refusal names what was tried and as whom; \
    another tool will not get around it. Long lists are cut: narrow them with a namespace, labelSelector or fieldSelector.";

/// Everything about a request's service that an operator decides.
#[derive(Debug)]
pub(crate) struct Generation {
    pub(crate) tools: Tools,
    pub(crate) prompts: Prompts,
    /// What clients are told about the server.
    pub(crate) instructions: String,
    pub(crate) settings: Arc<Settings>,
    /// What people are asked about first.
    pub(crate) rules: Arc<Rules>,
    /// The clusters that calls choose among.
    pub(crate) clusters: Arc<Clusters>,
    /// In stdio mode, who the one person is; never for a server of many.
    persons: Option<Persons>,
}

impl Generation {
    /// What a configuration makes. Connections are those of before where nothing about the cluster has changed.
    ///
    /// # Errors
    /// When a file cannot be used.
    pub(crate) fn new(
        config: &Config,
        before: Option<(&ClustersConfig, &Self)>,
    ) -> Result<Self, StartError> {
        let clusters = match before {
            Some((clusters, before)) if *clusters == config.clusters => {
                Arc::clone(&before.clusters)
            }
            _ => Arc::new(Clusters::new(&config.clusters)?),
        };
        Self::with(config, clusters, None).map_err(StartError::Tools)
    }

    /// The same for one person with credentials of their own: only [`crate::stdio`] has what it takes.
    pub(crate) fn of_persons(
        config: &Config,
        clusters: Clusters,
        persons: Persons,
    ) -> Result<Self, String> {
        Self::with(config, Arc::new(clusters), Some(persons))
    }

    fn with(
        config: &Config,
        clusters: Arc<Clusters>,
        persons: Option<Persons>,
    ) -> Result<Self, String> {
        let contexts = clusters.contexts();
        Ok(Self {
            tools: Tools::chosen(&config.tools, contexts.as_ref())?,
            prompts: Prompts::new(config.prompts.clone()),
            instructions: config.instructions.clone().unwrap_or_else(|| INSTRUCTIONS.to_owned()),
            settings: Arc::new(config.settings.clone()),
            rules: Arc::new(config.confirmation.rules.clone()),
            clusters,
            persons,
        })
    }

    /// Whether requests need bring no token, as there is one person only.
    pub(crate) fn is_of_one_person(&self) -> bool {
        self.persons.is_some()
    }

    /// A cluster as the caller sees it: with the token that the request brought, or as the one person that there is.
    ///
    /// # Errors
    /// When the token is not for this cluster.
    pub(crate) async fn caller(
        &self,
        cluster: &Arc<Cluster>,
        token: Option<UserToken>,
    ) -> Result<Caller, Failure> {
        match (&self.persons, token) {
            (Some(persons), None) => persons.caller(cluster),
            (None, Some(token)) => cluster.admit(token).await,
            (Some(_), Some(_)) | (None, None) => {
                Err(Failure::Internal("it is not said who calls".to_owned()))
            }
        }
    }
}
