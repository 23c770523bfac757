//! `rollout_status`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::arguments::optional;
use super::changes::words;
use super::seconds::Patience;
use super::waiting::{Judged, until};
use super::workload::{Stage, WorkloadKind, stage};
use super::{CallContext, Effect, KubeTool};
use crate::failure::Failure;
use crate::names::{Namespace, ObjectName};
use crate::output::Reply;

pub(super) struct RolloutStatus;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Input {
    /// The kind
    kind: WorkloadKind,
    /// The workload's name
    name: ObjectName,
    /// The workload's namespace; the default one if left out
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Namespace", extend("x-mcp-header" = "Namespace"))]
    namespace: Option<Namespace>,
    /// Wait until the rollout has come to its end, at most so many seconds, from 1 to 600. Left out, where it stands is told
    /// at once
    #[serde(default)]
    #[schemars(with = "Patience")]
    timeout_seconds: Option<Patience>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Standing {
    /// The kind
    kind: WorkloadKind,
    /// The namespace
    namespace: String,
    /// The name
    name: String,
    /// progressing, complete, or failed if it will not come to its end by itself
    stage: Stage,
    /// The same in words
    message: String,
}

impl KubeTool for RolloutStatus {
    const NAME: &'static str = "rollout_status";
    const TITLE: &'static str = "Rollout: Status";
    const DESCRIPTION: &'static str = "Tell where the rollout of a Deployment, StatefulSet or DaemonSet stands, or wait for its end";
    const EFFECT: Effect = Effect::Reads;
    type Input = Input;
    type Output = Standing;

    async fn call(context: CallContext, input: Input) -> Result<Reply<Standing>, Failure> {
        let Input { kind, name, namespace, timeout_seconds } = input;
        let resource = kind.resource();
        let namespace = context.caller.namespace_or_default(namespace);
        let (stage, message) = match timeout_seconds {
            None => stage(kind, &context.caller.get(&resource, &namespace, &name).await?),
            Some(Patience(limit)) => {
                let what = format!(
                    "{}: the rollout has not come to its end",
                    words(&resource, &namespace, &name)
                );
                let about = (&resource, &namespace, &name);
                until(&context, about, (&what, limit), |object| {
                    let Some(object) = object else {
                        return Ok(Judged::NotYet("it does not exist".to_owned()));
                    };
                    Ok(match stage(kind, &object) {
                        (Stage::Progressing, message) => Judged::NotYet(message),
                        ended => Judged::Met(ended),
                    })
                })
                .await?
            }
        };
        let text = format!("{}: {message}\n", words(&resource, &namespace, &name));
        let structured = Standing {
            kind,
            namespace: namespace.to_string(),
            name: name.to_string(),
            stage,
            message,
        };
        Ok(Reply { structured, text })
    }
}
