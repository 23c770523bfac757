//! What is being tried, for the words of a refusal.

use std::fmt;

use crate::confirmation::Touched;
use crate::failure::Failure;
use crate::names::{Namespace, ObjectName};

/// A verb on a resource, as RBAC speaks of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Operation {
    verb: &'static str,
    resource: String,
    name: Option<String>,
    place: Place,
    kind: Option<OfKind>,
    collection: Option<Collection>,
}

/// Where the objects are listed that are touched, or their kin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Collection {
    /// In the namespace, if there is one.
    pub(super) here: String,
    /// In the whole cluster.
    pub(super) everywhere: String,
}

/// Whose objects are touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OfKind {
    pub(super) group: String,
    pub(super) kind: String,
    pub(super) plural: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// Cluster-scoped, or no place at all.
    Cluster,
    AllNamespaces,
    Namespace(String),
}

impl Operation {
    /// `verb` on a resource that lives in no namespace.
    pub(super) fn on_cluster(verb: &'static str, resource: impl Into<String>) -> Self {
        Self {
            verb,
            resource: resource.into(),
            name: None,
            place: Place::Cluster,
            kind: None,
            collection: None,
        }
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

    /// The same, of a kind: what is denied is told by it.
    pub(super) fn of(self, group: &str, kind: &str, plural: &str) -> Self {
        let [group, kind, plural] = [group, kind, plural].map(str::to_owned);
        Self { kind: Some(OfKind { group, kind, plural }), ..self }
    }

    /// The kind whose objects are touched; none when the API is only asked what there is.
    pub(super) fn kind(&self) -> Option<&OfKind> {
        self.kind.as_ref()
    }

    /// The same, with where its kin are listed.
    pub(super) fn among(self, here: String, everywhere: String) -> Self {
        Self { collection: Some(Collection { here, everywhere }), ..self }
    }

    /// Where the kin of what is touched are listed.
    pub(super) fn collection(&self) -> Option<&Collection> {
        self.collection.as_ref()
    }

    pub(super) fn verb(&self) -> &'static str {
        self.verb
    }

    /// As RBAC knows it: `deployments.apps/scale`.
    pub(super) fn resource(&self) -> &str {
        &self.resource
    }

    /// The one object that is touched.
    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The namespace in which something is touched.
    pub(super) fn namespace(&self) -> Option<&str> {
        match &self.place {
            Place::Namespace(namespace) => Some(namespace),
            Place::Cluster | Place::AllNamespaces => None,
        }
    }

    /// Whether all namespaces are touched.
    pub(super) fn is_everywhere(&self) -> bool {
        self.place == Place::AllNamespaces
    }

    /// Whether a Secret is touched.
    pub(super) fn is_of_secrets(&self) -> bool {
        self.kind.as_ref().is_some_and(|of| of.kind == "Secret")
    }

    /// Whether it is more than reading.
    pub(super) fn changes(&self) -> bool {
        !matches!(self.verb, "get" | "list" | "watch" | "discover")
    }

    /// Whether the request has a body of the caller's, which an answer may quote.
    pub(super) fn sends(&self) -> bool {
        matches!(self.verb, "create" | "update" | "patch" | "apply")
    }

    /// What rules of confirmation see of it.
    pub(super) fn touched<'a>(&'a self, of: &'a OfKind) -> Touched<'a> {
        let (namespace, name) = (self.namespace(), self.name());
        Touched { verb: self.verb, group: &of.group, kind: &of.kind, namespace, name }
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
