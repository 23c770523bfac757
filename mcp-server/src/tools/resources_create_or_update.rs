//! `resources_create_or_update`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::arguments::optional;
use super::changes::{self, Changed};
use super::made_before::Attempt;
use super::plain::{Switch, is_on};
use super::{CallContext, Effect, KubeTool};
use crate::cluster::{Change, Noise};
use crate::failure::Failure;
use crate::names::Namespace;
use crate::output::Reply;

pub(super) struct ResourcesCreateOrUpdate;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Input {
    /// One or several objects in YAML (documents between ---) or JSON, each with apiVersion, kind and metadata.name.
    /// Fields that are left out stay as they are
    resource: String,
    /// The namespace of objects that do not name one; the default one if left out
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Namespace", extend("x-mcp-header" = "Namespace"))]
    namespace: Option<Namespace>,
    /// Check everything at the API server and change nothing. What needs a namespace or a kind that the manifest itself makes cannot be checked before that is there, and the answer says so
    #[serde(default)]
    #[schemars(with = "Switch")]
    dry_run: Option<Switch>,
    /// Take over fields that other field managers hold. Only after a conflict has been told and somebody wants it
    #[serde(default)]
    #[schemars(with = "Switch")]
    force: Option<Switch>,
    /// Show each object as it is then
    #[serde(default)]
    #[schemars(with = "Switch")]
    show: Option<Switch>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Applied {
    /// Whether nothing was changed, as this was only a check
    dry_run: bool,
    /// The objects, in the order of the manifest
    objects: Vec<Changed>,
}

impl KubeTool for ResourcesCreateOrUpdate {
    const NAME: &'static str = "resources_create_or_update";
    const TITLE: &'static str = "Resources: Create or Update";
    const DESCRIPTION: &'static str = "Make objects of any kind be as a manifest says (server-side apply): those that are missing are created, \
         of the others the named fields are set. Several objects are applied one after the other, up to the first that fails. \
         resources_diff shows beforehand what would change";
    const EFFECT: Effect = Effect::ChangesOnce;
    type Input = Input;
    type Output = Applied;

    async fn call(context: CallContext, input: Input) -> Result<Reply<Applied>, Failure> {
        let prepared =
            changes::prepare(&context, &input.resource, input.namespace.as_ref(), &["patch"])
                .await?;
        let dry_run = is_on(input.dry_run);
        let change = Change { dry_run, force: is_on(input.force) };
        let (mut objects, mut text, mut done) = (Vec::new(), String::new(), Vec::new());
        for (index, one) in prepared.iter().enumerate() {
            let (resource, namespace, name) = (&one.resource, &one.namespace, &one.document.name);
            let attempt = one.attempt(&context, change).await.map_err(|failure| {
                changes::partly(failure, &done, prepared.get(index..).unwrap_or_default())
            })?;
            let written = match attempt {
                Attempt::Written(written) => written,
                Attempt::Untried(why) => {
                    text.push_str(&format!("{}: cannot be tried: {why}\n", one.words()));
                    done.push(format!("{} (could not be tried)", one.words()));
                    objects.push(Changed::untried(one, why));
                    continue;
                }
            };
            let mut changed = Changed::new(resource, namespace, name, &written);
            let verb = if written.created { "created" } else { "applied" };
            let would = if dry_run { "would be " } else { "" };
            text.push_str(&format!("{}: {would}{verb}\n", one.words()));
            done.push(format!("{} ({would}{verb})", one.words()));
            if is_on(input.show) {
                changed.show(written.object.show(Noise::Dropped), &mut text);
            }
            objects.push(changed);
            let total = prepared.len();
            if total > 1 {
                let progress = format!("{} of {total} objects", index + 1);
                context.progress.report(count(index + 1), Some(count(total)), progress).await;
            }
        }
        if dry_run {
            text.push_str("[a dry run: nothing was changed]\n");
        }
        Ok(Reply { structured: Applied { dry_run, objects }, text })
    }
}

fn count(objects: usize) -> f64 {
    u32::try_from(objects).map_or(f64::MAX, f64::from)
}
