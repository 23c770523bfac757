//! What an answer says, whichever server gave it: objects, rows of tables, lines, or a refusal.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use obolus_tests::fixtures::mcp_client::Answered;
use serde::Deserialize as _;
use serde_json::{Map, Value, json};

/// Cells that say how long ago something was: the two were not asked at the same moment.
const PASSING: [&str; 4] = ["AGE", "LAST SEEN", "FIRST SEEN", "UPDATED"];

/// What both servers said, in the same form.
#[derive(Debug)]
pub(crate) struct Both {
    pub(crate) ours: Value,
    pub(crate) theirs: Value,
}

/// What ours and theirs are, by the place where they differ.
pub(crate) type Differences = BTreeMap<String, (Value, Value)>;

/// The places where two meanings differ, as JSON Pointers; the keys of a table's rows are `*`, since names are made up
/// anew each time.
pub(crate) fn differences(both: &Both) -> Differences {
    let mut found = BTreeMap::new();
    walk("", &both.ours, &both.theirs, &mut found);
    found
}

fn walk(path: &str, ours: &Value, theirs: &Value, found: &mut Differences) {
    match (ours, theirs) {
        (Value::Object(one), Value::Object(other)) => {
            let keys: std::collections::BTreeSet<_> = one.keys().chain(other.keys()).collect();
            for key in keys {
                let shown = if path == "/rows" { "*" } else { key };
                let path = format!("{path}/{}", shown.replace('~', "~0").replace('/', "~1"));
                let of =
                    |side: &Map<String, Value>| side.get(key).cloned().unwrap_or(json!("(absent)"));
                walk(&path, &of(one), &of(other), found);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (number, (one, other)) in one.iter().zip(other).enumerate() {
                walk(&format!("{path}/{number}"), one, other, found);
            }
        }
        (ours, theirs) if ours == theirs => {}
        (ours, theirs) => {
            found.entry(path.to_owned()).or_insert_with(|| (ours.clone(), theirs.clone()));
        }
    }
}

// === Refusals ===

/// Whether a call was refused, as a tool's error.
pub(crate) fn refused(answer: &Answered) -> Value {
    json!({"refused": answer.is_tool_error()})
}

pub(crate) fn success(answer: &Answered) -> Result<String> {
    let is_result = answer.body.pointer("/result/content").is_some();
    ensure!(is_result && !answer.is_tool_error(), "{} {}", answer.status, answer.body);
    Ok(answer.text())
}

pub(crate) fn structured(answer: &Answered) -> Result<&Value> {
    success(answer)?;
    answer.body.pointer("/result/structuredContent").context("no structured content")
}

// === Objects ===

/// Our object.
pub(crate) fn our_object(answer: &Answered) -> Result<Value> {
    Ok(structured(answer)?["object"].clone())
}

/// Theirs is text: YAML, after a line that says so where something was done.
pub(crate) fn their_object(answer: &Answered) -> Result<Value> {
    yaml(&success(answer)?)
}

/// The YAML in a text, without the comment before it.
pub(crate) fn yaml(text: &str) -> Result<Value> {
    let body: Vec<_> = text.lines().skip_while(|line| line.starts_with('#')).collect();
    let mut documents = serde_yaml_ng::Deserializer::from_str(&body.join("\n"))
        .map(Value::deserialize)
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| format!("not YAML: {text}"))?;
    Ok(match documents.len() {
        1 => documents.remove(0),
        _ => Value::Array(documents),
    })
}

// === Tables ===

/// Our listing: rows by namespace and name, each with its cells by the column's heading.
pub(crate) fn our_rows(answer: &Answered) -> Result<Value> {
    let list = structured(answer)?;
    let mut rows = Map::new();
    for item in list["items"].as_array().context("no items")? {
        let mut cells = Map::from_iter([
            ("APIVERSION".to_owned(), list["apiVersion"].clone()),
            ("KIND".to_owned(), list["kind"].clone()),
        ]);
        for (column, cell) in item["columns"].as_object().into_iter().flatten() {
            cells.insert(column.to_uppercase(), cell.clone());
        }
        let namespace = item["namespace"].as_str();
        if let Some(namespace) = namespace {
            cells.insert("NAMESPACE".to_owned(), namespace.into());
        }
        let name = item["name"].as_str().context("an item without a name")?;
        rows.insert(format!("{}/{name}", namespace.unwrap_or_default()), settled(cells));
    }
    Ok(json!({"count": rows.len(), "rows": rows}))
}

