//! What rolls out: Deployments, StatefulSets and DaemonSets.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::arguments::optional;
use crate::cluster::{RawObject, Resource};
use crate::failure::Failure;
use crate::names::{Namespace, ObjectName};

/// Which workload a call is about.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Workload {
    /// The kind
    pub(super) kind: WorkloadKind,
    /// The workload's name
    pub(super) name: ObjectName,
    /// The workload's namespace; the default one if left out
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Namespace", extend("x-mcp-header" = "Namespace"))]
    pub(super) namespace: Option<Namespace>,
}

/// The kinds whose controllers roll out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[schemars(inline)]
pub(super) enum WorkloadKind {
    Deployment,
    StatefulSet,
    DaemonSet,
}

impl WorkloadKind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
        }
    }

    pub(super) fn resource(self) -> Resource {
        let plural = match self {
            Self::Deployment => "deployments",
            Self::StatefulSet => "statefulsets",
            Self::DaemonSet => "daemonsets",
        };
        Resource::apps(self.name(), plural)
    }
}

/// Where a rollout stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum Stage {
    /// It goes on.
    Progressing,
    /// All pods are new and available.
    Complete,
    /// It will not come to its end by itself.
    Failed,
}

/// Where a rollout stands, and in words.
pub(super) fn stage(kind: WorkloadKind, object: &RawObject) -> (Stage, String) {
    let number = |pointer: &str| object.pointer(pointer).and_then(Value::as_i64);
    let status = |field: &str| number(&format!("/status/{field}")).unwrap_or_default();
    let strategy = object.text("/spec/updateStrategy/type");
    if kind != WorkloadKind::Deployment && strategy == Some("OnDelete") {
        let words = "its pods change when they are deleted (updateStrategy OnDelete): there is no rollout to follow";
        return (Stage::Failed, words.to_owned());
    }
    if number("/metadata/generation") > number("/status/observedGeneration") {
        return (Stage::Progressing, "its controller has not seen the last change yet".to_owned());
    }
    let wanted = number("/spec/replicas").unwrap_or(1);
    let going = match kind {
        WorkloadKind::Deployment => deployment(object, wanted, &status),
        WorkloadKind::StatefulSet => stateful_set(object, wanted, &status),
        WorkloadKind::DaemonSet => daemon_set(&status),
    };
    going.unwrap_or_else(|| (Stage::Complete, "it is rolled out".to_owned()))
}

type Going = Option<(Stage, String)>;

fn progressing(words: String) -> Going {
    Some((Stage::Progressing, words))
}

fn deployment(object: &RawObject, wanted: i64, status: &impl Fn(&str) -> i64) -> Going {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    let is_too_late = conditions.into_iter().flatten().any(|condition| {
        condition.get("type").is_some_and(|kind| kind == "Progressing")
            && condition.get("reason").is_some_and(|reason| reason == "ProgressDeadlineExceeded")
    });
    if is_too_late {
        return Some((Stage::Failed, "it has exceeded its progress deadline".to_owned()));
    }
    let (updated, all) = (status("updatedReplicas"), status("replicas"));
    let available = status("availableReplicas");
    if updated < wanted {
        progressing(format!("{updated} of {wanted} pods are new{}", paused(object)))
    } else if all > updated {
        progressing(format!("{} old pods have still to end{}", all - updated, paused(object)))
    } else if available < updated {
        progressing(format!("{available} of {updated} new pods are available"))
    } else {
        None
    }
}

fn paused(object: &RawObject) -> &'static str {
    if is_paused(object) { "; it is paused (spec.paused)" } else { "" }
}

/// Whether a Deployment's controller has been told to leave its pods as they are.
pub(super) fn is_paused(object: &RawObject) -> bool {
    object.pointer("/spec/paused") == Some(&Value::Bool(true))
}

fn stateful_set(object: &RawObject, wanted: i64, status: &impl Fn(&str) -> i64) -> Going {
    let (ready, updated) = (status("readyReplicas"), status("updatedReplicas"));
    if ready < wanted {
        return progressing(format!("{ready} of {wanted} pods are ready"));
    }
    let partition = object.pointer("/spec/updateStrategy/rollingUpdate/partition");
    let partition = partition.and_then(Value::as_i64).unwrap_or_default();
    if partition > 0 {
        let to_update = wanted - partition;
        return if updated < to_update {
            progressing(format!("{updated} of {to_update} pods above the partition are new"))
        } else {
            let words = format!("it is rolled out above its partition: {updated} pods are new");
            Some((Stage::Complete, words))
        };
    }
    if object.text("/status/updateRevision") != object.text("/status/currentRevision") {
        return progressing(format!("{updated} of {wanted} pods are new"));
    }
    None
}

