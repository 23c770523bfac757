//! `resources_delete`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::arguments::optional;
use super::changes::words;
use super::grace_period::GracePeriod;
use super::plain::{Switch, is_on};
use super::{CallContext, Effect, KubeTool};
use crate::cluster::{Deleted, Deletion, PropagationPolicy};
use crate::failure::Failure;
use crate::names::{ApiVersion, Kind, Namespace, ObjectName};
use crate::output::Reply;

pub(super) struct ResourcesDelete;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Input {
    /// The apiVersion, for example v1 or apps/v1
    api_version: ApiVersion,
    /// The kind, for example Deployment
    kind: Kind,
    /// The object's name
    name: ObjectName,
    /// The object's namespace; the default one if left out; ignored for kinds that live in no namespace
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Namespace", extend("x-mcp-header" = "Namespace"))]
    namespace: Option<Namespace>,
    /// How many seconds it has to end; 0 is at once. Left out, what the object says
    #[serde(default)]
    #[schemars(with = "GracePeriod")]
    grace_period_seconds: Option<GracePeriod>,
    /// What becomes of the objects that it owns: deleted after it (Background), before it (Foreground), or kept (Orphan).
    /// Left out, what its kind does
    #[serde(default)]
    #[schemars(with = "Propagation")]
    propagation_policy: Option<Propagation>,
    /// Check everything at the API server and delete nothing
    #[serde(default)]
    #[schemars(with = "Switch")]
    dry_run: Option<Switch>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[schemars(inline)]
enum Propagation {
    Background,
    Foreground,
    Orphan,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outcome {
    /// The apiVersion
    api_version: String,
    /// The kind
    kind: String,
    /// The namespace, if it lives in one
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    /// The name
    name: String,
    /// Whether it is gone; otherwise it goes when its grace period is over and its finalizers are done
    gone: bool,
    /// What has to be done before it can go
    #[serde(skip_serializing_if = "Vec::is_empty")]
    finalizers: Vec<String>,
    /// Whether nothing was deleted, as this was only a check
    dry_run: bool,
}

impl KubeTool for ResourcesDelete {
    const NAME: &'static str = "resources_delete";
    const TITLE: &'static str = "Resources: Delete";
    const DESCRIPTION: &'static str = "Delete one object of any kind, and with it what it owns unless propagationPolicy is Orphan";
    const EFFECT: Effect = Effect::ChangesOnce;
    type Input = Input;
    type Output = Outcome;

    async fn call(context: CallContext, input: Input) -> Result<Reply<Outcome>, Failure> {
        let resource = context.caller.discover(&input.api_version, &input.kind).await?;
        let namespace = context.caller.namespace_or_default(input.namespace);
        let dry_run = is_on(input.dry_run);
        let deletion = Deletion {
            dry_run,
            grace_period_seconds: input.grace_period_seconds.map(|GracePeriod(seconds)| seconds),
            propagation: input.propagation_policy.map(|policy| match policy {
                Propagation::Background => PropagationPolicy::Background,
                Propagation::Foreground => PropagationPolicy::Foreground,
                Propagation::Orphan => PropagationPolicy::Orphan,
            }),
        };
        let deleted = context.caller.delete(&resource, &namespace, &input.name, &deletion).await?;
        let (gone, finalizers) = match deleted {
            Deleted::Gone => (true, Vec::new()),
            Deleted::Going { finalizers } => (false, finalizers),
        };
        let object = words(&resource, &namespace, &input.name);
        let text = match (dry_run, gone, finalizers.is_empty()) {
            (true, ..) => format!("{object} would be deleted [a dry run: nothing was changed]\n"),
            (false, true, _) => format!("{object} is deleted\n"),
            (false, false, true) => format!("{object} is being deleted\n"),
            (false, false, false) => {
                format!("{object} is being deleted; it waits for {}\n", finalizers.join(", "))
            }
        };
        let structured = Outcome {
            api_version: resource.api_version().to_owned(),
            kind: resource.kind().to_owned(),
            namespace: resource.is_namespaced().then(|| namespace.to_string()),
            name: input.name.to_string(),
            gone: gone && !dry_run,
            finalizers,
            dry_run,
        };
        Ok(Reply { structured, text })
    }
}
