//! What nodes and pods use, and how many replicas there are: numbers, which both have in forms of their own.

use anyhow::{Context as _, Result};
use obolus_tests::fixtures::mcp_client::Answered;
use serde_json::{Map, Value, json};

use crate::meaning::{structured, success, table, yaml};

// === Scale ===

pub(crate) fn our_scale(answer: &Answered) -> Result<Value> {
    let scale = structured(answer)?;
    Ok(json!({"desired": scale["desired"], "current": scale["current"]}))
}

pub(crate) fn their_scale(answer: &Answered) -> Result<Value> {
    let scale = yaml(&success(answer)?)?;
    Ok(json!({
        "desired": scale["spec"]["replicas"], "current": scale["status"]["replicas"],
        "selector": scale["status"]["selector"],
    }))
}

// === What is used now ===

/// Thousandths of cores, and mebibytes, as both print them.
fn used(cpu: &Value, memory: &Value) -> Value {
    json!({"cpu": cpu, "memory": memory})
}

fn our_use(one: &Value) -> Value {
    let mebibytes = one["memoryBytes"].as_i64().map(|bytes| bytes >> 20);
    used(&one["cpuMillicores"], &json!(mebibytes))
}

fn their_use(row: &Map<String, Value>) -> Value {
    let number = |column: &str, unit: &str| {
        let cell = row.get(column).and_then(Value::as_str).unwrap_or_default();
        cell.strip_suffix(unit).and_then(|number| number.parse::<i64>().ok())
    };
    used(&json!(number("CPU(cores)", "m")), &json!(number("MEMORY(bytes)", "Mi")))
}

pub(crate) fn our_nodes(answer: &Answered) -> Result<Value> {
    let nodes = structured(answer)?["nodes"].as_array().context("no nodes")?;
    let rows: Map<_, _> = nodes
        .iter()
        .map(|node| (node["name"].as_str().unwrap_or_default().to_owned(), our_use(node)))
        .collect();
    Ok(json!({"count": rows.len(), "rows": rows}))
}

pub(crate) fn their_nodes(answer: &Answered) -> Result<Value> {
    let rows: Map<_, _> = table(&success(answer)?)?
        .iter()
        .map(|row| (row["NAME"].as_str().unwrap_or_default().to_owned(), their_use(row)))
        .collect();
    Ok(json!({"count": rows.len(), "rows": rows}))
}

pub(crate) fn our_pods(answer: &Answered) -> Result<Value> {
    let top = structured(answer)?;
    let mut rows = Map::new();
    for pod in top["pods"].as_array().context("no pods")? {
        for container in pod["containers"].as_array().into_iter().flatten() {
            let words = [&pod["namespace"], &pod["name"], &container["name"]];
            let words = words.map(|word| word.as_str().unwrap_or_default());
            rows.insert(words.join("/"), our_use(container));
        }
    }
    Ok(json!({"count": rows.len(), "rows": rows, "total": our_use(&top["total"])}))
}

/// The last rows are a line and the sum, neither of them below the headings.
pub(crate) fn their_pods(answer: &Answered) -> Result<Value> {
    let text = success(answer)?;
    let mut rows = Map::new();
    for row in table(&text)? {
        let words = ["NAMESPACE", "POD", "NAME"];
        let words = words.map(|word| row.get(word).and_then(Value::as_str).unwrap_or_default());
        if !words[1].is_empty() {
            rows.insert(words.join("/"), their_use(&row));
        }
    }
    let last = text.lines().rfind(|line| !line.trim().is_empty()).context("no row at all")?;
    let mut cells = last.split_whitespace().map(Value::from);
    let total: Map<_, _> = ["CPU(cores)", "MEMORY(bytes)"]
        .into_iter()
        .map(|column| (column.to_owned(), cells.next().unwrap_or_default()))
        .collect();
    Ok(json!({"count": rows.len(), "rows": rows, "total": their_use(&total)}))
}

// === What a kubelet tells ===

pub(crate) fn our_summary(answer: &Answered) -> Result<Value> {
    let summary = structured(answer)?;
    let mut rows = Map::new();
    for pod in summary["pods"].as_array().context("no pods")? {
        rows.insert(
            format!("{}/{}", word(&pod["namespace"]), word(&pod["name"])),
            used(&pod["cpuMillicores"], &pod["memoryWorkingSetBytes"]),
        );
    }
    let node = &summary["node"];
    Ok(json!({
        "form": "amounts by name",
        "node": used(&node["cpuMillicores"], &node["memoryWorkingSetBytes"]),
        "received": node["networkReceivedBytes"],
        "files": node["filesUsedBytes"],
        "rows": rows,
    }))
}

pub(crate) fn their_summary(answer: &Answered) -> Result<Value> {
    let summary: Value = serde_json::from_str(&success(answer)?)?;
    let millis = |cpu: &Value| json!(cpu["usageNanoCores"].as_i64().map(|nanos| nanos / 1_000_000));
    let of = |one: &Value| used(&millis(&one["cpu"]), &one["memory"]["workingSetBytes"]);
    let mut rows = Map::new();
    for pod in summary["pods"].as_array().context("no pods")? {
        let (name, namespace) = (&pod["podRef"]["name"], &pod["podRef"]["namespace"]);
        rows.insert(format!("{}/{}", word(namespace), word(name)), of(pod));
    }
    let node = &summary["node"];
    Ok(json!({
        "form": "the kubelet's document",
        "node": of(node),
        "received": node["network"]["rxBytes"],
        "files": node["fs"]["usedBytes"],
        "rows": rows,
    }))
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
