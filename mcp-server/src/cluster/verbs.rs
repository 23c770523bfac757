//! The verbs that the tools use, each one request (or two) as the caller.

use http::header::ACCEPT;
use http::{HeaderValue, Request};
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::autoscaling::v1::Scale;
use kube::core::params::{DeleteParams, GetParams, ListParams, Patch, PatchParams, PostParams};
use kube::core::request;
use kube::core::subresource::LogParams;
use serde_json::{Value, json};

use super::caller::Caller;
use super::discovery::Resource;
use super::operation::Operation;
use crate::failure::Failure;
use crate::names::{ContainerName, Namespace, ObjectName};
use crate::output::{Listing, Object};
use crate::selectors::{FieldSelector, LabelSelector};

/// How many objects a list shows; the rest is counted.
const PAGE: u32 = 250;
/// How much of a log is asked for.
pub(crate) const MAX_LOG_BYTES: usize = 128 * 1024;

/// Columns as `kubectl get` prints them, computed by the server; plain lists from aggregated servers that cannot.
const AS_TABLE: HeaderValue =
    HeaderValue::from_static("application/json;as=Table;v=v1;g=meta.k8s.io,application/json");

/// The lines of a log that are wanted.
#[derive(Debug)]
pub(crate) struct LogQuery {
    pub(crate) container: Option<ContainerName>,
    pub(crate) previous: bool,
    pub(crate) tail: u32,
}

impl Caller {
    /// Lists a kind, in one namespace or in all of them.
    pub(crate) async fn list(
        &self,
        resource: &Resource,
        namespace: Option<&Namespace>,
        labels: Option<LabelSelector>,
        fields: Option<FieldSelector>,
    ) -> Result<Listing, Failure> {
        let mut params = ListParams::default().limit(PAGE);
        params.label_selector = labels.map(|selector| selector.0);
        params.field_selector = fields.map(|selector| selector.0);
        let operation = resource.operation("list", "", namespace);
        let mut request = built(request::Request::new(resource.path(namespace)).list(&params))?;
        request.headers_mut().insert(ACCEPT, AS_TABLE);
        let answer: Value = self.ask(&operation, request).await?;
        Listing::read(answer, resource.api_version(), resource.kind())
            .map_err(|reason| self.malformed(&operation, reason))
    }

    /// Reads one object.
    pub(crate) async fn get(
        &self,
        resource: &Resource,
        namespace: &Namespace,
        name: &ObjectName,
    ) -> Result<Object, Failure> {
        let operation = resource.operation_on("get", "", Some(namespace), name);
        let request = request::Request::new(resource.path(Some(namespace)));
        self.ask(&operation, built(request.get(name.as_str(), &GetParams::default()))?)
            .await
            .map(Object::read)
    }

    /// Deletes one object, with its own grace period.
    pub(crate) async fn delete(
        &self,
        resource: &Resource,
        namespace: &Namespace,
        name: &ObjectName,
    ) -> Result<(), Failure> {
        let operation = resource.operation_on("delete", "", Some(namespace), name);
        let request = request::Request::new(resource.path(Some(namespace)));
        self.send(&operation, built(request.delete(name.as_str(), &DeleteParams::default()))?)
            .await
            .map(drop)
    }

    /// Reads the end of a pod's log. Asks for one byte more than [`MAX_LOG_BYTES`], which tells that there is more.
    pub(crate) async fn logs(
        &self,
        pods: &Resource,
        namespace: &Namespace,
        name: &ObjectName,
        query: LogQuery,
    ) -> Result<String, Failure> {
        let params = LogParams {
            container: query.container.map(|container| container.as_str().to_owned()),
            previous: query.previous,
            tail_lines: Some(i64::from(query.tail)),
            limit_bytes: i64::try_from(MAX_LOG_BYTES + 1).ok(),
            ..LogParams::default()
        };
        let operation = pods.operation_on("get", "/log", Some(namespace), name);
        let mut request =
            built(request::Request::new(pods.path(Some(namespace))).logs(name.as_str(), &params))?;
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json, */*"));
        let body = self.send(&operation, request).await?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// Reads how many replicas there are and should be.
    pub(crate) async fn scale(
        &self,
        resource: &Resource,
        namespace: &Namespace,
        name: &ObjectName,
    ) -> Result<Scale, Failure> {
        let operation = resource.operation_on("get", "/scale", Some(namespace), name);
        let request = request::Request::new(resource.path(Some(namespace)));
        self.ask(&operation, built(request.get_subresource("scale", name.as_str()))?).await
    }

    /// Sets how many replicas there should be, and nothing else of the object.
    pub(crate) async fn rescale(
        &self,
        resource: &Resource,
        namespace: &Namespace,
        name: &ObjectName,
        replicas: i32,
    ) -> Result<Scale, Failure> {
        let operation = resource.operation_on("patch", "/scale", Some(namespace), name);
        let patch = Patch::Merge(json!({ "spec": { "replicas": replicas } }));
        let request = request::Request::new(resource.path(Some(namespace)));
        let request =
            request.patch_subresource("scale", name.as_str(), &PatchParams::default(), &patch);
        self.ask(&operation, built(request)?).await
    }

    /// Asks the API server who the caller is.
    pub(crate) async fn whoami(&self) -> Result<SelfSubjectReview, Failure> {
        let group = "authentication.k8s.io";
        let operation = Operation::on_cluster("create", format!("selfsubjectreviews.{group}")).of(
            group,
            "SelfSubjectReview",
            "selfsubjectreviews",
        );
        let review =
            json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" });
        let request = request::Request::new("/apis/authentication.k8s.io/v1/selfsubjectreviews");
        let request = request.create(&PostParams::default(), review.to_string().into_bytes());
        self.ask(&operation, built(request)?).await
    }
}

fn built(request: Result<Request<Vec<u8>>, request::Error>) -> Result<Request<Vec<u8>>, Failure> {
    request.map_err(|error| Failure::InvalidArguments(error.to_string()))
}
