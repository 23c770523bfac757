//! `pods_get`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::arguments::{Everything, optional};
use super::resources_get::{self, Wanted};
use super::{CallContext, Effect, KubeTool};
use crate::cluster::Resource;
use crate::failure::Failure;
use crate::names::{Namespace, ObjectName};
use crate::output::{Format, Object, Reply};

pub(super) struct PodsGet;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// The pod's name
    name: ObjectName,
    /// The pod's namespace; the default one if left out
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Namespace", extend("x-mcp-header" = "Namespace"))]
    namespace: Option<Namespace>,
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Format")]
    output: Option<Format>,
    #[serde(default)]
    everything: Everything,
}

impl KubeTool for PodsGet {
    const NAME: &'static str = "pods_get";
    const TITLE: &'static str = "Pods: Get";
    const DESCRIPTION: &'static str = "Get one pod, with its spec and status";
    const EFFECT: Effect = Effect::Reads;
    type Input = Input;
    type Output = Object;

    async fn call(context: CallContext, input: Input) -> Result<Reply<Object>, Failure> {
        let pods = Resource::core("Pod", "pods", true);
        let wanted = Wanted { output: input.output, everything: input.everything };
        resources_get::read(&context, &pods, input.namespace, &input.name, wanted).await
    }
}
