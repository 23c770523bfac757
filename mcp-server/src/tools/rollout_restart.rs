//! `rollout_restart`.

use k8s_openapi::jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::changes::words;
use super::workload::{Workload, WorkloadKind, refuse_paused};
use super::{CallContext, Effect, KubeTool};
use crate::clock;
use crate::cluster::{Change, PatchKind};
use crate::failure::Failure;
use crate::output::Reply;

pub(super) struct RolloutRestart;

/// Where `kubectl rollout restart` writes it, too.
const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Restarted {
    /// The kind
    kind: WorkloadKind,
    /// The namespace
    namespace: String,
    /// The name
    name: String,
    /// When, as it is written on its pods
    restarted_at: String,
}

impl KubeTool for RolloutRestart {
    const NAME: &'static str = "rollout_restart";
    const TITLE: &'static str = "Rollout: Restart";
    const DESCRIPTION: &'static str = "Replace all pods of a Deployment, StatefulSet or DaemonSet by new ones, in the steps that it rolls out in. \
         rollout_status tells when it is done";
    const EFFECT: Effect = Effect::Changes;
    type Input = Workload;
    type Output = Restarted;

    async fn call(context: CallContext, input: Workload) -> Result<Reply<Restarted>, Failure> {
        let Workload { kind, name, namespace } = input;
        let resource = kind.resource();
        let namespace = context.caller.namespace_or_default(namespace);
        context.caller.before_reading_and_changing(&resource, &namespace, &name).await?;
        let object = context.caller.get(&resource, &namespace, &name).await?;
        refuse_paused(&object, &name)?;
        let restarted_at = now()?;
        let patch = json!({
            "spec": {"template": {"metadata": {"annotations": {RESTARTED_AT: restarted_at}}}},
        });
        let change = Change::default();
        context
            .caller
            .patch(&resource, &namespace, &name, PatchKind::Merge, &patch, change)
            .await?;
        let text = format!("{} is being restarted\n", words(&resource, &namespace, &name));
        let structured = Restarted {
            kind,
            namespace: namespace.to_string(),
            name: name.to_string(),
            restarted_at,
        };
        Ok(Reply { structured, text })
    }
}

fn now() -> Result<String, Failure> {
    i64::try_from(clock::now())
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .map(|now| now.to_string())
        .ok_or_else(|| Failure::Internal("the clock shows no time".to_owned()))
}
