//! `rollout_history`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::arguments::optional;
use super::changes::words;
use super::workload::WorkloadKind;
use super::{CallContext, Effect, KubeTool};
use crate::cluster::{Noise, Revision, Shown, annotation};
use crate::failure::Failure;
use crate::names::{Namespace, ObjectName};
use crate::output::{Object, Reply, one_line};

pub(super) struct RolloutHistory;

/// Where people say why they changed something.
const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// The kind
    kind: WorkloadKind,
    /// The workload's name
    name: ObjectName,
    /// The workload's namespace; the default one if left out
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Namespace", extend("x-mcp-header" = "Namespace"))]
    namespace: Option<Namespace>,
    /// Show how the pods of this revision are made
    #[serde(default)]
    #[schemars(with = "RevisionNumber")]
    revision: Option<RevisionNumber>,
}

/// The number of a revision.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "i64")]
pub(super) struct RevisionNumber(pub(super) i64);

impl TryFrom<i64> for RevisionNumber {
    type Error = &'static str;

    fn try_from(number: i64) -> Result<Self, Self::Error> {
        if number > 0 { Ok(Self(number)) } else { Err("a revision must be a number above 0") }
    }
}

impl JsonSchema for RevisionNumber {
    fn schema_name() -> Cow<'static, str> {
        "RevisionNumber".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1 })
    }

    fn inline_schema() -> bool {
        true
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct History {
    /// The kind
    kind: WorkloadKind,
    /// The namespace
    namespace: String,
    /// The name
    name: String,
    /// The revisions that are kept, oldest first; the last one is the present one
    revisions: Vec<Kept>,
    /// How the pods of the revision are made that was asked for
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<Shown>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
struct Kept {
    /// Its number
    revision: i64,
    /// The ReplicaSet or ControllerRevision that keeps it
    keeper: String,
    /// When it was first rolled out
    created: String,
    /// The images of its containers
    images: Vec<String>,
    /// Why it was made, if somebody has said so
    #[serde(skip_serializing_if = "Option::is_none")]
    change_cause: Option<String>,
}

impl KubeTool for RolloutHistory {
    const NAME: &'static str = "rollout_history";
    const TITLE: &'static str = "Rollout: History";
    const DESCRIPTION: &'static str = "List the revisions of a Deployment, StatefulSet or DaemonSet that rollout_undo can go back to, \
         or show how the pods of one are made";
    const EFFECT: Effect = Effect::Reads;
    type Input = Input;
    type Output = History;

    async fn call(context: CallContext, input: Input) -> Result<Reply<History>, Failure> {
        let Input { kind, name, namespace, revision } = input;
        let resource = kind.resource();
        let namespace = context.caller.namespace_or_default(namespace);
        let object = context.caller.get(&resource, &namespace, &name).await?;
        let revisions = context.caller.revisions(&object, &namespace).await?;
        let object = words(&resource, &namespace, &name);
        let (template, text) = match revision {
            None => (None, format!("{object}\n{}", table(&revisions))),
            Some(RevisionNumber(number)) => {
                let found = find(&revisions, number)?;
                let part = Map::from_iter([(
                    "template".to_owned(),
                    Value::Object(found.template.clone()),
                )]);
                let shown = found.keeper.part(part).show(Noise::Dropped);
                let text = Object::new(shown.clone()).reply().text;
                (Some(shown), format!("{object}, revision {number}\n{text}"))
            }
        };
        let structured = History {
            kind,
            namespace: namespace.to_string(),
            name: name.to_string(),
            revisions: revisions.iter().map(Kept::new).collect(),
            template,
        };
        Ok(Reply { structured, text })
    }
}

/// The revision of this number, or which ones there are.
pub(super) fn find(revisions: &[Revision], number: i64) -> Result<&Revision, Failure> {
    revisions.iter().find(|revision| revision.number == number).ok_or_else(|| {
        let kept: Vec<_> = revisions.iter().map(|revision| revision.number.to_string()).collect();
        let kept = if kept.is_empty() { "none".to_owned() } else { kept.join(", ") };
        Failure::InvalidArguments(format!("revision {number} is not kept; these are: {kept}"))
    })
}

fn table(revisions: &[Revision]) -> String {
    if revisions.is_empty() {
        return "no revisions are kept\n".to_owned();
    }
    let lines = revisions.iter().map(|revision| {
        let Kept { revision, created, images, change_cause, .. } = Kept::new(revision);
        let cause = change_cause.unwrap_or_else(|| "-".to_owned());
        format!("{revision:<10}{created:<22}{}   {cause}\n", images.join(","))
    });
    format!(
        "{:<10}{:<22}IMAGES   CHANGE-CAUSE\n{}",
        "REVISION",
        "CREATED",
        lines.collect::<String>()
    )
}

impl Kept {
    fn new(revision: &Revision) -> Self {
        let keeper = &revision.keeper;
        let containers = revision.template.get("spec").and_then(|spec| spec.get("containers"));
        let containers = containers.and_then(Value::as_array).into_iter().flatten();
        let images = containers.filter_map(|container| container.get("image")?.as_str());
        Self {
            revision: revision.number,
            keeper: keeper.name().unwrap_or_default().to_owned(),
            created: keeper.text("/metadata/creationTimestamp").unwrap_or_default().to_owned(),
            images: images.map(one_line).collect(),
            change_cause: annotation(keeper, CHANGE_CAUSE).map(one_line),
        }
    }
}
