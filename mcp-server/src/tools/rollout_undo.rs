//! `rollout_undo`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::arguments::optional;
use super::changes::words;
use super::plain::{Switch, is_on};
use super::rollout_history::{RevisionNumber, find};
use super::workload::{WorkloadKind, refuse_paused};
use super::{CallContext, Effect, KubeTool};
use crate::cluster::{Change, PatchKind, RawObject, Revision, replacing};
use crate::failure::Failure;
use crate::names::{Namespace, ObjectName};
use crate::output::Reply;

pub(super) struct RolloutUndo;

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
    /// The revision to go back to, from rollout_history; the one before the present one if left out
    #[serde(default)]
    #[schemars(with = "RevisionNumber")]
    to_revision: Option<RevisionNumber>,
    /// Check everything at the API server and change nothing
    #[serde(default)]
    #[schemars(with = "Switch")]
    dry_run: Option<Switch>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Undone {
    /// The kind
    kind: WorkloadKind,
    /// The namespace
    namespace: String,
    /// The name
    name: String,
    /// The revision whose pods it makes again
    to_revision: i64,
    /// Whether anything had to be changed: it may be so already
    changed: bool,
    /// Whether nothing was changed, as this was only a check
    dry_run: bool,
}

impl KubeTool for RolloutUndo {
    const NAME: &'static str = "rollout_undo";
    const TITLE: &'static str = "Rollout: Undo";
    const DESCRIPTION: &'static str = "Let a Deployment, StatefulSet or DaemonSet make its pods as an earlier revision did. \
         What is not in the pod template, such as the number of replicas, stays";
    const EFFECT: Effect = Effect::Changes;
    type Input = Input;
    type Output = Undone;

    async fn call(context: CallContext, input: Input) -> Result<Reply<Undone>, Failure> {
        let Input { kind, name, namespace, to_revision, dry_run } = input;
        let resource = kind.resource();
        let namespace = context.caller.namespace_or_default(namespace);
        let dry_run = is_on(dry_run);
        context.caller.before_reading_and_changing(&resource, &namespace, &name).await?;
        let object = context.caller.get(&resource, &namespace, &name).await?;
        refuse_paused(&object, &name)?;
        let revisions = context.caller.revisions(&object, &namespace).await?;
        let target = match to_revision {
            Some(RevisionNumber(number)) => find(&revisions, number)?,
            None => previous(&revisions, &object)?,
        };
        let template = Value::Object(target.template.clone());
        let changed = object.pointer("/spec/template") != Some(&template);
        if changed {
            let generation = object.pointer("/metadata/generation").unwrap_or(&Value::Null);
            let annotations = Value::Object(annotations(&object, target));
            let mut values = vec![("/spec/template", template)];
            if kind == WorkloadKind::Deployment {
                values.push(("/metadata/annotations", annotations));
            }
            // Somebody else's change in between is not undone along.
            let patch = replacing(("/metadata/generation", generation), &values);
            let change = Change { dry_run, force: false };
            context
                .caller
                .patch(&resource, &namespace, &name, PatchKind::Json, &patch, change)
                .await?;
        }
        let number = target.number;
        let object = words(&resource, &namespace, &name);
        let text = match (changed, dry_run) {
            (false, _) => {
                format!("{object} is as in revision {number} already; nothing was changed\n")
            }
            (true, true) => {
                format!(
                    "{object} would go back to revision {number} [a dry run: nothing was changed]\n"
                )
            }
            (true, false) => format!("{object} goes back to revision {number}\n"),
        };
        let structured = Undone {
            kind,
            namespace: namespace.to_string(),
            name: name.to_string(),
            to_revision: number,
            changed,
            dry_run,
        };
        Ok(Reply { structured, text })
    }
}

/// The one before the present one, which is the newest as soon as the controller has seen the last change.
fn previous<'a>(revisions: &'a [Revision], object: &RawObject) -> Result<&'a Revision, Failure> {
    let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64);
    if number("/metadata/generation") > number("/status/observedGeneration") {
        return Err(Failure::InvalidArguments(
            "toRevision: the controller has not seen the last change yet, so that the revision before it is not known: \
             wait with rollout_status, or name a revision"
                .to_owned(),
        ));
    }
    revisions.iter().rev().nth(1).ok_or_else(|| {
        Failure::InvalidArguments(
            "toRevision: no earlier revision is kept, so there is nothing to go back to".to_owned(),
        )
    })
}

/// Annotations that are the Deployment's own, or its controller's.
const KEPT: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "deployment.kubernetes.io/revision",
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
];

/// What a ReplicaSet was annotated with when it was the present one, such as the cause of the change, is so again.
fn annotations(object: &RawObject, target: &Revision) -> Map<String, Value> {
    let of = |object: &RawObject, kept: bool| {
        let annotations = object.pointer("/metadata/annotations").and_then(Value::as_object);
        let annotations = annotations.cloned().unwrap_or_default();
        annotations.into_iter().filter(move |(key, _)| KEPT.contains(&key.as_str()) == kept)
    };
    of(object, true).chain(of(&target.keeper, false)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_deployment_keeps_its_own_annotations_and_gets_the_revisions() {
        let object = RawObject::of(json!({
            "metadata": {"annotations": {KEPT[0]: "{}", KEPT[1]: "5", "kubernetes.io/change-cause": "new"}},
        }));
        let keeper = RawObject::of(json!({
            "metadata": {"annotations": {KEPT[1]: "3", KEPT[3]: "2", "kubernetes.io/change-cause": "old"}},
        }));
        let target = Revision { number: 3, keeper, template: Map::new() };
        assert_eq!(
            Value::Object(annotations(&object, &target)),
            json!({KEPT[0]: "{}", KEPT[1]: "5", "kubernetes.io/change-cause": "old"})
        );
    }

    #[test]
    fn the_revision_before_is_known_when_the_controller_has_seen_the_last_change() {
        let revision =
            |number| Revision { number, keeper: RawObject::of(json!({})), template: Map::new() };
        let object = |observed: i64| {
            RawObject::of(
                json!({"metadata": {"generation": 2}, "status": {"observedGeneration": observed}}),
            )
        };
        let revisions = [revision(1), revision(4), revision(5)];
        assert_eq!(previous(&revisions, &object(2)).unwrap().number, 4);
        let told = previous(&revisions, &object(1)).unwrap_err().to_string();
        assert!(told.contains("has not seen the last change"), "{told}");
        let told = previous(&revisions[..1], &object(2)).unwrap_err().to_string();
        assert!(told.contains("no earlier revision"), "{told}");
        let told = find(&revisions, 3).unwrap_err().to_string();
        assert!(told.contains("1, 4, 5"), "{told}");
    }
}
