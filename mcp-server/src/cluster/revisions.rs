//! What a workload was before: the revisions that its controller keeps.

use serde_json::{Map, Value};

use super::caller::Caller;
use super::discovery::Resource;
use super::list::ListQuery;
use super::object::RawObject;
use crate::failure::Failure;
use crate::names::Namespace;
use crate::selectors::LabelSelector;

/// More than any controller keeps of one workload.
const MAX_KEPT: u32 = 500;
/// Which revision a ReplicaSet is, and which one a Deployment is at.
const REVISION: &str = "deployment.kubernetes.io/revision";
/// What tells the pods of one revision from those of another.
const TEMPLATE_HASH: &str = "pod-template-hash";

/// One state of a workload's pods.
#[derive(Debug)]
pub(crate) struct Revision {
    pub(crate) number: i64,
    /// The ReplicaSet or ControllerRevision that keeps it.
    pub(crate) keeper: RawObject,
    /// How its pods are made.
    pub(crate) template: Map<String, Value>,
}

impl Caller {
    /// The revisions of a workload, oldest first. Deployments keep theirs in ReplicaSets, others in ControllerRevisions.
    pub(crate) async fn revisions(
        &self,
        workload: &RawObject,
        namespace: &Namespace,
    ) -> Result<Vec<Revision>, Failure> {
        let is_deployment = workload.kind() == Some("Deployment");
        let keepers = if is_deployment {
            Resource::apps("ReplicaSet", "replicasets")
        } else {
            Resource::apps("ControllerRevision", "controllerrevisions")
        };
        let query = ListQuery {
            labels: selector(workload.pointer("/spec/selector")),
            limit: Some(MAX_KEPT),
            ..ListQuery::default()
        };
        let list = self.list_objects(&keepers, Some(namespace), &query).await?;
        let uid = workload.text("/metadata/uid").unwrap_or_default();
        let mut revisions: Vec<_> = list
            .items
            .into_iter()
            .filter(|keeper| is_controlled_by(keeper, uid))
            .filter_map(|keeper| Revision::read(keeper, is_deployment))
            .collect();
        revisions.sort_by_key(|revision| revision.number);
        Ok(revisions)
    }
}

impl Revision {
    fn read(keeper: RawObject, is_replica_set: bool) -> Option<Self> {
        let (number, template) = if is_replica_set {
            (annotation(&keeper, REVISION)?.parse().ok()?, keeper.pointer("/spec/template")?)
        } else {
            (keeper.pointer("/revision")?.as_i64()?, keeper.pointer("/data/spec/template")?)
        };
        let mut template = template.as_object()?.clone();
        // A ControllerRevision is a patch, and a ReplicaSet tells its pods from others'.
        template.remove("$patch");
        if let Some(Value::Object(labels)) = template
            .get_mut("metadata")
            .and_then(|metadata| metadata.get_mut("labels"))
            .filter(|_| is_replica_set)
        {
            labels.remove(TEMPLATE_HASH);
        }
        Some(Self { number, keeper, template })
    }
}

/// The value of an annotation.
pub(crate) fn annotation<'a>(object: &'a RawObject, key: &str) -> Option<&'a str> {
    object.pointer("/metadata/annotations")?.get(key)?.as_str()
}

fn is_controlled_by(keeper: &RawObject, uid: &str) -> bool {
    let owners = keeper.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    owners.into_iter().flatten().any(|owner| {
        !uid.is_empty()
            && owner.get("uid").and_then(Value::as_str) == Some(uid)
            && owner.get("controller").and_then(Value::as_bool) == Some(true)
    })
}

/// A workload's own selector, as a query has it. Owners are compared anyway; it keeps the list short.
fn selector(selector: Option<&Value>) -> Option<LabelSelector> {
    let selector = selector?;
    let mut terms = Vec::new();
    for (key, value) in selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten()
    {
        terms.push(format!("{key}={}", value.as_str()?));
    }
    let expressions = selector.get("matchExpressions").and_then(Value::as_array);
    for expression in expressions.into_iter().flatten() {
        let key = expression.get("key")?.as_str()?;
        let values = expression.get("values").and_then(Value::as_array);
        let values: Vec<_> = values.into_iter().flatten().filter_map(Value::as_str).collect();
        let values = values.join(",");
        terms.push(match expression.get("operator")?.as_str()? {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "Exists" => key.to_owned(),
            "DoesNotExist" => format!("!{key}"),
            _ => return None,
        });
    }
    LabelSelector::try_from(terms.join(",")).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_selector_becomes_a_query() {
        let query = |value: Value| selector(Some(&value)).map(|selector| selector.0);
        assert_eq!(
            query(json!({
                "matchLabels": {"app": "web", "x/y": "z"},
                "matchExpressions": [
                    {"key": "tier", "operator": "In", "values": ["a", "b"]},
                    {"key": "old", "operator": "DoesNotExist"},
                ],
            })),
            Some("app=web,x/y=z,tier in (a,b),!old".to_owned())
        );
        assert_eq!(query(json!({})), None);
        assert_eq!(query(json!({"matchLabels": {"app": "a&limit=1"}})), None);
    }

    #[test]
    fn a_revision_is_its_template_without_what_its_keeper_adds() {
        let replica_set = RawObject::of(json!({
            "metadata": {
                "annotations": {REVISION: "3"},
                "ownerReferences": [{"uid": "u", "controller": true}, {"uid": "v", "controller": false}],
            },
            "spec": {"template": {"metadata": {"labels": {"app": "web", TEMPLATE_HASH: "x"}}, "spec": {}}},
        }));
        assert!(is_controlled_by(&replica_set, "u"));
        assert!(!is_controlled_by(&replica_set, "v") && !is_controlled_by(&replica_set, ""));
        let revision = Revision::read(replica_set, true).unwrap();
        assert_eq!(revision.number, 3);
        assert_eq!(
            Value::from(revision.template),
            json!({"metadata": {"labels": {"app": "web"}}, "spec": {}})
        );
        let kept = RawObject::of(json!({
            "revision": 2, "data": {"spec": {"template": {"$patch": "replace", "spec": {}}}},
        }));
        assert_eq!(Value::from(Revision::read(kept, false).unwrap().template), json!({"spec": {}}));
    }
}
