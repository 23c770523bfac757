//! `resources_diff`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::arguments::optional;
use super::changes::{self, Prepared, words};
use super::made_before::Attempt;
use super::patch_type::{PatchType, advised};
use super::plain::{Switch, Text, is_on};
use super::{CallContext, Effect, KubeTool};
use crate::cluster::{Change, RawObject, Resource};
use crate::failure::Failure;
use crate::names::{ApiVersion, Kind, Namespace, ObjectName};
use crate::output::{Difference, FieldChange, Reply};

pub(super) struct ResourcesDiff;

/// How much goes into one answer.
const MAX_BYTES: usize = 192 * 1024;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Input {
    /// A manifest, as for resources_create_or_update. Give either this or a patch
    #[serde(default)]
    #[schemars(with = "Text")]
    resource: Option<Text>,
    /// A patch, as for resources_patch, with apiVersion, kind and name of the object
    #[serde(default)]
    #[schemars(with = "Text")]
    patch: Option<Text>,
    /// For a patch: its type, as for resources_patch
    #[serde(default)]
    #[schemars(with = "PatchType")]
    patch_type: Option<PatchType>,
    /// For a patch: the apiVersion, for example v1 or apps/v1
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "ApiVersion")]
    api_version: Option<ApiVersion>,
    /// For a patch: the kind, for example Deployment
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Kind")]
    kind: Option<Kind>,
    /// For a patch: the object's name
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "ObjectName")]
    name: Option<ObjectName>,
    /// The namespace of what does not name one; the default one if left out
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Namespace", extend("x-mcp-header" = "Namespace"))]
    namespace: Option<Namespace>,
    /// Compare as if fields were taken over from other field managers
    #[serde(default)]
    #[schemars(with = "Switch")]
    force: Option<Switch>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Differences {
    /// The objects, in the order of the manifest
    objects: Vec<Compared>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
struct Compared {
    /// The apiVersion
    api_version: String,
    /// The kind
    kind: String,
    /// The namespace, if it lives in one
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    /// The name
    name: String,
    /// What would become of it
    outcome: Outcome,
    /// The fields that would change. Values of Secrets are left out: of one that would change it is said that it would
    changes: Vec<FieldChange>,
    /// How many more fields would change
    #[serde(skip_serializing_if = "is_zero")]
    more_changes: usize,
    /// Why it could not be tried: it needs what an earlier document makes
    #[serde(skip_serializing_if = "Option::is_none")]
    untried: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Outcome {
    Created,
    Changed,
    Unchanged,
    Untried,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// What the answer is made of.
#[derive(Default)]
struct Answer {
    objects: Vec<Compared>,
    text: String,
    bytes: usize,
}

impl KubeTool for ResourcesDiff {
    const NAME: &'static str = "resources_diff";
    const TITLE: &'static str = "Resources: Diff";
    const DESCRIPTION: &'static str = "Show what resources_create_or_update or resources_patch would change, and change nothing. \
         The API server works it out (a dry run), so defaults and admission are in it. It needs the permission to make the change";
    const EFFECT: Effect = Effect::Reads;
    type Input = Input;
    type Output = Differences;

    async fn call(context: CallContext, input: Input) -> Result<Reply<Differences>, Failure> {
        let change = Change { dry_run: true, force: is_on(input.force) };
        let mut answer = Answer::default();
        match (&input.resource, &input.patch) {
            (Some(Text(resource)), None) => {
                manifest(&context, resource, &input, change, &mut answer).await?;
            }
            (None, Some(Text(patch))) => {
                patched(&context, patch, &input, change, &mut answer).await?
            }
            _ => {
                return Err(Failure::InvalidArguments(
                    "resource or patch: exactly one of the two has to be given".to_owned(),
                ));
            }
        }
        let Answer { objects, text, .. } = answer;
        Ok(Reply { structured: Differences { objects }, text })
    }
}

async fn manifest(
    context: &CallContext,
    resource: &str,
    input: &Input,
    change: Change,
    answer: &mut Answer,
) -> Result<(), Failure> {
    let of_a_patch = [
        ("apiVersion", input.api_version.is_some()),
        ("kind", input.kind.is_some()),
        ("name", input.name.is_some()),
        ("patchType", input.patch_type.is_some()),
    ];
    if let Some((name, _)) = of_a_patch.iter().find(|(_, is_there)| *is_there) {
        return Err(Failure::InvalidArguments(format!(
            "{name}: goes with a patch; a manifest says of itself what it is about"
        )));
    }
    let prepared =
        changes::prepare(context, resource, input.namespace.as_ref(), &["get", "patch"]).await?;
    let mut done = Vec::new();
    for (index, one) in prepared.iter().enumerate() {
        let (resource, namespace, name) = (&one.resource, &one.namespace, &one.document.name);
        let compared = async {
            // Of a kind that is not there, nothing is.
            let live = match one.kind_by {
                None => live(context, resource, namespace, name).await?,
                Some(_) => None,
            };
            Ok((live, one.attempt(context, change).await?))
        };
        let (live, attempt) = compared.await.map_err(|failure| {
            changes::partly(failure, &done, prepared.get(index..).unwrap_or_default())
        })?;
        match attempt {
            Attempt::Written(after) => answer.add(resource, namespace, name, live, after.object),
            Attempt::Untried(why) => answer.add_untried(one, why),
        }
        done.push(format!("{} (compared)", one.words()));
    }
    Ok(())
}

async fn patched(
    context: &CallContext,
    patch: &str,
    input: &Input,
    change: Change,
    answer: &mut Answer,
) -> Result<(), Failure> {
    let (Some(api_version), Some(kind), Some(name)) =
        (&input.api_version, &input.kind, &input.name)
    else {
        return Err(Failure::InvalidArguments(
            "apiVersion, kind and name: a patch needs them to know its object".to_owned(),
        ));
    };
    let patch_type = input.patch_type.unwrap_or_default();
    if change.force && patch_type != PatchType::Apply {
        return Err(Failure::InvalidArguments(
            "force: only patches of patchType apply can be forced".to_owned(),
        ));
    }
    let resource = context.caller.discover(api_version, kind).await?;
    let (kind, patch) = patch_type.read(patch, &resource, name)?;
    let namespace = context.caller.namespace_or_default(input.namespace.clone());
    context.caller.before_reading_and_changing(&resource, &namespace, name).await?;
    let live = live(context, &resource, &namespace, name).await?;
    let written = context
        .caller
        .patch(&resource, &namespace, name, kind, &patch, change)
        .await
        .map_err(|failure| advised(failure, patch_type, &resource))?;
    answer.add(&resource, &namespace, name, live, written.object);
    Ok(())
}

/// The object as it is, if it is there.
async fn live(
    context: &CallContext,
    resource: &Resource,
    namespace: &Namespace,
    name: &ObjectName,
) -> Result<Option<RawObject>, Failure> {
    match context.caller.get(resource, namespace, name).await {
        Ok(object) => Ok(Some(object)),
        Err(failure) if failure.label() == "not_found" => Ok(None),
        Err(failure) => Err(failure),
    }
}

impl Answer {
    fn add(
        &mut self,
        resource: &Resource,
        namespace: &Namespace,
        name: &ObjectName,
        live: Option<RawObject>,
        after: RawObject,
    ) {
        let is_new = live.is_none();
        let (before, after) = RawObject::show_change(live, Some(after));
        let difference = Difference::of(&before, &after);
        let is_same = difference.is_empty();
        let Difference { mut changes, mut more, text } = difference;
        let (outcome, verb) = match (is_new, is_same) {
            (true, _) => (Outcome::Created, "would be created"),
            (false, false) => (Outcome::Changed, "would be changed"),
            (false, true) => (Outcome::Unchanged, "would not change"),
        };
        self.text.push_str(&format!("{}: {verb}\n", words(resource, namespace, name)));
        let bytes = serde_json::to_string(&changes).map_or(usize::MAX, |json| json.len());
        if self.bytes.saturating_add(bytes).max(self.text.len().saturating_add(text.len()))
            > MAX_BYTES
        {
            more = more.saturating_add(changes.len());
            changes.clear();
            self.text.push_str("[left out: too much to show at once]\n");
        } else {
            self.bytes = self.bytes.saturating_add(bytes);
            self.text.push_str(&text);
        }
        self.objects.push(Compared {
            api_version: resource.api_version().to_owned(),
            kind: resource.kind().to_owned(),
            namespace: resource.is_namespaced().then(|| namespace.to_string()),
            name: name.to_string(),
            outcome,
            changes,
            more_changes: more,
            untried: None,
        });
    }

    fn add_untried(&mut self, one: &Prepared, why: String) {
        self.text.push_str(&format!("{}: cannot be tried: {why}\n", one.words()));
        let resource = &one.resource;
        self.objects.push(Compared {
            api_version: resource.api_version().to_owned(),
            kind: resource.kind().to_owned(),
            namespace: resource.is_namespaced().then(|| one.namespace.to_string()),
            name: one.document.name.to_string(),
            outcome: Outcome::Untried,
            changes: Vec::new(),
            more_changes: 0,
            untried: Some(why),
        });
    }
}
