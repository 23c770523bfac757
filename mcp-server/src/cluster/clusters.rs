//! Which of the clusters a call is for, and whether the token that came with it is for that one.
//!
//! The gateway chooses the target of its exchange by the argument `context` (`targets` in its configuration), and so do
//! we, by the same argument. Should the two ever disagree, the token says for whom it was made: where it is not for the
//! cluster that the call names, nothing is sent, because that cluster would be shown a token that another one accepts.

use std::collections::BTreeMap;
use std::sync::Arc;

use rmcp::model::JsonObject;
use serde_json::Value;

use super::Cluster;
use crate::config::{ClustersConfig, ContextName};
use crate::failure::Failure;
use crate::tls::TlsError;

/// What `kubernetes-mcp-server`, and the gateway by default, call the argument that names a cluster.
pub(crate) const CONTEXT: &str = "context";

/// The clusters of one server, at least one.
#[derive(Debug)]
pub struct Clusters {
    default: Arc<Cluster>,
    by_name: BTreeMap<ContextName, Arc<Cluster>>,
}

/// The names among which a call may choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contexts {
    pub(crate) default: ContextName,
    pub(crate) names: Vec<ContextName>,
}

impl Clusters {
    /// Prepares every cluster; no connection is made before the first call.
    ///
    /// # Errors
    /// The first cluster whose files cannot be used.
    pub fn new(config: &ClustersConfig) -> Result<Self, TlsError> {
        let new = |cluster| Cluster::new(cluster).map(Arc::new);
        let default = new(config.default_cluster())?;
        let mut by_name = BTreeMap::new();
        for cluster in config.all() {
            let Some(name) = cluster.name.clone() else { continue };
            let is_default = default.name() == Some(&name);
            let cluster = if is_default { Arc::clone(&default) } else { new(cluster)? };
            by_name.insert(name, cluster);
        }
        Ok(Self { default, by_name })
    }

    /// Clusters that are there already, each with a name of its own.
    pub(crate) fn of(default: Arc<Cluster>, others: Vec<Arc<Cluster>>) -> Self {
        let all = others.iter().chain([&default]);
        let by_name = all
            .filter_map(|cluster| Some((cluster.name()?.clone(), Arc::clone(cluster))))
            .collect();
        Self { default, by_name }
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Cluster>> {
        let others = self.by_name.values().filter(|cluster| !Arc::ptr_eq(cluster, &self.default));
        std::iter::once(&self.default).chain(others)
    }

    /// The names, where there is a choice.
    pub(crate) fn contexts(&self) -> Option<Contexts> {
        let default = self.default.name()?.clone();
        let names: Vec<_> = self.by_name.keys().cloned().collect();
        (names.len() > 1).then_some(Contexts { default, names })
    }

    /// The cluster of whatever names none.
    pub(crate) fn default_cluster(&self) -> &Arc<Cluster> {
        &self.default
    }

    /// A cluster by its name, where there is a choice; without a name, the one of whatever names none.
    pub(crate) fn named(&self, name: &str) -> Option<&Arc<Cluster>> {
        if name.is_empty() {
            return Some(&self.default);
        }
        self.contexts()?;
        self.by_name.get(&ContextName::try_from(name.to_owned()).ok()?)
    }

    /// The cluster that a call's arguments name, and the arguments without the name. Where there is no choice, the name
    /// is no argument of any tool's, and each refuses it itself.
    ///
    /// # Errors
    /// When there is no cluster of that name.
    pub(crate) fn chosen(&self, arguments: &mut JsonObject) -> Result<&Arc<Cluster>, Failure> {
        if self.contexts().is_none() {
            return Ok(&self.default);
        }
        let unknown = || {
            let names: Vec<_> = self.by_name.keys().map(ContextName::as_str).collect();
            let names = names.join(", ");
            Failure::InvalidArguments(format!(
                "{CONTEXT} must be one of {names}, or left out for {}",
                self.default.shown()
            ))
        };
        match arguments.remove(CONTEXT) {
            None | Some(Value::Null) => Ok(&self.default),
            Some(Value::String(name)) => ContextName::try_from(name)
                .ok()
                .and_then(|name| self.by_name.get(&name))
                .ok_or_else(unknown),
            Some(_) => Err(unknown()),
        }
    }
}
