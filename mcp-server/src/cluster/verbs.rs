//! The verbs that the tools use, each one request (or two) as the caller.

use http::Request;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::autoscaling::v1::Scale;
use kube::core::params::{GetParams, Patch, PatchParams, PostParams};
use kube::core::request;
use serde_json::{Map, Value, json};
use std::sync::Arc;

use super::caller::Caller;
use super::discovery::Resource;
use super::object::{Noise, RawObject, Shown};
use super::operation::Operation;
use super::without_managed_fields::WithoutManagedFields;
use crate::failure::Failure;
use crate::names::{Namespace, ObjectName};

impl Caller {
    /// An object as it came, with what may be shown of it.
    pub(super) fn raw(&self, object: Map<String, Value>) -> RawObject {
        RawObject::new(object, Arc::clone(&self.cluster().shown_secrets))
    }

    /// Reads one object.
    pub(crate) async fn get(
        &self,
        resource: &Resource,
        namespace: &Namespace,
        name: &ObjectName,
    ) -> Result<RawObject, Failure> {
        let operation = resource.operation_on("get", "", Some(namespace), name);
        let request = request::Request::new(resource.path(Some(namespace)));
        let request = built(request.get(name.as_str(), &GetParams::default()))?;
        self.ask(&operation, request).await.map(|object| self.raw(object))
    }

    /// Reads one object to show it.
    pub(crate) async fn get_shown(
        &self,
        resource: &Resource,
        namespace: &Namespace,
        name: &ObjectName,
        noise: Noise,
    ) -> Result<Shown, Failure> {
        if noise == Noise::Kept {
            return Ok(self.get(resource, namespace, name).await?.show(noise));
        }
        let operation = resource.operation_on("get", "", Some(namespace), name);
        let request = request::Request::new(resource.path(Some(namespace)));
        let request = built(request.get(name.as_str(), &GetParams::default()))?;
        let WithoutManagedFields(object) = self.ask(&operation, request).await?;
        Ok(self.raw(object).show(noise))
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

pub(super) fn built(
    request: Result<Request<Vec<u8>>, request::Error>,
) -> Result<Request<Vec<u8>>, Failure> {
    request.map_err(|error| Failure::InvalidArguments(error.to_string()))
}
