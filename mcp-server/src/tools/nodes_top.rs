//! `nodes_top`.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::arguments::optional;
use super::pods_top::{SHOWN, SortBy, Used};
use super::{CallContext, Effect, KubeTool};
use crate::cluster::{Caller, ListQuery, RawObject, Resource, Usage, UsageOf};
use crate::failure::Failure;
use crate::names::ObjectName;
use crate::output::{Amount, Reply, aligned, one_line};
use crate::selectors::LabelSelector;

pub(super) struct NodesTop;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// The node's name; all nodes if left out
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "ObjectName")]
    name: Option<ObjectName>,
    /// Only nodes with these labels, like node-role.kubernetes.io/worker=
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "LabelSelector")]
    label_selector: Option<LabelSelector>,
    /// What to sort by, most first
    #[serde(default)]
    #[schemars(with = "SortBy")]
    sort_by: Option<SortBy>,
}

/// Pages of nodes that are read for what they have to give: 10,000 nodes.
const MAX_PAGES: usize = 40;

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "camelCase")]
struct Node {
    /// The node's name
    name: String,
    /// What it uses
    #[serde(flatten)]
    used: Used,
    /// Cores that it uses, in percent of what it has to give
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_percent: Option<i64>,
    /// Memory that it uses, in percent of what it has to give
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_percent: Option<i64>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "camelCase")]
struct Total {
    /// What all nodes use
    #[serde(flatten)]
    used: Used,
    /// Cores, in percent of what all nodes have to give
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_percent: Option<i64>,
    /// Memory, in percent of what all nodes have to give
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_percent: Option<i64>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Top {
    /// The nodes, sorted
    nodes: Vec<Node>,
    /// All of them, those that are left out too
    total: Total,
    /// How many nodes are left out, which use less
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<usize>,
    /// Why there are no percentages, if there are none
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// What nodes have to give, by name.
type Allocatable = HashMap<String, Usage>;

impl KubeTool for NodesTop {
    const NAME: &'static str = "nodes_top";
    const TITLE: &'static str = "Nodes: Top";
    const DESCRIPTION: &'static str = "Tell how much cpu and memory nodes use now, in numbers and in percent of what they have to give, those that use most first";
    const EFFECT: Effect = Effect::ReadsSame;
    type Input = Input;
    type Output = Top;

    async fn call(context: CallContext, input: Input) -> Result<Reply<Top>, Failure> {
        let Input { name, label_selector, sort_by } = input;
        let caller = &context.caller;
        let usage = caller.node_usage(name.as_ref(), label_selector.as_ref()).await?;
        // Who may read what nodes use need not be allowed to read nodes.
        let (allocatable, note) = match allocatable(caller, name, label_selector).await {
            Ok(allocatable) => (allocatable, None),
            Err(failure) => (Allocatable::new(), Some(format!("no percentages: {failure}"))),
        };
        Ok(top(usage, &allocatable, sort_by.unwrap_or_default(), note))
    }
}

async fn allocatable(
    caller: &Caller,
    name: Option<ObjectName>,
    labels: Option<LabelSelector>,
) -> Result<Allocatable, Failure> {
    let nodes = Resource::core("Node", "nodes", false);
    if let Some(name) = name {
        let node = caller.get(&nodes, &caller.namespace_or_default(None), &name).await?;
        return Ok(entry(&node).into_iter().collect());
    }
    let mut allocatable = Allocatable::new();
    let mut query = ListQuery { labels, ..ListQuery::default() };
    for _ in 0..MAX_PAGES {
        let page = caller.list_objects(&nodes, None, &query).await?;
        allocatable.extend(page.items.iter().filter_map(entry));
        query.continue_token = page.next;
        if query.continue_token.is_none() {
            break;
        }
    }
    Ok(allocatable)
}

fn entry(node: &RawObject) -> Option<(String, Usage)> {
    let amount = |of: &str| Amount::parse(node.text(&format!("/status/allocatable/{of}"))?);
    Some((node.name()?.to_owned(), Usage { cpu: amount("cpu")?, memory: amount("memory")? }))
}

fn top(
    nodes: Vec<UsageOf>,
    allocatable: &Allocatable,
    sort_by: SortBy,
    note: Option<String>,
) -> Reply<Top> {
    let mut nodes: Vec<(String, Usage)> =
        nodes.into_iter().map(|node| (node.metadata.name, node.usage)).collect();
    let total: Usage = nodes.iter().map(|(_, usage)| *usage).sum();
    let all: Option<Vec<Usage>> =
        nodes.iter().map(|(name, _)| allocatable.get(name).copied()).collect();
    let all: Option<Usage> = all.map(|all| all.into_iter().sum());
    nodes.sort_by(|(name_a, a), (name_b, b)| {
        sort_by.of(b).cmp(&sort_by.of(a)).then_with(|| name_a.cmp(name_b))
    });
    let left_out = nodes.len().checked_sub(SHOWN).filter(|&left_out| left_out > 0);
    nodes.truncate(SHOWN);
    let percents = |usage: &Usage, of: Option<&Usage>| {
        let percent = |of: Option<Amount>, amount: Amount| amount.percent_of(of?);
        (percent(of.map(|of| of.cpu), usage.cpu), percent(of.map(|of| of.memory), usage.memory))
    };
    let row = |name: String, usage: &Usage, of: Option<&Usage>| {
        let (cpu, memory) = percents(usage, of);
        let percent =
            |share: Option<i64>| share.map_or("-".to_owned(), |share| format!("{share}%"));
        let (cores, bytes) = (usage.cpu.as_cores(), usage.memory.as_mebibytes());
        vec![name, cores, percent(cpu), bytes, percent(memory)]
    };
    let header = ["NAME", "CPU", "CPU%", "MEMORY", "MEMORY%"].map(str::to_owned).to_vec();
    let mut rows = vec![header];
    rows.extend(
        nodes.iter().map(|(name, usage)| row(one_line(name), usage, allocatable.get(name))),
    );
    if nodes.len() > 1 {
        rows.push(row("(total)".to_owned(), &total, all.as_ref()));
    }
    let mut text = if nodes.is_empty() {
        "no nodes with metrics found\n".to_owned()
    } else {
        aligned(&rows).0
    };
    if let Some(left_out) = left_out {
        text.push_str(&format!("[{left_out} more nodes, which use less, are left out]\n"));
    }
    if let Some(note) = &note {
        text.push_str(&format!("[{note}]\n"));
    }
    let (cpu_percent, memory_percent) = percents(&total, all.as_ref());
    let total = Total { used: Used::from(&total), cpu_percent, memory_percent };
    let nodes = nodes
        .iter()
        .map(|(name, usage)| {
            let (cpu_percent, memory_percent) = percents(usage, allocatable.get(name));
            Node { name: one_line(name), used: Used::from(usage), cpu_percent, memory_percent }
        })
        .collect();
    Reply { structured: Top { nodes, total, left_out, note }, text }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(name: &str, cpu: &str, memory: &str) -> UsageOf {
        let node = json!({"metadata": {"name": name}, "usage": {"cpu": cpu, "memory": memory}});
        serde_json::from_value(node).unwrap()
    }

    fn gives(name: &str) -> (String, Usage) {
        let node = json!({
            "metadata": {"name": name},
            "status": {"allocatable": {"cpu": "2", "memory": "2097152Ki"}},
        });
        entry(&RawObject::of(node)).unwrap()
    }

    #[test]
    fn nodes_are_sorted_and_totalled_in_percent_of_what_they_have() {
        let nodes = || vec![node("a", "100m", "512Mi"), node("b", "1", "256Mi")];
        let known: Allocatable = [gives("a"), gives("b")].into();
        let reply = top(nodes(), &known, SortBy::Cpu, None);
        assert_eq!(
            reply.text,
            "NAME      CPU     CPU%   MEMORY   MEMORY%\n\
             b         1000m   50%    256Mi    12%\n\
             a         100m    5%     512Mi    25%\n\
             (total)   1100m   27%    768Mi    18%\n"
        );
        let json = serde_json::to_value(reply.structured).unwrap();
        assert_eq!(json["nodes"][0]["cpuPercent"], 50);
        assert_eq!(json["total"]["memoryBytes"], 768 << 20);

        let unknown = top(nodes(), &[gives("a")].into(), SortBy::Memory, Some("no".to_owned()));
        assert!(unknown.text.contains("a         100m    5%     512Mi    25%"), "{}", unknown.text);
        assert!(unknown.text.contains("b         1000m   -      256Mi    -"), "{}", unknown.text);
        assert!(unknown.text.contains("(total)   1100m   -"), "a total of some would mislead");
        assert!(unknown.text.ends_with("[no]\n"));
    }
}
