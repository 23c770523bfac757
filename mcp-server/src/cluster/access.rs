//! What the caller may do, by the API server's own word.

use k8s_openapi::api::authorization::v1::{
    SelfSubjectAccessReview, SelfSubjectRulesReview, SubjectAccessReviewStatus,
};
use kube::core::params::PostParams;
use kube::core::request;
use serde_json::{Value, json};

use super::caller::Caller;
use super::discovery::Resource;
use super::operation::Operation;
use super::verbs::built;
use crate::failure::Failure;
use crate::names::{Namespace, ObjectName};

const GROUP: &str = "authorization.k8s.io";

/// A question to the authorizer.
#[derive(Debug)]
pub(crate) struct AccessQuery {
    pub(crate) verb: String,
    pub(crate) group: String,
    pub(crate) resource: String,
    pub(crate) subresource: String,
    pub(crate) name: String,
    pub(crate) namespace: String,
}

/// What the caller may do in a namespace, as the authorizers tell it.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) rules: Vec<Rule>,
    /// Why there may be more than is told; some authorizers cannot list what they allow.
    pub(crate) incomplete: Option<String>,
}

/// One rule.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) verbs: Vec<String>,
    pub(crate) groups: Vec<String>,
    pub(crate) resources: Vec<String>,
    pub(crate) names: Vec<String>,
}

impl Caller {
    /// Asks whether the caller may do something.
    pub(crate) async fn may(
        &self,
        query: &AccessQuery,
    ) -> Result<SubjectAccessReviewStatus, Failure> {
        let attributes = json!({
            "verb": query.verb, "group": query.group, "resource": query.resource,
            "subresource": query.subresource, "name": query.name, "namespace": query.namespace,
        });
        let spec = json!({ "resourceAttributes": attributes });
        let operation = operation("SelfSubjectAccessReview", "selfsubjectaccessreviews");
        let review: SelfSubjectAccessReview =
            self.review("SelfSubjectAccessReview", "selfsubjectaccessreviews", spec).await?;
        review.status.ok_or_else(|| self.malformed(&operation, "a review without a verdict"))
    }

    /// Whether the caller may make this object by applying it.
    pub(crate) async fn may_apply(
        &self,
        resource: &Resource,
        namespace: &Namespace,
        name: &ObjectName,
    ) -> Result<bool, Failure> {
        let namespace = if resource.is_namespaced() { namespace.as_str() } else { "" };
        let query = |verb: &str, name: &str| AccessQuery {
            verb: verb.to_owned(),
            group: resource.group().to_owned(),
            resource: resource.plural().to_owned(),
            subresource: String::new(),
            name: name.to_owned(),
            namespace: namespace.to_owned(),
        };
        // What is applied is patched by its name; that it is created, too, is asked for the same name.
        let queries = (query("patch", name.as_str()), query("create", name.as_str()));
        let (patch, create) = tokio::try_join!(self.may(&queries.0), self.may(&queries.1))?;
        Ok(patch.allowed && create.allowed)
    }

    /// Asks for all that the caller may do in a namespace.
    pub(crate) async fn rules(&self, namespace: &Namespace) -> Result<Rules, Failure> {
        let spec = json!({ "namespace": namespace.as_str() });
        let operation = operation("SelfSubjectRulesReview", "selfsubjectrulesreviews");
        let review: SelfSubjectRulesReview =
            self.review("SelfSubjectRulesReview", "selfsubjectrulesreviews", spec).await?;
        let status =
            review.status.ok_or_else(|| self.malformed(&operation, "a review without rules"))?;
        let rules = status.resource_rules.into_iter().map(|rule| Rule {
            verbs: rule.verbs,
            groups: rule.api_groups.unwrap_or_default(),
            resources: rule.resources.unwrap_or_default(),
            names: rule.resource_names.unwrap_or_default(),
        });
        let why = status.evaluation_error.filter(|why| !why.is_empty());
        Ok(Rules {
            rules: rules.collect(),
            incomplete: status
                .incomplete
                .then(|| why.unwrap_or_else(|| "an authorizer does not tell its rules".to_owned())),
        })
    }

    async fn review<T: serde::de::DeserializeOwned>(
        &self,
        kind: &str,
        plural: &str,
        spec: Value,
    ) -> Result<T, Failure> {
        let body = json!({ "apiVersion": format!("{GROUP}/v1"), "kind": kind, "spec": spec });
        let request = request::Request::new(format!("/apis/{GROUP}/v1/{plural}"));
        let request = request.create(&PostParams::default(), body.to_string().into_bytes());
        self.ask(&operation(kind, plural), built(request)?).await
    }
}

fn operation(kind: &str, plural: &str) -> Operation {
    Operation::on_cluster("create", format!("{plural}.{GROUP}")).of(GROUP, kind, plural)
}