fn daemon_set(status: &impl Fn(&str) -> i64) -> Going {
    let wanted = status("desiredNumberScheduled");
    let (updated, available) = (status("updatedNumberScheduled"), status("numberAvailable"));
    if updated < wanted {
        progressing(format!("{updated} of {wanted} pods are new"))
    } else if available < wanted {
        progressing(format!("{available} of {wanted} new pods are available"))
    } else {
        None
    }
}

/// Of a paused Deployment, neither a restart nor a return would come to anything.
pub(super) fn refuse_paused(object: &RawObject, name: &ObjectName) -> Result<(), Failure> {
    if is_paused(object) {
        return Err(Failure::InvalidArguments(format!(
            "name: Deployment {name} is paused, so that nothing would be rolled out: set spec.paused to false first"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(kind: WorkloadKind, spec: Value, status: Value) -> (Stage, String) {
        let object =
            RawObject::of(json!({"metadata": {"generation": 2}, "spec": spec, "status": status}));
        stage(kind, &object)
    }

    #[test]
    fn a_deployment_is_followed_through_its_stages() {
        let at = |status: Value| of(WorkloadKind::Deployment, json!({"replicas": 3}), status);
        for (status, stage, words) in [
            (json!({"observedGeneration": 1}), Stage::Progressing, "has not seen"),
            (json!({}), Stage::Progressing, "has not seen"),
            (
                json!({"observedGeneration": 2, "updatedReplicas": 1}),
                Stage::Progressing,
                "1 of 3 pods are new",
            ),
            (
                json!({"observedGeneration": 2, "updatedReplicas": 3, "replicas": 4}),
                Stage::Progressing,
                "1 old pods",
            ),
            (
                json!({"observedGeneration": 2, "updatedReplicas": 3, "replicas": 3, "availableReplicas": 2}),
                Stage::Progressing,
                "2 of 3 new pods are available",
            ),
            (
                json!({"observedGeneration": 2, "updatedReplicas": 3, "replicas": 3, "availableReplicas": 3}),
                Stage::Complete,
                "is rolled out",
            ),
            (
                json!({"observedGeneration": 2, "conditions": [{"type": "Progressing", "reason": "ProgressDeadlineExceeded"}]}),
                Stage::Failed,
                "deadline",
            ),
        ] {
            let (is, told) = at(status.clone());
            assert!(is == stage && told.contains(words), "{status}: {is:?} {told}");
        }
        let paused = json!({"replicas": 1, "paused": true});
        let told = of(WorkloadKind::Deployment, paused, json!({"observedGeneration": 2})).1;
        assert!(told.contains("paused"), "{told}");
    }

    #[test]
    fn stateful_sets_and_daemon_sets_are_followed_too() {
        let stateful = |spec: Value, status: Value| of(WorkloadKind::StatefulSet, spec, status);
        let ready = |updated: i64, update: &str| {
            json!({
                "observedGeneration": 2, "readyReplicas": 3, "updatedReplicas": updated,
                "updateRevision": update, "currentRevision": "b",
            })
        };
        let three = json!({"replicas": 3});
        let part = json!({"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": 2}}});
        let on_delete = json!({"replicas": 3, "updateStrategy": {"type": "OnDelete"}});
        for (spec, status, stage) in [
            (&three, json!({"observedGeneration": 2, "readyReplicas": 1}), Stage::Progressing),
            (&three, ready(1, "a"), Stage::Progressing),
            (&three, ready(3, "b"), Stage::Complete),
            (&part, ready(0, "a"), Stage::Progressing),
            (&part, ready(1, "a"), Stage::Complete),
            (&on_delete, ready(1, "a"), Stage::Failed),
        ] {
            let (is, told) = stateful(spec.clone(), status.clone());
            assert_eq!(is, stage, "{spec} {status}: {told}");
        }
        for (updated, available, stage) in
            [(1, 1, Stage::Progressing), (2, 1, Stage::Progressing), (2, 2, Stage::Complete)]
        {
            let status = json!({
                "observedGeneration": 2, "desiredNumberScheduled": 2,
                "updatedNumberScheduled": updated, "numberAvailable": available,
            });
            assert_eq!(of(WorkloadKind::DaemonSet, json!({}), status).0, stage);
        }
    }
}