/// Their table, as text with aligned columns.
pub(crate) fn their_rows(answer: &Answered) -> Result<Value> {
    let text = success(answer)?;
    let mut rows = Map::new();
    for cells in table(&text)? {
        let cell = |column: &str| cells.get(column).and_then(Value::as_str).unwrap_or_default();
        rows.insert(format!("{}/{}", cell("NAMESPACE"), cell("NAME")), settled(cells.clone()));
    }
    Ok(json!({"count": rows.len(), "rows": rows}))
}

/// The labels of whole objects, as a table writes them.
pub(crate) fn our_labels(answer: &Answered) -> Result<Value> {
    let items = structured(answer)?["items"].as_array().context("no items")?;
    let labels = |one: &Value| {
        let labels = one["object"]["metadata"]["labels"].as_object().cloned().unwrap_or_default();
        let mut words: Vec<_> = labels
            .iter()
            .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
            .collect();
        words.sort_unstable();
        if words.is_empty() { "<none>".to_owned() } else { words.join(",") }
    };
    let rows: Map<_, _> = items.iter().map(|one| (named(one), labels(one).into())).collect();
    Ok(json!({"count": rows.len(), "rows": rows}))
}

/// The labels in a printed table.
pub(crate) fn their_labels(answer: &Answered) -> Result<Value> {
    let told = their_rows(answer)?;
    let rows = told["rows"].as_object().context("no rows")?.iter();
    let rows: Map<_, _> = rows.map(|(name, row)| (name.clone(), row["LABELS"].clone())).collect();
    Ok(json!({"count": rows.len(), "rows": rows}))
}

fn settled(mut cells: Map<String, Value>) -> Value {
    for (column, cell) in &mut cells {
        if PASSING.contains(&column.as_str()) {
            *cell = json!("(a moment)");
        }
    }
    Value::Object(cells)
}

/// The rows of a printed table, by the headings of its columns. A column begins where its heading does, and headings
/// are two blanks apart or more.
pub(crate) fn table(text: &str) -> Result<Vec<Map<String, Value>>> {
    let mut lines = text.lines().skip_while(|line| !line.starts_with(char::is_uppercase));
    // Theirs says nothing at all where there is no row.
    let Some(heading) = lines.next() else { return Ok(Vec::new()) };
    let mut columns: Vec<(usize, &str)> = Vec::new();
    let mut from = 0;
    for part in heading.split("  ") {
        let begin = from + part.len() - part.trim_start().len();
        if !part.trim().is_empty() {
            columns.push((begin, part.trim()));
        }
        from += part.len() + 2;
    }
    let mut rows = Vec::new();
    for line in lines.filter(|line| !line.trim().is_empty()) {
        let ends = columns.iter().skip(1).map(|(begin, _)| Some(*begin)).chain([None]);
        let cells = columns.iter().zip(ends).map(|((begin, column), end)| {
            let cell = line.get(*begin..end.unwrap_or(line.len()).min(line.len()));
            ((*column).to_owned(), cell.unwrap_or_default().trim().into())
        });
        rows.push(cells.collect());
    }
    Ok(rows)
}

// === Releases ===

/// What is said of a release, except when it was.
fn release(cells: [&Value; 7]) -> Value {
    let [name, namespace, revision, chart, version, app, status] = cells;
    let revision =
        revision.as_str().map_or_else(|| revision.clone(), |text| json!(text.parse::<i64>().ok()));
    json!({
        "name": name, "namespace": namespace, "revision": revision, "chart": chart, "version": version,
        "app": app, "status": status,
    })
}

/// What we have installed.
pub(crate) fn our_release(answer: &Answered) -> Result<Value> {
    let made = structured(answer)?;
    Ok(release(
        ["name", "namespace", "revision", "chart", "chartVersion", "appVersion", "status"]
            .map(|member| &made[member]),
    ))
}

/// Our list says a chart's name and version in one word, as `helm list` does.
pub(crate) fn our_releases(answer: &Answered) -> Result<Value> {
    let mut rows = Map::new();
    for one in structured(answer)?["releases"].as_array().context("no releases")? {
        let word = one["chart"].as_str().context("no chart")?;
        let (chart, version) = word.rsplit_once('-').context("a chart without a version")?;
        let (chart, version) = (json!(chart), json!(version));
        let told = [
            &one["name"],
            &one["namespace"],
            &one["revision"],
            &chart,
            &version,
            &one["appVersion"],
            &one["status"],
        ];
        rows.insert(named(one), release(told));
    }
    Ok(json!({"count": rows.len(), "rows": rows}))
}

/// Theirs, of one that was made or of a list; a sentence where there is none.
pub(crate) fn their_releases(answer: &Answered) -> Result<Value> {
    let text = success(answer)?;
    let list = yaml(&text)?;
    let mut rows = Map::new();
    for one in list.as_array().into_iter().flatten() {
        let members =
            ["name", "namespace", "revision", "chart", "chartVersion", "appVersion", "status"];
        rows.insert(named(one), release(members.map(|member| &one[member])));
    }
    ensure!(
        !rows.is_empty() || text.starts_with("No Helm releases"),
        "neither a list nor none: {text}"
    );
    Ok(json!({"count": rows.len(), "rows": rows}))
}

