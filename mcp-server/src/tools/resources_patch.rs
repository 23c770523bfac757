//! `resources_patch`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::arguments::optional;
use super::changes::{Changed, words};
use super::patch_type::{PatchType, advised};
use super::plain::{Switch, is_on};
use super::{CallContext, Effect, KubeTool};
use crate::cluster::{Change, Noise};
use crate::failure::Failure;
use crate::names::{ApiVersion, Kind, Namespace, ObjectName};
use crate::output::Reply;

pub(super) struct ResourcesPatch;

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
    /// The patch, in JSON or YAML: the fields to change, or for json a list of operations
    patch: String,
    /// strategic merges lists by their keys (the default; built-in kinds only), merge replaces lists and takes away what is
    /// null, json is a list of RFC 6902 operations, apply is server-side apply
    #[serde(default)]
    #[schemars(with = "PatchType")]
    patch_type: Option<PatchType>,
    /// Check everything at the API server and change nothing
    #[serde(default)]
    #[schemars(with = "Switch")]
    dry_run: Option<Switch>,
    /// For apply: take over fields that other field managers hold
    #[serde(default)]
    #[schemars(with = "Switch")]
    force: Option<Switch>,
    /// Show the object as it is then
    #[serde(default)]
    #[schemars(with = "Switch")]
    show: Option<Switch>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Patched {
    /// Whether nothing was changed, as this was only a check
    dry_run: bool,
    /// The object
    #[serde(flatten)]
    changed: Changed,
}

impl KubeTool for ResourcesPatch {
    const NAME: &'static str = "resources_patch";
    const TITLE: &'static str = "Resources: Patch";
    const DESCRIPTION: &'static str = "Change some fields of one object of any kind. resources_diff shows beforehand what would change";
    const EFFECT: Effect = Effect::Changes;
    type Input = Input;
    type Output = Patched;

    async fn call(context: CallContext, input: Input) -> Result<Reply<Patched>, Failure> {
        let patch_type = input.patch_type.unwrap_or_default();
        let force = is_on(input.force);
        if force && patch_type != PatchType::Apply {
            return Err(Failure::InvalidArguments(
                "force: only patches of patchType apply can be forced".to_owned(),
            ));
        }
        let dry_run = is_on(input.dry_run);
        let resource = context.caller.discover(&input.api_version, &input.kind).await?;
        let (kind, patch) = patch_type.read(&input.patch, &resource, &input.name)?;
        let namespace = context.caller.namespace_or_default(input.namespace);
        let written = context
            .caller
            .patch(&resource, &namespace, &input.name, kind, &patch, Change { dry_run, force })
            .await
            .map_err(|failure| advised(failure, patch_type, &resource))?;
        let mut changed = Changed::new(&resource, &namespace, &input.name, &written);
        let object = words(&resource, &namespace, &input.name);
        let mut text = if dry_run {
            format!("{object} would be patched [a dry run: nothing was changed]\n")
        } else {
            format!("{object} is patched\n")
        };
        if is_on(input.show) {
            changed.show(written.object.show(Noise::Dropped), &mut text);
        }
        Ok(Reply { structured: Patched { dry_run, changed }, text })
    }
}
