//! What the tools that change objects have in common: manifests, made ready and told of.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::CallContext;
use super::made_before::{Made, Maker};
use crate::cluster::{Resource, Shown, Written};
use crate::failure::Failure;
use crate::manifest::{self, Document};
use crate::names::{Namespace, ObjectName};
use crate::output::Object;

/// How much of shown objects goes into one answer.
const MAX_SHOWN_BYTES: usize = 192 * 1024;

/// An object of a manifest, and where it belongs.
#[derive(Debug)]
pub(super) struct Prepared {
    /// Which of all objects it is.
    pub(super) index: usize,
    pub(super) resource: Resource,
    pub(super) namespace: Namespace,
    pub(super) document: Document,
    /// Who makes its kind, if that is not there yet.
    pub(super) kind_by: Option<Maker>,
    /// Who makes its namespace, whether or not that is there already.
    pub(super) namespace_by: Option<Maker>,
}

/// An object that a change was about.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub(super) struct Changed {
    /// The apiVersion
    api_version: String,
    /// The kind
    kind: String,
    /// The namespace, if it lives in one
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    /// The name
    name: String,
    /// Whether it was not there before
    created: bool,
    /// The version that the API server has given it
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_version: Option<String>,
    /// Why it could not be tried, if it could not: it needs what an earlier document makes
    #[serde(skip_serializing_if = "Option::is_none")]
    untried: Option<String>,
    /// The object as it is now, if that was asked for
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<Shown>,
}

/// Reads a manifest and finds out where its objects belong. Nothing is changed before all of it is known to be an object
/// each, of a kind that there is, or will be by then, and that is not denied, and in the namespace that the call is about;
/// and before a person has been asked, where the operator wants that, about `verbs` on all of them.
pub(super) async fn prepare(
    context: &CallContext,
    text: &str,
    namespace: Option<&Namespace>,
    verbs: &[&'static str],
) -> Result<Vec<Prepared>, Failure> {
    let wrong = |reason: String| Failure::InvalidArguments(format!("resource: {reason}"));
    let mut prepared = Vec::new();
    let documents = manifest::read(text).map_err(wrong)?;
    let made = Made::by(&documents);
    for (index, mut document) in documents.into_iter().enumerate() {
        // Whoever read an object with them and sends it back does not mean them, and the API server takes none.
        if let Some(Value::Object(metadata)) = document.object.get_mut("metadata") {
            metadata.remove("managedFields");
        }
        if let (Some(of_call), Some(own)) = (namespace, &document.namespace)
            && of_call != own
        {
            return Err(wrong(format!(
                "{} {} is of the namespace {own}, and the call of {of_call}: leave one of the two out",
                document.kind, document.name
            )));
        }
        let own = document.namespace.as_ref().or(namespace).cloned();
        let namespace = context.caller.namespace_or_default(own);
        let found = context.caller.discover(&document.api_version, &document.kind).await;
        let maker = made.kind(&document.api_version, &document.kind);
        let (resource, kind_by) = match (found, maker) {
            (Err(Failure::UnknownKind { .. }), Some((maker, resource))) => {
                if !maker.is_before(index) {
                    return Err(wrong(format!(
                        "{} {} is of a kind that {} makes: put that before it",
                        document.kind,
                        document.name,
                        maker.words()
                    )));
                }
                (resource.clone(), Some(maker))
            }
            (found, _) => (found?, None),
        };
        let namespace_by = made.namespace(&namespace).filter(|_| resource.is_namespaced());
        prepared.push(Prepared { index, resource, namespace, document, kind_by, namespace_by });
    }
    let requests: Vec<_> = prepared
        .iter()
        .flat_map(|one| verbs.iter().map(move |verb| (*verb, one)))
        .map(|(verb, one)| (verb, &one.resource, &one.namespace, Some(&one.document.name)))
        .collect();
    context.caller.before_changes(&requests).await?;
    Ok(prepared)
}

impl Prepared {
    /// The object in words.
    pub(super) fn words(&self) -> String {
        words(&self.resource, &self.namespace, &self.document.name)
    }
}

/// `Deployment web in namespace shop`.
pub(super) fn words(resource: &Resource, namespace: &Namespace, name: &ObjectName) -> String {
    let kind = resource.kind();
    if resource.is_namespaced() {
        format!("{kind} {name} in namespace {namespace}")
    } else {
        format!("{kind} {name}")
    }
}

/// Tells which of several changes failed, what is done and what is not.
pub(super) fn partly(failure: Failure, done: &[String], rest: &[Prepared]) -> Failure {
    let Some((failed, left)) = rest.split_first() else { return failure };
    if done.is_empty() && left.is_empty() {
        return failure;
    }
    let list = |items: &[String]| match items {
        [] => "nothing".to_owned(),
        items => items.join("; "),
    };
    let left: Vec<_> = left.iter().map(Prepared::words).collect();
    Failure::Partly {
        failure: Box::new(failure),
        failed: failed.words(),
        done: list(done),
        left: list(&left),
    }
}

impl Changed {
    pub(super) fn new(
        resource: &Resource,
        namespace: &Namespace,
        name: &ObjectName,
        written: &Written,
    ) -> Self {
        Self {
            api_version: resource.api_version().to_owned(),
            kind: resource.kind().to_owned(),
            namespace: resource.is_namespaced().then(|| namespace.to_string()),
            name: name.to_string(),
            created: written.created,
            resource_version: written.object.text("/metadata/resourceVersion").map(str::to_owned),
            untried: None,
            object: None,
        }
    }

    /// An object that would be new, if it could be tried.
    pub(super) fn untried(one: &Prepared, why: String) -> Self {
        let resource = &one.resource;
        Self {
            api_version: resource.api_version().to_owned(),
            kind: resource.kind().to_owned(),
            namespace: resource.is_namespaced().then(|| one.namespace.to_string()),
            name: one.document.name.to_string(),
            created: true,
            resource_version: None,
            untried: Some(why),
            object: None,
        }
    }

    /// Adds the object, as long as there is room for it: in the structure, and as text.
    pub(super) fn show(&mut self, object: Shown, text: &mut String) {
        let shown = Object::new(object.clone()).reply().text;
        if text.len().saturating_add(shown.len()) > MAX_SHOWN_BYTES {
            text.push_str("[left out: too much to show at once]\n");
        } else {
            text.push_str(&shown);
            self.object = Some(object);
        }
    }
}
