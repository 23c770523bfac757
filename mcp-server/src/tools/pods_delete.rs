//! `pods_delete`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::arguments::optional;
use super::grace_period::GracePeriod;
use super::{CallContext, Effect, KubeTool};
use crate::cluster::{Deletion, Resource};
use crate::failure::Failure;
use crate::names::{Namespace, ObjectName};
use crate::output::Reply;

pub(super) struct PodsDelete;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// The pod's name
    name: ObjectName,
    /// The pod's namespace; the default one if left out
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Namespace", extend("x-mcp-header" = "Namespace"))]
    namespace: Option<Namespace>,
    /// How many seconds its containers have to end; 0 is at once. Left out, what the pod says
    #[serde(default, rename = "gracePeriodSeconds")]
    #[schemars(with = "GracePeriod")]
    grace_period_seconds: Option<GracePeriod>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Deleted {
    /// The namespace
    namespace: String,
    /// The pod whose deletion the API server has accepted
    name: String,
}

impl KubeTool for PodsDelete {
    const NAME: &'static str = "pods_delete";
    const TITLE: &'static str = "Pods: Delete";
    const DESCRIPTION: &'static str =
        "Delete one pod. What owns it, a Deployment for example, will usually make another one";
    const EFFECT: Effect = Effect::ChangesOnce;
    type Input = Input;
    type Output = Deleted;

    async fn call(context: CallContext, input: Input) -> Result<Reply<Deleted>, Failure> {
        let pods = Resource::core("Pod", "pods", true);
        let namespace = context.caller.namespace_or_default(input.namespace);
        let deletion = Deletion {
            grace_period_seconds: input.grace_period_seconds.map(|GracePeriod(seconds)| seconds),
            ..Deletion::default()
        };
        context.caller.delete(&pods, &namespace, &input.name, &deletion).await?;
        let text = format!("pod {} in namespace {namespace} is being deleted\n", input.name);
        Ok(Reply {
            structured: Deleted { namespace: namespace.to_string(), name: input.name.to_string() },
            text,
        })
    }
}
