//! The names of objects, and nothing else of them.

use http::HeaderValue;
use http::header::ACCEPT;
use kube::core::params::ListParams;
use kube::core::request;
use serde::Deserialize;

use super::caller::Caller;
use super::discovery::Resource;
use super::verbs::built;
use crate::failure::Failure;
use crate::names::Namespace;

/// Metadata alone (KEP-2334); whole objects from aggregated servers that cannot.
const AS_METADATA: HeaderValue = HeaderValue::from_static(
    "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json",
);
/// As many as are looked through for the one that somebody began to write.
const MOST: u32 = 1_000;

#[derive(Deserialize)]
struct Names {
    #[serde(default)]
    items: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    metadata: Meta,
}

#[derive(Deserialize)]
struct Meta {
    name: String,
}

impl Caller {
    /// Names of a kind, in one namespace or in all of them: the first thousand.
    pub(crate) async fn names_of(
        &self,
        resource: &Resource,
        namespace: Option<&Namespace>,
    ) -> Result<Vec<String>, Failure> {
        let operation = resource.operation("list", "", namespace);
        let params = ListParams::default().limit(MOST);
        let mut request = built(request::Request::new(resource.path(namespace)).list(&params))?;
        request.headers_mut().insert(ACCEPT, AS_METADATA);
        let answer: Names = self.ask(&operation, request).await?;
        Ok(answer.items.into_iter().map(|item| item.metadata.name).collect())
    }
}
