//! A list: with the columns that `kubectl get -o wide` shows, or with whole objects.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::text::{MAX_TEXT_BYTES, one_line};
use super::{Format, Reply, aligned, whole};
use crate::cluster::{Noise, RawList, Shown, ShownSecrets, redact_message};

/// More columns than any kind prints.
const MAX_COLUMNS: usize = 64;

/// Objects of one kind, each with its printed columns or whole.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listing {
    /// The API version of the listed kind.
    api_version: String,
    /// The listed kind.
    kind: String,
    /// The columns in the order in which `kubectl get -o wide` prints them; none if the objects are whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    columns: Vec<String>,
    /// The objects.
    items: Vec<Item>,
    /// How many more objects there are, if the list was cut; at least 1 then.
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining: Option<i64>,
    /// Where the list goes on, if it was cut by its limit: the argument `continue` of the next call.
    #[serde(rename = "continue", skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// One object of a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct Item {
    /// Its namespace, if it lives in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    /// Its name.
    name: String,
    /// Its columns by their names, in a table.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    columns: BTreeMap<String, String>,
    /// All of it, without managedFields, if whole objects were asked for.
    #[serde(default, skip_serializing_if = "Shown::is_empty")]
    object: Shown,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Table {
    #[serde(default)]
    metadata: ListMeta,
    column_definitions: Vec<Column>,
    #[serde(default)]
    rows: Option<Vec<Row>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListMeta {
    #[serde(default)]
    remaining_item_count: Option<i64>,
    #[serde(default, rename = "continue")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Column {
    name: String,
}

#[derive(Deserialize)]
struct Row {
    cells: Vec<Value>,
    object: Named,
}

#[derive(Deserialize)]
struct Plain {
    #[serde(default)]
    metadata: ListMeta,
    items: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    metadata: Meta,
}

#[derive(Deserialize)]
struct Meta {
    name: String,
    #[serde(default)]
    namespace: Option<String>,
}

impl Listing {
    /// Reads a Table, or the plain list that a server sends which knows no tables.
    pub(crate) fn read(answer: Value, api_version: &str, kind: &str) -> Result<Self, &'static str> {
        let is_table = answer.get("kind").and_then(Value::as_str) == Some("Table");
        let (columns, items, meta) = if is_table {
            let table: Table =
                serde_json::from_value(answer).map_err(|_| "the table is not a meta/v1 Table")?;
            let columns: Vec<_> = table
                .column_definitions
                .into_iter()
                .take(MAX_COLUMNS)
                .map(|column| one_line(&column.name))
                .collect();
            let items = table
                .rows
                .unwrap_or_default()
                .into_iter()
                .map(|row| Item::of_row(row, &columns))
                .collect();
            (columns, items, table.metadata)
        } else {
            let plain: Plain =
                serde_json::from_value(answer).map_err(|_| "neither a Table nor a list")?;
            (
                vec!["Name".to_owned()],
                plain.items.into_iter().map(Item::of_name).collect(),
                plain.metadata,
            )
        };
        let next = meta.next.filter(|next| !next.is_empty());
        let cut = next.is_some();
        // The API server does not count what a selector left out, so that "more" may be all that is known.
        let remaining = cut.then(|| meta.remaining_item_count.unwrap_or(1).max(1));
        Ok(Self {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            columns,
            items,
            remaining,
            next,
        })
    }

    /// A list of whole objects.
    pub(crate) fn of_objects(list: RawList, api_version: &str, kind: &str) -> Self {
        let cut = list.next.is_some();
        Self {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            columns: Vec::new(),
            items: list
                .items
                .into_iter()
                .map(|raw| Item::of_object(raw.show(Noise::Dropped)))
                .collect(),
            remaining: cut.then(|| list.remaining.unwrap_or(1).max(1)),
            next: list.next,
        }
    }

    /// Takes out what events tell about Secrets.
    pub(crate) fn redact_messages(&mut self, shown: &ShownSecrets) {
        for item in &mut self.items {
            let namespace = item.namespace.as_deref().unwrap_or_default();
            let about = item.columns.get("Object").cloned().unwrap_or_default();
            if let Some(message) = item.columns.get_mut("Message") {
                redact_message(&about, namespace, message, shown);
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The columns of its first object.
    pub(crate) fn first_row(&self) -> BTreeMap<String, String> {
        self.items.first().map(|item| item.columns.clone()).unwrap_or_default()
    }

    /// The list to read, as a table.
    pub(crate) fn reply(self) -> Reply<Self> {
        self.reply_as(Format::Table)
    }

    /// The list to read, and a note if there is more. Text and structure end after the same object.
    pub(crate) fn reply_as(mut self, format: Format) -> Reply<Self> {
        let read = self.items.len();
        self.items.truncate(self.fitting());
        let mut text = match format {
            Format::Table if read > 0 => {
                let (text, shown) = aligned(&self.rows());
                self.items.truncate(shown.saturating_sub(1)); // the header is no item
                text
            }
            Format::Yaml if read > 0 => {
                let objects: Vec<_> = self.items.iter().map(|item| &item.object).collect();
                let (text, shown) = whole::yaml(&objects);
                self.items.truncate(shown);
                text
            }
            Format::Table | Format::Yaml => format!("no {} found\n", self.kind),
            Format::Json => String::new(),
        };
        let left_out = i64::try_from(read.saturating_sub(self.items.len())).unwrap_or(i64::MAX);
        if left_out > 0 {
            self.remaining = Some(self.remaining.unwrap_or(0).saturating_add(left_out));
            // It would pass over what was left out here.
            self.next = None;
        }
        match format {
            Format::Table => text.extend(self.note()),
            Format::Yaml => text.extend(self.note().map(|note| format!("# {note}"))),
            Format::Json => {
                let objects: Vec<_> = self.items.iter().map(|item| &item.object).collect();
                text = whole::json(&objects, self.remaining, self.next.as_deref());
            }
        }
        Reply { structured: self, text }
    }

    /// What to do about a list that was cut.
    fn note(&self) -> Option<String> {
        let remaining = self.remaining?;
        let shown = self.items.len();
        let advice = match &self.next {
            Some(next) => format!("go on with continue=\"{next}\", or narrow the list"),
            None if shown > 0 => {
                format!("go through it with limit={shown} and continue, or narrow the list")
            }
            None => "narrow the list".to_owned(),
        };
        Some(format!(
            "[{shown} shown, at least {remaining} more: {advice} with a namespace, labelSelector or fieldSelector]\n"
        ))
    }

    /// How many items fit into the bound, as JSON.
    fn fitting(&self) -> usize {
        let sizes = self.items.iter().scan(0_usize, |sum, item| {
            let bytes = serde_json::to_string(item).map_or(usize::MAX, |json| json.len());
            *sum = sum.saturating_add(bytes).saturating_add(1);
            Some(*sum)
        });
        sizes.take_while(|&sum| sum <= MAX_TEXT_BYTES).count()
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let namespaced = self.items.iter().any(|item| item.namespace.is_some());
        let lead = |cell: &str| namespaced.then(|| cell.to_owned());
        let header = lead("NAMESPACE")
            .into_iter()
            .chain(self.columns.iter().map(|name| name.to_uppercase()));
        let rows = self.items.iter().map(|item| {
            let cells =
                self.columns.iter().map(|name| item.columns.get(name).cloned().unwrap_or_default());
            lead(item.namespace.as_deref().unwrap_or_default()).into_iter().chain(cells).collect()
        });
        std::iter::once(header.collect()).chain(rows).collect()
    }
}

impl Meta {
    fn printable(&self) -> (Option<String>, String) {
        (self.namespace.as_deref().map(one_line), one_line(&self.name))
    }
}

impl Item {
    fn of_row(row: Row, columns: &[String]) -> Self {
        let cells = row.cells.iter().map(|cell| match cell {
            Value::String(text) => one_line(text),
            Value::Null => String::new(),
            other => one_line(&other.to_string()),
        });
        let columns = columns.iter().cloned().zip(cells).collect();
        let (namespace, name) = row.object.metadata.printable();
        Self { namespace, name, columns, object: Shown::default() }
    }

    fn of_name(object: Named) -> Self {
        let (namespace, name) = object.metadata.printable();
        let columns = BTreeMap::from([("Name".to_owned(), name.clone())]);
        Self { namespace, name, columns, object: Shown::default() }
    }

    fn of_object(object: Shown) -> Self {
        let text = |key: &str| object.as_map().get("metadata")?.get(key)?.as_str().map(one_line);
        let (namespace, name) = (text("namespace"), text("name").unwrap_or_default());
        Self { namespace, name, columns: BTreeMap::new(), object }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cluster::RawObject;

    fn table() -> Value {
        json!({
            "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": "7"},
            "columnDefinitions": [{"name": "Name"}, {"name": "Ready"}, {"name": "Restarts"}],
            "rows": [
                {"cells": ["web-1", "1/1", 0], "object": {"metadata": {"name": "web-1", "namespace": "shop"}}},
                {"cells": ["db\nfake", "0/1", null], "object": {"metadata": {"name": "db", "namespace": "shop"}}},
            ],
        })
    }

    #[test]
    fn a_table_reads_like_kubectl_and_keeps_its_columns() {
        let reply = Listing::read(table(), "v1", "Pod").unwrap().reply();
        assert_eq!(
            reply.text,
            "NAMESPACE   NAME      READY   RESTARTS\nshop        web-1     1/1     0\nshop        db fake   0/1\n"
        );
        let structured = json!(reply.structured);
        assert_eq!(
            structured["items"][0]["columns"],
            json!({"Name": "web-1", "Ready": "1/1", "Restarts": "0"})
        );
        assert_eq!(
            structured["items"][1]["name"], "db",
            "the name is the object's, not the printed cell"
        );
        assert!(structured.get("remaining").is_none());
    }

    #[test]
    fn what_events_tell_about_secrets_is_not_in_their_table() {
        let answer = json!({
            "kind": "Table", "columnDefinitions": [{"name": "Object"}, {"name": "Message"}],
            "rows": [
                {"cells": ["secret/db", "is hunter2"], "object": {"metadata": {"name": "a", "namespace": "shop"}}},
                {"cells": ["pod/db", "is hunter2"], "object": {"metadata": {"name": "b", "namespace": "shop"}}},
            ],
        });
        let mut listing = Listing::read(answer, "v1", "Event").unwrap();
        listing.redact_messages(&ShownSecrets::default());
        assert_eq!(listing.items[0].columns["Message"], "[redacted: 10 bytes]");
        assert_eq!(listing.items[1].columns["Message"], "is hunter2");
    }

    #[test]
    fn a_cut_list_says_so_even_when_nobody_counted() {
        for (meta, remaining) in [
            (json!({"continue": "x", "remainingItemCount": 40}), json!(40)),
            (json!({"continue": "x"}), json!(1)),
        ] {
            let mut answer = table();
            answer["metadata"] = meta;
            let reply = Listing::read(answer, "v1", "Pod").unwrap().reply();
            assert!(reply.text.contains("[2 shown, at least"), "{}", reply.text);
            assert_eq!(json!(reply.structured)["remaining"], remaining);
        }
    }

    #[test]
    fn a_huge_cell_or_column_name_is_cut_and_widens_nobody_elses_row() {
        let mut answer = table();
        answer["columnDefinitions"][1]["name"] = json!("n".repeat(70_000));
        answer["rows"][0]["cells"][1] = json!("x".repeat(70_000));
        answer["rows"][1]["object"]["metadata"]["namespace"] = json!("s".repeat(70_000));
        let reply = Listing::read(answer, "v1", "Pod").unwrap().reply();
        assert!(reply.text.contains(&format!("{}…", "x".repeat(255))), "{}", reply.text);
        assert!(reply.text.len() < 2_000, "{}", reply.text.len());
        assert!(json!(reply.structured).to_string().len() < 3_000);
    }

    #[test]
    fn text_and_structure_end_after_the_same_row_and_count_what_is_left_out() {
        let mut answer = table();
        let row =
            json!({"cells": ["x".repeat(300), "1/1", 0], "object": {"metadata": {"name": "web"}}});
        answer["rows"] = json!(vec![row; 2_000]);
        answer["metadata"] = json!({"continue": "x", "remainingItemCount": 40});
        let reply = Listing::read(answer, "v1", "Pod").unwrap().reply();
        let structured = json!(reply.structured);
        let shown = structured["items"].as_array().unwrap().len();
        assert!(shown > 100 && shown < 2_000, "{shown}");
        assert_eq!(structured["remaining"], 2_040 - shown);
        assert!(reply.text.contains(&format!("[{shown} shown, at least {} more", 2_040 - shown)));
        assert_eq!(reply.text.lines().count(), shown + 2);
        assert!(structured.to_string().len() < MAX_TEXT_BYTES + 1_000);
        assert!(reply.text.len() < MAX_TEXT_BYTES + 1_000);
    }

    fn pods(count: usize, next: Option<&str>) -> Listing {
        let pod = |index: usize| {
            json!({
                "apiVersion": "v1", "kind": "Pod", "status": {"phase": "Running"},
                "metadata": {"name": format!("web-{index}"), "namespace": "shop", "managedFields": [{}]},
                "data": "x".repeat(1_000),
            })
        };
        let items = (0..count).map(|index| RawObject::of(pod(index))).collect();
        let list = RawList { items, next: next.map(str::to_owned), remaining: None };
        Listing::of_objects(list, "v1", "Pod")
    }

    #[test]
    fn whole_objects_are_yaml_or_json_with_the_same_structure() {
        let yaml = pods(2, Some("abc")).reply_as(Format::Yaml);
        assert!(
            yaml.text.starts_with("- apiVersion: v1\n  kind: Pod\n  metadata:\n    name: web-0\n"),
            "{}",
            yaml.text
        );
        assert!(
            yaml.text
                .ends_with("narrow the list with a namespace, labelSelector or fieldSelector]\n"),
            "{}",
            yaml.text
        );
        assert!(
            yaml.text.contains("# [2 shown, at least 1 more: go on with continue=\"abc\""),
            "{}",
            yaml.text
        );
        let read: Vec<Value> = serde_yaml_ng::from_str(&yaml.text).unwrap();
        assert_eq!(read.len(), 2);
        let json = pods(2, Some("abc")).reply_as(Format::Json);
        let read: Value = serde_json::from_str(&json.text).unwrap();
        assert_eq!(read["items"][1]["metadata"], json!({"name": "web-1", "namespace": "shop"}));
        assert_eq!((&read["continue"], &read["remaining"]), (&json!("abc"), &json!(1)));
        assert_eq!(json!(yaml.structured), json!(json.structured));
        assert_eq!(json!(json.structured)["items"][1]["object"], read["items"][1]);
        assert!(json!(json.structured).get("columns").is_none());
        assert_eq!(pods(0, None).reply_as(Format::Yaml).text, "no Pod found\n");
        assert_eq!(
            pods(0, None).reply_as(Format::Json).text,
            "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[]}\n"
        );
    }

    #[test]
    fn whole_objects_end_at_the_bound_and_say_how_to_go_on() {
        for format in [Format::Yaml, Format::Json] {
            let reply = pods(1_000, Some("abc")).reply_as(format);
            let structured = json!(reply.structured);
            let shown = structured["items"].as_array().unwrap().len();
            assert!((100..200).contains(&shown), "{shown}");
            assert!(reply.text.len() < MAX_TEXT_BYTES + 1_000, "{}", reply.text.len());
            assert!(structured.get("continue").is_none(), "it would pass over what was left out");
            assert_eq!(structured["remaining"], 1_001 - shown);
            assert_eq!(reply.text.matches("web-").count(), shown);
            if format == Format::Yaml {
                assert!(
                    reply.text.contains(&format!("go through it with limit={shown} and continue"))
                );
            }
        }
    }

    #[test]
    fn servers_without_tables_and_empty_lists_are_fine() {
        let plain = json!({"kind": "FooList", "items": [{"metadata": {"name": "a"}}]});
        assert_eq!(Listing::read(plain, "x/v1", "Foo").unwrap().reply().text, "NAME\na\n");
        let empty = json!({"kind": "Table", "columnDefinitions": [{"name": "Name"}], "rows": null});
        assert_eq!(Listing::read(empty, "v1", "Pod").unwrap().reply().text, "no Pod found\n");
        assert!(Listing::read(json!({"kind": "Status"}), "v1", "Pod").is_err());
    }
}
