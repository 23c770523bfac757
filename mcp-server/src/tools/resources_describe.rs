//! `resources_describe`: an object with what belongs to it, in one call.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::arguments::optional;
use super::events_list;
use super::{CallContext, Effect, KubeTool};
use crate::cluster::{EventQuery, ListQuery, Noise, RawObject, Resource, Told};
use crate::failure::Failure;
use crate::names::{ApiVersion, Kind, Namespace, ObjectName};
use crate::output::{Object, Reply, aligned, bounded, one_line};
use crate::selectors::{FieldSelector, LabelSelector};

pub(super) struct ResourcesDescribe;

/// How many events are told.
const MAX_EVENTS: usize = 50;
/// How long a chain of owners is followed. A pod of a CronJob has two.
const MAX_OWNERS: usize = 5;
/// How many owned objects are told.
const MAX_OWNED: usize = 50;

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
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Description {
    /// The object itself.
    #[serde(flatten)]
    object: Object,
    /// What it belongs to: its controller, that one's controller, and so on.
    owners: Vec<Relative>,
    /// What belongs to it, of the kinds that its kind makes.
    owned: Vec<Relative>,
    /// Its events, newest first.
    events: Vec<Told>,
    /// What could not be read, and why: permissions may be missing for a part.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

/// Another object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "camelCase")]
struct Relative {
    /// Its apiVersion
    api_version: String,
    /// Its kind
    kind: String,
    /// Its name
    name: String,
    /// How it fares, in a few words
    #[serde(skip_serializing_if = "String::is_empty")]
    state: String,
}

impl KubeTool for ResourcesDescribe {
    const NAME: &'static str = "resources_describe";
    const TITLE: &'static str = "Resources: Describe";
    const DESCRIPTION: &'static str = "Describe one object: what it is, its events, what it belongs to and what belongs to it. \
         The first thing to ask about an object that does not do what it should";
    const EFFECT: Effect = Effect::Reads;
    type Input = Input;
    type Output = Description;

    async fn call(context: CallContext, input: Input) -> Result<Reply<Description>, Failure> {
        let resource = context.caller.discover(&input.api_version, &input.kind).await?;
        let namespace = context.caller.namespace_or_default(input.namespace);
        let object = context.caller.get(&resource, &namespace, &input.name).await?;
        let place = resource.is_namespaced().then_some(&namespace);
        let events = events(&context, place, &input.kind, &input.name);
        let owners = owners(&context, &namespace, &object);
        let owned = owned(&context, place, &object);
        let (events, (owners, owners_note), owned) = tokio::join!(events, owners, owned);
        let mut notes: Vec<String> = owners_note.into_iter().collect();
        let mut note = |what: &str, failure: Failure| notes.push(format!("{what}: {failure}"));
        let unread = events.is_err();
        let events = events.unwrap_or_else(|failure| {
            note("events could not be read", failure);
            Vec::new()
        });
        let owned = owned.unwrap_or_else(|failure| {
            note("what belongs to it could not be read", failure);
            Vec::new()
        });
        let Reply { structured: object, text: yaml } =
            Object::new(object.show(Noise::Dropped)).reply();
        let description = Description { object, owners, owned, events, notes };
        let text = bounded(format!("{}---\n{yaml}", description.head(unread)));
        Ok(Reply { structured: description, text })
    }
}

impl Description {
    /// All but the object itself, which is the longest part and comes last.
    fn head(&self, are_events_unread: bool) -> String {
        let relatives = |title: &str, of: &[Relative]| {
            if of.is_empty() {
                return String::new();
            }
            let rows = of.iter().map(|relative| {
                let kind = format!("{} ({})", relative.kind, relative.api_version);
                vec![format!("  {kind}"), relative.name.clone(), relative.state.clone()]
            });
            format!("{title}:\n{}", aligned(&rows.collect::<Vec<_>>()).0)
        };
        let mut text = relatives("Belongs to", &self.owners);
        text.push_str(&relatives("Has", &self.owned));
        // Not to be read is not to be none.
        if !are_events_unread {
            text.push_str("Events:\n");
            text.push_str(&events_list::table(&self.events).0);
        }
        for note in &self.notes {
            text.push_str(&format!("[{note}]\n"));
        }
        text
    }
}

async fn events(
    context: &CallContext,
    namespace: Option<&Namespace>,
    kind: &Kind,
    name: &ObjectName,
) -> Result<Vec<Told>, Failure> {
    let query =
        EventQuery { kind: Some(kind.clone()), name: Some(name.clone()), ..EventQuery::default() };
    let mut events = context.caller.events(namespace, &query).await?.told;
    events.truncate(MAX_EVENTS);
    Ok(events)
}

/// The chain of controllers, as far as the caller may read it.
async fn owners(
    context: &CallContext,
    namespace: &Namespace,
    object: &RawObject,
) -> (Vec<Relative>, Option<String>) {
    let mut owners = Vec::new();
    let mut next = controller(object);
    while let Some((mut owner, uid)) = next.take() {
        if owners.len() >= MAX_OWNERS {
            break;
        }
        match read_owner(context, namespace, &owner).await {
            Ok(read) if read.text("/metadata/uid") == Some(uid.as_str()) => {
                owner.state = state(&read);
                next = controller(&read);
                owners.push(owner);
            }
            Ok(_) => {
                owner.state = "gone: another one has its name".to_owned();
                owners.push(owner);
            }
            Err(failure) => {
                let told = format!("{} {} could not be read: {failure}", owner.kind, owner.name);
                owners.push(owner);
                return (owners, Some(told));
            }
        }
    }
    (owners, None)
}

fn controller(object: &RawObject) -> Option<(Relative, String)> {
    // As they are shown: whatever stands there may be a value of the object, if it is a Secret.
    let shown = object.clone().show(Noise::Dropped);
    let references = shown.as_map().get("metadata")?.get("ownerReferences")?.as_array()?;
    let is_controller = |reference: &&Value| reference["controller"] == Value::Bool(true);
    let reference = references.iter().find(is_controller).or_else(|| references.first())?;
    let text = |key: &str| reference.get(key).and_then(Value::as_str).map(one_line);
    let relative = Relative {
        api_version: text("apiVersion")?,
        kind: text("kind")?,
        name: text("name")?,
        state: String::new(),
    };
    Some((relative, text("uid")?))
}

async fn read_owner(
    context: &CallContext,
    namespace: &Namespace,
    owner: &Relative,
) -> Result<RawObject, Failure> {
    let invalid = |error: &str| Failure::InvalidArguments(error.to_owned());
    let api_version = ApiVersion::try_from(owner.api_version.clone()).map_err(invalid)?;
    let kind = Kind::try_from(owner.kind.clone()).map_err(invalid)?;
    let name = ObjectName::try_from(owner.name.clone()).map_err(invalid)?;
    let resource = context.caller.discover(&api_version, &kind).await?;
    context.caller.get(&resource, namespace, &name).await
}

/// What an object's kind makes, in one list: by the labels that it gives it, or the field that names it.
async fn owned(
    context: &CallContext,
    namespace: Option<&Namespace>,
    object: &RawObject,
) -> Result<Vec<Relative>, Failure> {
    let Some((resource, query, by_owner)) = made_by(object) else { return Ok(Vec::new()) };
    let list = context.caller.list_objects(&resource, namespace, &query).await?;
    let uid = object.text("/metadata/uid");
    let is_its = |made: &&RawObject| {
        let owners = made.pointer("/metadata/ownerReferences").and_then(Value::as_array);
        let mut owners = owners.into_iter().flatten().map(|owner| owner["uid"].as_str());
        !by_owner || uid.is_some() && owners.any(|owner| owner == uid)
    };
    let made = list.items.iter().filter(is_its).map(|made| Relative {
        api_version: resource.api_version().to_owned(),
        kind: resource.kind().to_owned(),
        name: one_line(made.name().unwrap_or_default()),
        state: state(made),
    });
    Ok(made.take(MAX_OWNED).collect())
}

/// Where to look, and whether the object has to be its owner.
fn made_by(object: &RawObject) -> Option<(Resource, ListQuery, bool)> {
    let name = object.name()?;
    let pods = || Resource::core("Pod", "pods", true);
    let of = |group: &str, kind: &str, plural: &str| Resource::of(group, "v1", kind, plural, true);
    let labelled = |at: &str| {
        let labels = object.pointer(at)?.as_object()?;
        let pairs: Option<BTreeMap<_, _>> =
            labels.iter().map(|(key, value)| Some((key, value.as_str()?))).collect();
        let pairs: Vec<_> = pairs?.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let labels = LabelSelector::try_from(pairs.join(",")).ok()?;
        Some(ListQuery { labels: Some(labels), ..ListQuery::default() })
    };
    let in_group = object.api_version().unwrap_or_default().split_once('/');
    match (in_group.map_or("", |(group, _)| group), object.kind()?) {
        ("apps", "Deployment") => Some((
            of("apps", "ReplicaSet", "replicasets"),
            labelled("/spec/selector/matchLabels")?,
            true,
        )),
        ("apps", "ReplicaSet" | "StatefulSet" | "DaemonSet") | ("batch", "Job") => {
            Some((pods(), labelled("/spec/selector/matchLabels")?, true))
        }
        ("batch", "CronJob") => Some((of("batch", "Job", "jobs"), ListQuery::default(), true)),
        ("", "ReplicationController") => Some((pods(), labelled("/spec/selector")?, true)),
        ("", "Service") => Some((pods(), labelled("/spec/selector")?, false)),
        ("", "Node") => {
            let fields = FieldSelector::try_from(format!("spec.nodeName={name}")).ok()?;
            Some((pods(), ListQuery { fields: Some(fields), ..ListQuery::default() }, false))
        }
        _ => None,
    }
}

/// How an object fares, from the fields that most kinds have.
fn state(object: &RawObject) -> String {
    let text = |at: &str| object.text(at).map(one_line);
    let number = |at: &str| object.pointer(at).and_then(Value::as_i64);
    let mut parts: Vec<String> = Vec::new();
    parts.extend(text("/metadata/deletionTimestamp").map(|_| "being deleted".to_owned()));
    parts.extend(text("/status/phase"));
    let waiting = object.pointer("/status/containerStatuses").and_then(Value::as_array);
    let reasons = waiting.into_iter().flatten().filter_map(|status| {
        let of = |state: &str| status.pointer(state).and_then(Value::as_str).map(one_line);
        of("/state/waiting/reason").or_else(|| of("/state/terminated/reason"))
    });
    parts.extend(reasons);
    if let Some(wanted) = number("/spec/replicas") {
        parts.push(format!("{}/{wanted} ready", number("/status/readyReplicas").unwrap_or(0)));
    } else if let Some(wanted) = number("/status/desiredNumberScheduled") {
        parts.push(format!("{}/{wanted} ready", number("/status/numberReady").unwrap_or(0)));
    }
    for (at, what) in [("/status/succeeded", "succeeded"), ("/status/failed", "failed")] {
        parts.extend(number(at).map(|count| format!("{count} {what}")));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn how_an_object_fares_is_told_in_a_few_words() {
        let pod = json!({"kind": "Pod", "status": {"phase": "Running", "containerStatuses": [
            {"state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}});
        assert_eq!(state(&RawObject::of(pod)), "Running, CrashLoopBackOff");
        let set =
            json!({"kind": "ReplicaSet", "spec": {"replicas": 3}, "status": {"readyReplicas": 1}});
        assert_eq!(state(&RawObject::of(set)), "1/3 ready");
        assert_eq!(state(&RawObject::of(json!({"kind": "ConfigMap"}))), "");
    }

    #[test]
    fn what_a_kind_makes_is_looked_for_by_its_own_labels_and_never_by_more() {
        let deployment = |value: &str| {
            RawObject::of(json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
                "spec": {"selector": {"matchLabels": {"app": value}}},
            }))
        };
        let (resource, query, by_owner) = made_by(&deployment("web")).unwrap();
        assert_eq!((resource.kind(), by_owner), ("ReplicaSet", true));
        assert_eq!(query.labels.unwrap().0, "app=web");
        assert!(made_by(&deployment("web&limit=0")).is_none(), "it is no selector");
        let other = RawObject::of(
            json!({"apiVersion": "x.example/v1", "kind": "Deployment", "metadata": {"name": "web"}}),
        );
        assert!(made_by(&other).is_none());
    }

    #[test]
    fn the_controller_is_the_owner_that_counts() {
        let pod = RawObject::of(json!({"kind": "Pod", "metadata": {"ownerReferences": [
            {"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "1"},
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "2", "controller": true},
        ]}}));
        let (owner, uid) = controller(&pod).unwrap();
        assert_eq!((owner.kind.as_str(), uid.as_str()), ("ReplicaSet", "2"));
        assert!(controller(&RawObject::of(json!({"kind": "Pod"}))).is_none());
    }
}