fn named(one: &Value) -> String {
    format!("{}/{}", word(one, "namespace"), word(one, "name"))
}

fn word<'a>(one: &'a Value, member: &str) -> &'a str {
    one[member].as_str().unwrap_or_default()
}

// === Events ===

fn event(cells: [&Value; 6]) -> (String, Value) {
    let [namespace, kind, name, kind_of_event, reason, message] = cells;
    let words =
        [namespace, kind, name, reason, message].map(|word| word.as_str().unwrap_or_default());
    (
        words.join("/"),
        json!({"namespace": namespace, "about": kind, "name": name, "type": kind_of_event, "reason": reason, "message": message}),
    )
}

/// Events by what they say, since neither shows their names.
pub(crate) fn our_events(answer: &Answered) -> Result<Value> {
    let events = structured(answer)?["events"].as_array().context("no events")?;
    let rows: Map<_, _> = events
        .iter()
        .map(|one| {
            event(
                ["namespace", "kind", "name", "type", "reason", "message"]
                    .map(|member| &one[member]),
            )
        })
        .collect();
    Ok(json!({"count": events.len(), "rows": rows}))
}

pub(crate) fn their_events(answer: &Answered) -> Result<Value> {
    let text = success(answer)?;
    let list = yaml(&text)?;
    let events = list.as_array().cloned().unwrap_or_default();
    ensure!(!events.is_empty() || text.contains("No events"), "neither a list nor none: {text}");
    let rows: Map<_, _> = events
        .iter()
        .map(|one| {
            let about = &one["InvolvedObject"];
            event([
                &one["Namespace"],
                &about["Kind"],
                &about["Name"],
                &one["Type"],
                &one["Reason"],
                &one["Message"],
            ])
        })
        .collect();
    Ok(json!({"count": events.len(), "rows": rows}))
}

// === Kubeconfigs ===

/// What is reached and with what, whatever names whoever configured it chose.
fn kubeconfig(config: &Value) -> Result<Value> {
    let list = |member: &str| config[member].as_array().cloned().unwrap_or_default();
    let (clusters, contexts) = (list("clusters"), list("contexts"));
    let current = &config["current-context"];
    ensure!(contexts.iter().any(|one| one["name"] == *current), "no context {current}: {config}");
    let servers: Vec<_> = clusters.iter().map(|one| &one["cluster"]["server"]).collect();
    let has_something = |one: &Value| one["user"].as_object().is_some_and(|user| !user.is_empty());
    Ok(json!({
        "kind": config["kind"], "servers": servers, "contexts": contexts.len(),
        "credentials": list("users").iter().filter(|one| has_something(one)).count(),
    }))
}

pub(crate) fn our_kubeconfig(answer: &Answered) -> Result<Value> {
    kubeconfig(structured(answer)?)
}

pub(crate) fn their_kubeconfig(answer: &Answered) -> Result<Value> {
    if answer.is_tool_error() {
        return Ok(json!("refused"));
    }
    kubeconfig(&their_object(answer)?)
}

// === Text ===

/// The lines of a log or of a command's output: what their text is whole, and ours in this field.
pub(crate) fn our_lines(answer: &Answered, field: &str) -> Result<Value> {
    Ok(lines(structured(answer)?[field].as_str().with_context(|| format!("no {field}"))?))
}

pub(crate) fn their_lines(answer: &Answered) -> Result<Value> {
    Ok(lines(&success(answer)?))
}

fn lines(text: &str) -> Value {
    json!({"lines": text.trim_end().lines().collect::<Vec<_>>()})
}

#[test]
fn a_table_is_read_by_its_headings_and_two_meanings_are_compared_place_by_place() {
    let text =
        "# heading\nNAME    LAST SEEN   NOTE\na       2s (5x)     x y\nbb                  \n";
    let rows = table(text).unwrap();
    assert_eq!(
        Value::from(rows[0].clone()),
        json!({"NAME": "a", "LAST SEEN": "2s (5x)", "NOTE": "x y"})
    );
    assert_eq!(rows[1]["NAME"], "bb");
    let both = Both {
        ours: json!({"rows": {"shop/a": {"NAME": "a", "X": 1}}, "same": [1, 2]}),
        theirs: json!({"rows": {"shop/a": {"NAME": "b"}}, "same": [1, 2]}),
    };
    let found: Vec<_> = differences(&both).into_keys().collect();
    assert_eq!(found, ["/rows/*/NAME", "/rows/*/X"]);
}
