//! What is being tried, for the words of a refusal.

use std::fmt;

use crate::failure::Failure;
use crate::names::{Namespace, ObjectName};

/// A verb on a resource, as RBAC speaks of them.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    verb: &'static str,
    resource: String,
    name: Option<String>,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    /// Cluster-scoped, or no place at all.
    Cluster,
    AllNamespaces,
    Namespace(String),
}

impl Operation {
    /// `verb` on a resource that lives in no namespace.
    pub(super) fn on_cluster(verb: &'static str, resource: impl Into<String>) -> Self {
        Self { verb, resource: resource.into(), name: None, place: Place::Cluster }
    }

    /// `verb` on a namespaced resource; everywhere if no namespace is given.
    pub(super) fn in_namespace(
        verb: &'static str,
        resource: impl Into<String>,
        namespace: Option<&Namespace>,
    ) -> Self {
        let place = namespace.map_or(Place::AllNamespaces, |ns| Place::Namespace(ns.to_string()));
        Self { place, ..Self::on_cluster(verb, resource) }
    }

    /// The same, on one object.
    pub(super) fn named(self, name: &ObjectName) -> Self {
        Self { name: Some(name.to_string()), ..self }
    }

    pub(super) fn unreachable(
        &self,
        server: &impl fmt::Display,
        reason: impl Into<String>,
    ) -> Failure {
        Failure::Unreachable {
            operation: self.to_string(),
            server: server.to_string(),
            reason: reason.into(),
        }
    }

    pub(super) fn malformed(
        &self,
        server: &impl fmt::Display,
        reason: impl Into<String>,
    ) -> Failure {
        Failure::AnswerMalformed {
            operation: self.to_string(),
            server: server.to_string(),
            reason: reason.into(),
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.verb, self.resource)?;
        if let Some(name) = &self.name {
            write!(out, " \"{name}\"")?;
        }
        match &self.place {
            Place::Cluster => Ok(()),
            Place::AllNamespaces => out.write_str(" in all namespaces"),
            Place::Namespace(namespace) => write!(out, " in namespace \"{namespace}\""),
        }
    }
}
