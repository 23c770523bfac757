//! `events_list`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::arguments::{Limit, optional};
use super::{CallContext, Effect, KubeTool};
use crate::cluster::{EventQuery, Told};
use crate::failure::Failure;
use crate::names::{Kind, Namespace, ObjectName};
use crate::output::{Reply, aligned};
use crate::selectors::FieldSelector;

pub(super) struct EventsList;

/// How many events are told when nobody says how many.
const TOLD: usize = 100;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Input {
    /// The namespace to list; all of them if left out
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Namespace", extend("x-mcp-header" = "Namespace"))]
    namespace: Option<Namespace>,
    /// Only events whose fields match, for example type=Warning or reason=BackOff
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "FieldSelector")]
    field_selector: Option<FieldSelector>,
    /// Only events about objects of this kind, for example Pod
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Kind")]
    kind: Option<Kind>,
    /// Only events about the object of this name
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "ObjectName")]
    name: Option<ObjectName>,
    /// Only warnings
    #[serde(default)]
    warnings: bool,
    /// How many events at most; the newest 100 if left out
    #[serde(default)]
    #[schemars(with = "Limit")]
    limit: Option<Limit>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct EventList {
    /// The events, newest first.
    events: Vec<Told>,
    /// How many older ones were left out, if any; at least so many
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining: Option<usize>,
}

impl KubeTool for EventsList {
    const NAME: &'static str = "events_list";
    const TITLE: &'static str = "Events: List";
    const DESCRIPTION: &'static str = "List events, newest first, of one namespace or of all of them: what happened to pods, nodes and other objects, \
         and why they fail. Narrow them with kind and name, or to warnings";
    const EFFECT: Effect = Effect::Reads;
    type Input = Input;
    type Output = EventList;

    async fn call(context: CallContext, input: Input) -> Result<Reply<EventList>, Failure> {
        let query = EventQuery {
            fields: input.field_selector,
            kind: input.kind,
            name: input.name,
            type_of: input.warnings.then_some("Warning"),
        };
        let mut events = context.caller.events(input.namespace.as_ref(), &query).await?;
        let all = events.told.len();
        events.told.truncate(input.limit.map_or(TOLD, Limit::number));
        let (mut text, shown) = table(&events.told);
        events.told.truncate(shown);
        let left_out = all.saturating_sub(shown);
        let remaining = (left_out > 0 || !events.is_whole).then_some(left_out.max(1));
        if let Some(remaining) = remaining {
            text.push_str(&format!(
                "[the newest {shown}, at least {remaining} more: narrow them with namespace, kind, name or warnings, or set limit]\n"
            ));
            if !events.is_whole {
                text.push_str("[there are more events than were looked through: newer ones may be among them]\n");
            }
        }
        if let Some(namespace) = input.namespace.as_ref().filter(|_| all == 0)
            && let Some(missing) = context.caller.about_an_empty_namespace(namespace).await
        {
            text.push_str(&format!("[{missing}]\n"));
        }
        Ok(Reply { structured: EventList { events: events.told, remaining }, text })
    }
}

/// Events as a table, and how many of them fit into the bound.
pub(super) fn table(events: &[Told]) -> (String, usize) {
    if events.is_empty() {
        return ("no events found\n".to_owned(), 0);
    }
    let header = ["LAST SEEN", "NAMESPACE", "TYPE", "REASON", "OBJECT", "COUNT", "MESSAGE"]
        .map(str::to_owned);
    let rows = events.iter().map(|event| {
        vec![
            event.last_seen.clone(),
            event.namespace.clone(),
            event.type_of.clone(),
            event.reason.clone(),
            format!("{}/{}", event.kind, event.name),
            event.count.to_string(),
            event.message.clone(),
        ]
    });
    let rows: Vec<_> = std::iter::once(header.to_vec()).chain(rows).collect();
    let (text, shown) = aligned(&rows);
    (text, shown.saturating_sub(1))
}
