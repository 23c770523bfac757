//! What the cluster tells about its objects: events, newest first.
//!
//! The same events are in two groups of the API; they are asked for in one, so that each comes once.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::caller::Caller;
use super::discovery::Resource;
use super::list::ListQuery;
use super::object::{Noise, RawObject};
use crate::failure::Failure;
use crate::names::{Kind, Namespace, ObjectName};
use crate::output::one_line;
use crate::selectors::FieldSelector;

/// How many events one request brings.
const PAGE: u32 = 500;
/// How many pages are read for the newest events: the API server sorts by name.
const MAX_PAGES: usize = 6;
/// The longest message that is told.
const MAX_MESSAGE_CHARS: usize = 1_024;

/// Which events.
#[derive(Debug, Default)]
pub(crate) struct EventQuery {
    pub(crate) fields: Option<FieldSelector>,
    /// Only about objects of this kind.
    pub(crate) kind: Option<Kind>,
    /// Only about objects of this name.
    pub(crate) name: Option<ObjectName>,
    /// Only of this type.
    pub(crate) type_of: Option<&'static str>,
}

/// Events, and whether these are all that there are.
#[derive(Debug)]
pub(crate) struct Events {
    pub(crate) told: Vec<Told>,
    pub(crate) is_whole: bool,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Told {
    /// When it was last seen.
    pub(crate) last_seen: String,
    /// Its namespace.
    pub(crate) namespace: String,
    /// Normal or Warning.
    #[serde(rename = "type")]
    pub(crate) type_of: String,
    /// Why, in a word.
    pub(crate) reason: String,
    /// The kind of the object that it is about.
    pub(crate) kind: String,
    /// The name of the object that it is about.
    pub(crate) name: String,
    /// How often it was seen.
    pub(crate) count: i64,
    /// Who tells it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) source: String,
    /// What happened.
    pub(crate) message: String,
}

impl Caller {
    /// Reads the events of a namespace or of all, newest first.
    pub(crate) async fn events(
        &self,
        namespace: Option<&Namespace>,
        query: &EventQuery,
    ) -> Result<Events, Failure> {
        let resource = Resource::core("Event", "events", true);
        let mut list =
            ListQuery { fields: query.selector()?, limit: Some(PAGE), ..ListQuery::default() };
        let mut told = Vec::new();
        for _ in 0..MAX_PAGES {
            let page = self.list_objects(&resource, namespace, &list).await?;
            told.extend(page.items.into_iter().map(Told::of));
            list.continue_token = page.next;
            if list.continue_token.is_none() {
                break;
            }
        }
        told.sort_by(|a, b| b.moment().cmp(a.moment()).then_with(|| a.name.cmp(&b.name)));
        Ok(Events { told, is_whole: list.continue_token.is_none() })
    }
}

impl EventQuery {
    fn selector(&self) -> Result<Option<FieldSelector>, Failure> {
        let mut parts: Vec<String> = self.fields.iter().map(|fields| fields.0.clone()).collect();
        parts.extend(self.kind.as_ref().map(|kind| format!("involvedObject.kind={kind}")));
        if let Some(name) = &self.name {
            // Such a name would be more than one condition.
            if name.as_str().contains([',', '=', '!']) {
                return Err(Failure::InvalidArguments(
                    "name must be without , = and ! where events are asked for".to_owned(),
                ));
            }
            parts.push(format!("involvedObject.name={name}"));
        }
        parts.extend(self.type_of.map(|type_of| format!("type={type_of}")));
        Ok((!parts.is_empty()).then(|| FieldSelector(parts.join(","))))
    }
}

impl Told {
    /// Through [`RawObject::show`], which takes out what is told about Secrets.
    fn of(event: RawObject) -> Self {
        let event = Value::Object(event.show(Noise::Dropped).as_map().clone());
        let text =
            |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let first = |pointers: &[&str]| {
            let found = pointers.iter().map(|pointer| text(pointer)).find(|text| !text.is_empty());
            one_line(found.unwrap_or_default())
        };
        let count = ["/series/count", "/count", "/deprecatedCount"];
        Self {
            last_seen: first(&[
                "/series/lastObservedTime",
                "/lastTimestamp",
                "/eventTime",
                "/firstTimestamp",
                "/metadata/creationTimestamp",
            ]),
            namespace: first(&["/metadata/namespace"]),
            type_of: first(&["/type"]),
            reason: first(&["/reason"]),
            kind: first(&["/involvedObject/kind"]),
            name: first(&["/involvedObject/name"]),
            count: count.iter().find_map(|at| event.pointer(at)?.as_i64()).unwrap_or(1),
            source: first(&["/source/component", "/reportingComponent"]),
            message: cut(text("/message")),
        }
    }

    /// Its time in a form in which texts sort as times do: some have fractions of seconds, some have not.
    fn moment(&self) -> &str {
        self.last_seen.trim_end_matches('Z')
    }
}

fn cut(message: &str) -> String {
    let words: Vec<&str> = message.split_whitespace().collect();
    let message = words.join(" ");
    let mut chars = message.chars().filter(|c| !c.is_control());
    let mut cut: String = chars.by_ref().take(MAX_MESSAGE_CHARS).collect();
    if chars.next().is_some() {
        cut.push('…');
    }
    cut
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_of_either_age_is_one_line_with_its_time() {
        let old = json!({
            "kind": "Event", "metadata": {"namespace": "shop", "name": "web.1"}, "type": "Warning", "reason": "BackOff",
            "involvedObject": {"kind": "Pod", "name": "web-1"}, "count": 7, "lastTimestamp": "2026-11-22T08:00:00Z",
            "source": {"component": "kubelet"}, "message": "Back-off\nrestarting",
        });
        let told = Told::of(RawObject::of(old.clone()));
        assert_eq!(
            (told.message.as_str(), told.count, told.source.as_str()),
            ("Back-off restarting", 7, "kubelet")
        );
        let mut new = old;
        new["eventTime"] = json!("2026-11-22T08:00:00.100000Z");
        new["lastTimestamp"] = json!(null);
        new["series"] = json!({"count": 9, "lastObservedTime": "2026-11-22T08:00:00.500000Z"});
        let newer = Told::of(RawObject::of(new));
        assert_eq!(newer.count, 9);
        assert!(newer.moment() > told.moment(), "fractions are later than none");
    }

    #[test]
    fn a_name_is_one_condition_or_none() {
        let query = |name: &str| EventQuery {
            kind: Kind::try_from("Pod".to_owned()).ok(),
            name: ObjectName::try_from(name.to_owned()).ok(),
            type_of: Some("Warning"),
            ..EventQuery::default()
        };
        let selector = query("web-1").selector().unwrap().unwrap();
        assert_eq!(selector.0, "involvedObject.kind=Pod,involvedObject.name=web-1,type=Warning");
        for name in ["web,type=Normal", "a=b", "a!"] {
            assert!(query(name).selector().is_err(), "{name}");
        }
        assert_eq!(EventQuery::default().selector().unwrap(), None);
    }
}
