//! Resources: what the cluster holds, by URI, read as the caller and redacted as tools are.
//!
//! Listed are the places to begin at; everything else is reached by templates. Nothing is told when it changes: subscriptions
//! are not offered.

mod uri;

use rmcp::model::{
    ReadResourceResult, Resource as Listed, ResourceContents, ResourceTemplate as Template,
};

use crate::cluster::{Caller, ListQuery, Noise, Resource};
use crate::failure::Failure;
use crate::names::{ApiVersion, Kind, Namespace};
use crate::output::{Object, Reply};
pub(crate) use uri::{K8sUri, Written};

const YAML: &str = "application/yaml";
const JSON: &str = "application/json";
const TEXT: &str = "text/plain";

/// The longest JSON: half an object would be no object.
const MAX_JSON_BYTES: usize = 192 * 1024;

/// Those of the cluster of whatever names none; another's have its name between the second slash and the third.
pub(crate) fn list() -> Vec<Listed> {
    let beginnings = [
        ("v1/Namespace", "namespaces", "Namespaces", "The namespaces of the cluster, as a table"),
        ("v1/Node", "nodes", "Nodes", "The nodes of the cluster, as a table"),
    ];
    beginnings
        .map(|(what, name, title, description)| {
            Listed::new(format!("k8s:///cluster/{what}"), name)
                .with_title(title)
                .with_description(description)
                .with_mime_type(TEXT)
        })
        .into()
}

/// The templates; as in [`list`].
pub(crate) fn templates() -> Vec<Template> {
    let forms = [
        (
            "namespaces/{namespace}/{+apiVersion}/{kind}/{name}{?output}",
            "namespaced-object",
            "Object in a namespace",
            "An object, with Secrets' values redacted: YAML, or with ?output=json JSON. apiVersion is like v1 or apps/v1, kind like Pod",
            YAML,
        ),
        (
            "namespaces/{namespace}/{+apiVersion}/{kind}",
            "namespaced-list",
            "Objects of a kind in a namespace",
            "A table, as kubectl get -o wide prints it",
            TEXT,
        ),
        (
            "cluster/{+apiVersion}/{kind}/{name}{?output}",
            "cluster-object",
            "Object that lives in no namespace",
            "An object such as a Node or a ClusterRole: YAML, or with ?output=json JSON",
            YAML,
        ),
        (
            "cluster/{+apiVersion}/{kind}",
            "cluster-list",
            "Objects of a kind in the whole cluster",
            "A table over all namespaces, as kubectl get -A -o wide prints it",
            TEXT,
        ),
    ];
    forms
        .map(|(form, name, title, description, mime_type)| {
            Template::new(format!("k8s:///{form}"), name)
                .with_title(title)
                .with_description(description)
                .with_mime_type(mime_type)
        })
        .into()
}

/// Reads what a URI names, as the caller.
///
/// # Errors
/// When the cluster says no; or the place is none for that kind.
pub(crate) async fn read(uri: &K8sUri, caller: &Caller) -> Result<ReadResourceResult, Failure> {
    let resource = caller.discover(&uri.api_version, &uri.kind).await?;
    if uri.namespace.is_some() && !resource.is_namespaced() {
        return Err(Failure::InvalidArguments(format!(
            "{} lives in no namespace: write k8s://{}/cluster/…",
            resource.kind(),
            uri.cluster
        )));
    }
    let (text, mime_type) = match &uri.name {
        Some(_) if uri.namespace.is_none() && resource.is_namespaced() => {
            return Err(Failure::InvalidArguments(format!(
                "{} lives in a namespace: write k8s://{}/namespaces/…",
                resource.kind(),
                uri.cluster
            )));
        }
        Some(name) => {
            // A kind that lives in none has no use for it.
            let namespace = caller.namespace_or_default(uri.namespace.clone());
            let shown = caller.get_shown(&resource, &namespace, name, Noise::Dropped).await?;
            match uri.output {
                Written::Yaml => (Object::new(shown).reply().text, YAML),
                Written::Json => {
                    let text = serde_json::to_string_pretty(&shown)
                        .map_err(|error| Failure::Internal(error.to_string()))?;
                    if text.len() > MAX_JSON_BYTES {
                        return Err(Failure::AnswerTooLarge {
                            operation: format!("get {} as JSON", uri.kind),
                            limit_bytes: MAX_JSON_BYTES,
                        });
                    }
                    (text, JSON)
                }
            }
        }
        None => {
            let query = ListQuery::default();
            let Reply { text, .. } =
                caller.list_table(&resource, uri.namespace.as_ref(), &query).await?.reply();
            (text, TEXT)
        }
    };
    let contents = ResourceContents::text(text, uri.to_string()).with_mime_type(mime_type);
    Ok(ReadResourceResult::new(vec![contents]))
}

/// What a variable of a template could be, by what the caller may list. The other variables that are known already are in
/// `known`.
///
/// # Errors
/// When the cluster says no.
pub(crate) async fn complete(
    variable: &str,
    known: impl Fn(&str) -> Option<String>,
    caller: &Caller,
) -> Result<Vec<String>, Failure> {
    let read = |text: Option<String>| text.and_then(|text| Namespace::try_from(text).ok());
    match variable {
        "namespace" => {
            caller.names_of(&Resource::core("Namespace", "namespaces", false), None).await
        }
        "apiVersion" => {
            Ok(["v1", "apps/v1", "batch/v1", "networking.k8s.io/v1"].map(str::to_owned).into())
        }
        "output" => Ok(["yaml", "json"].map(str::to_owned).into()),
        "name" => {
            let api_version = known("apiVersion").and_then(|text| ApiVersion::try_from(text).ok());
            let kind = known("kind").and_then(|text| Kind::try_from(text).ok());
            let (Some(api_version), Some(kind)) = (api_version, kind) else {
                return Ok(Vec::new());
            };
            let resource = caller.discover(&api_version, &kind).await?;
            match read(known("namespace")) {
                // Names of all namespaces would say nothing of where.
                None if resource.is_namespaced() => Ok(Vec::new()),
                namespace => caller.names_of(&resource, namespace.as_ref()).await,
            }
        }
        _ => Ok(Vec::new()),
    }
}
