//! All the kinds that an API server has, by its own word to the caller.
//!
//! What it said last is kept, and asked for again by its `ETag` with each caller's own credential: who may not ask is
//! refused by the API server, and who may is told that it is the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::header::{ACCEPT, ETAG, IF_NONE_MATCH};
use http::{HeaderValue, Request, StatusCode};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{APIGroupList, APIResourceList};
use serde::Deserialize;

use super::caller::Caller;
use super::operation::Operation;
use crate::failure::Failure;
use crate::names::{ApiVersion, is_dns_label};

/// More kinds than clusters serve; beyond it nothing is kept.
const MAX_KEPT: usize = 8_192;
/// Versions that are asked for one by one, of servers that do not tell all at once.
const MAX_VERSIONS: usize = 256;

/// All at once (apidiscovery.k8s.io); older servers send the names of groups instead.
const AGGREGATED: HeaderValue = HeaderValue::from_static(
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
     application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json",
);

/// A kind, and how it is spoken of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiKind {
    pub(crate) group: String,
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) short_names: Vec<String>,
    pub(crate) namespaced: bool,
    pub(crate) verbs: Vec<String>,
    /// `scale`, `log`, `status`, …
    pub(crate) subresources: Vec<String>,
}

impl ApiKind {
    /// Whether people call it by this name, in small letters.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.kind.to_lowercase() == name
            || self.plural == name
            || self.singular == name
            || self.short_names.iter().any(|short| short == name)
            || name == format!("{}.{}", self.plural, self.group)
    }
}

/// What an API server said last, by the path that was asked.
#[derive(Debug, Default)]
pub(super) struct KeptKinds(Mutex<HashMap<&'static str, Kept>>);

/// What was said, and the name of just this.
type Kept = (HeaderValue, Arc<Vec<ApiKind>>);

impl KeptKinds {
    fn get(&self, path: &'static str) -> Option<Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
    }

    fn keep(&self, path: &'static str, etag: HeaderValue, kinds: &Arc<Vec<ApiKind>>) {
        if kinds.len() <= MAX_KEPT {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.insert(path, (etag, Arc::clone(kinds)));
        }
    }
}

#[derive(Deserialize)]
struct Aggregated {
    kind: String,
    #[serde(default)]
    items: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    #[serde(default)]
    metadata: Named,
    #[serde(default)]
    versions: Vec<Version>,
}

#[derive(Default, Deserialize)]
struct Named {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Version {
    version: String,
    #[serde(default)]
    resources: Vec<Told>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    resource: String,
    #[serde(default)]
    response_kind: Option<ResponseKind>,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    singular_resource: String,
    #[serde(default)]
    verbs: Vec<String>,
    #[serde(default)]
    short_names: Vec<String>,
    #[serde(default)]
    subresources: Vec<Subresource>,
}

#[derive(Deserialize)]
struct ResponseKind {
    #[serde(default)]
    kind: String,
}

#[derive(Deserialize)]
struct Subresource {
    subresource: String,
}

impl Caller {
    /// Every kind of the cluster, the core group first, as the API server orders them.
    pub(crate) async fn api_kinds(&self) -> Result<Vec<ApiKind>, Failure> {
        let (core, groups) = tokio::join!(self.kinds_at("/api"), self.kinds_at("/apis"));
        Ok(core?.iter().chain(groups?.iter()).cloned().collect())
    }

    async fn kinds_at(&self, path: &'static str) -> Result<Arc<Vec<ApiKind>>, Failure> {
        let operation = Operation::on_cluster("discover", "the kinds of the API");
        let kept = self.cluster().kept_kinds.get(path);
        let mut request = Request::get(path).header(ACCEPT, AGGREGATED);
        if let Some((etag, _)) = &kept {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let request = request
            .body(Vec::new())
            .map_err(|_| Failure::Internal("discovery's own request cannot be built".to_owned()))?;
        let (head, body) = self.fetch(&operation, request).await?;
        if head.status == StatusCode::NOT_MODIFIED {
            return kept.map(|(_, kinds)| kinds).ok_or_else(|| {
                self.malformed(&operation, "nothing has changed, it says, since nothing was told")
            });
        }
        let malformed = |_| self.malformed(&operation, "neither kinds nor groups");
        let told: Aggregated = serde_json::from_slice(&body).map_err(malformed)?;
        if told.kind != "APIGroupDiscoveryList" {
            return self.kinds_one_by_one(path, &body, &operation).await.map(Arc::new);
        }
        let kinds = Arc::new(told.items.into_iter().flat_map(kinds_of).collect::<Vec<_>>());
        if let Some(etag) = head.headers.get(ETAG) {
            self.cluster().kept_kinds.keep(path, etag.clone(), &kinds);
        }
        Ok(kinds)
    }

    /// From a server that tells the kinds of one version at a time.
    async fn kinds_one_by_one(
        &self,
        path: &'static str,
        body: &[u8],
        operation: &Operation,
    ) -> Result<Vec<ApiKind>, Failure> {
        let versions: Vec<String> = if path == "/api" {
            vec!["v1".to_owned()]
        } else {
            let groups: APIGroupList = serde_json::from_slice(body)
                .map_err(|_| self.malformed(operation, "no list of groups"))?;
            let versions = groups.groups.into_iter().flat_map(|group| group.versions);
            versions.map(|version| version.group_version).take(MAX_VERSIONS).collect()
        };
        let mut kinds = Vec::new();
        for version in versions {
            let Ok(version) = ApiVersion::try_from(version) else { continue };
            let request = Request::get(version.discovery_path()).body(Vec::new());
            let Ok(request) = request else { continue };
            // A group whose server is away takes the others' kinds from nobody.
            let Ok(list) = self.ask::<APIResourceList>(operation, request).await else { continue };
            kinds.extend(kinds_of_version(&list, &version));
        }
        Ok(kinds)
    }
}

fn kinds_of(group: Group) -> impl Iterator<Item = ApiKind> {
    let name = group.metadata.name;
    group.versions.into_iter().flat_map(move |version| {
        let name = name.clone();
        let api_version = if name.is_empty() {
            version.version.clone()
        } else {
            format!("{name}/{}", version.version)
        };
        version.resources.into_iter().filter(|told| is_dns_label(&told.resource)).map(move |told| {
            ApiKind {
                group: name.clone(),
                api_version: api_version.clone(),
                kind: told.response_kind.map(|kind| kind.kind).unwrap_or_default(),
                plural: told.resource,
                singular: told.singular_resource,
                short_names: told.short_names,
                namespaced: told.scope == "Namespaced",
                verbs: told.verbs,
                subresources: told.subresources.into_iter().map(|sub| sub.subresource).collect(),
            }
        })
    })
}

fn kinds_of_version(list: &APIResourceList, version: &ApiVersion) -> Vec<ApiKind> {
    let group = version.parts().0.to_owned();
    let kinds = list.resources.iter().filter(|resource| is_dns_label(&resource.name));
    kinds
        .map(|resource| {
            let prefix = format!("{}/", resource.name);
            let subresources = list.resources.iter();
            ApiKind {
                group: group.clone(),
                api_version: version.to_string(),
                kind: resource.kind.clone(),
                plural: resource.name.clone(),
                singular: resource.singular_name.clone(),
                short_names: resource.short_names.clone().unwrap_or_default(),
                namespaced: resource.namespaced,
                verbs: resource.verbs.clone(),
                subresources: subresources
                    .filter_map(|sub| sub.name.strip_prefix(&prefix).map(str::to_owned))
                    .collect(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn kinds_read_the_same_all_at_once_and_one_version_at_a_time() {
        let group: Group = serde_json::from_value(json!({
            "metadata": {"name": "apps"},
            "versions": [{"version": "v1", "freshness": "Current", "resources": [
                {"resource": "deployments", "responseKind": {"group": "", "version": "", "kind": "Deployment"},
                 "scope": "Namespaced", "singularResource": "deployment", "verbs": ["get", "list"],
                 "shortNames": ["deploy"], "categories": ["all"],
                 "subresources": [{"subresource": "scale", "verbs": ["get"]}]},
                {"resource": "../evil", "responseKind": {"kind": "Evil"}, "scope": "Cluster"},
            ]}],
        }))
        .unwrap();
        let list: APIResourceList = serde_json::from_value(json!({
            "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "apps/v1", "resources": [
                {"name": "deployments", "singularName": "deployment", "namespaced": true, "kind": "Deployment",
                 "verbs": ["get", "list"], "shortNames": ["deploy"]},
                {"name": "deployments/scale", "singularName": "", "namespaced": true, "kind": "Scale", "verbs": ["get"]},
            ],
        }))
        .unwrap();
        let apps = ApiVersion::try_from("apps/v1".to_owned()).unwrap();
        let kinds: Vec<_> = kinds_of(group).collect();
        assert_eq!(kinds, kinds_of_version(&list, &apps));
        assert_eq!(kinds.len(), 1);
        for name in ["deployment", "deployments", "deploy", "deployments.apps"] {
            assert!(kinds[0].is_called(name), "{name}");
        }
        assert!(!kinds[0].is_called("deployments.extensions"));
    }
}
