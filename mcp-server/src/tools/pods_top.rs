//! `pods_top`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::arguments::optional;
use super::{CallContext, Effect, KubeTool};
use crate::cluster::{Usage, UsageOf};
use crate::failure::Failure;
use crate::names::{Namespace, ObjectName};
use crate::output::{Amount, Reply, aligned, one_line};
use crate::selectors::LabelSelector;

pub(super) struct PodsTop;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// Whether to tell of all namespaces; it counts only if no namespace is named
    #[serde(default)]
    #[schemars(with = "AllNamespaces")]
    all_namespaces: Option<AllNamespaces>,
    /// The namespace
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Namespace", extend("x-mcp-header" = "Namespace"))]
    namespace: Option<Namespace>,
    /// The pod's name; all pods if left out
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "ObjectName")]
    name: Option<ObjectName>,
    /// Only pods with these labels, like app=web,tier!=cache
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "LabelSelector")]
    label_selector: Option<LabelSelector>,
    /// What to sort by, most first
    #[serde(default)]
    #[schemars(with = "SortBy")]
    sort_by: Option<SortBy>,
}

#[derive(Debug, Deserialize)]
struct AllNamespaces(bool);

impl JsonSchema for AllNamespaces {
    fn schema_name() -> Cow<'static, str> {
        "AllNamespaces".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "boolean", "default": true })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// What the first of a list has most of.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum SortBy {
    #[default]
    Cpu,
    Memory,
}

impl SortBy {
    pub(super) fn of(self, usage: &Usage) -> Amount {
        match self {
            Self::Cpu => usage.cpu,
            Self::Memory => usage.memory,
        }
    }
}

impl JsonSchema for SortBy {
    fn schema_name() -> Cow<'static, str> {
        "SortBy".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": ["cpu", "memory"], "default": "cpu" })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// How many are shown; all are counted.
pub(super) const SHOWN: usize = 250;

/// Cores and bytes, as numbers.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "camelCase")]
pub(super) struct Used {
    /// Cores, in thousandths
    cpu_millicores: i64,
    /// Memory, in bytes
    memory_bytes: i64,
}

impl From<&Usage> for Used {
    fn from(usage: &Usage) -> Self {
        Self { cpu_millicores: usage.cpu.thousandths(), memory_bytes: usage.memory.units() }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct Pod {
    /// The pod's namespace
    namespace: String,
    /// The pod's name
    name: String,
    /// What it uses
    #[serde(flatten)]
    used: Used,
    /// What its containers use
    containers: Vec<Container>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct Container {
    /// The container's name
    name: String,
    /// What it uses
    #[serde(flatten)]
    used: Used,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Top {
    /// The pods, sorted
    pods: Vec<Pod>,
    /// What all of them use, those that are left out too
    total: Used,
    /// How many pods are left out, which use less
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<usize>,
}

impl KubeTool for PodsTop {
    const NAME: &'static str = "pods_top";
    const TITLE: &'static str = "Pods: Top";
    const DESCRIPTION: &'static str =
        "Tell how much cpu and memory pods and their containers use now, those that use most first";
    const EFFECT: Effect = Effect::ReadsSame;
    type Input = Input;
    type Output = Top;

    async fn call(context: CallContext, input: Input) -> Result<Reply<Top>, Failure> {
        let all = input.all_namespaces.is_none_or(|AllNamespaces(all)| all);
        let namespace = match input.namespace {
            Some(namespace) => Some(namespace),
            // One pod is in one namespace.
            None if all && input.name.is_none() => None,
            None => Some(context.caller.namespace_or_default(None)),
        };
        let labels = input.label_selector.as_ref();
        let pods =
            context.caller.pod_usage(namespace.as_ref(), input.name.as_ref(), labels).await?;
        Ok(top(pods, input.sort_by.unwrap_or_default()))
    }
}

fn top(pods: Vec<UsageOf>, sort_by: SortBy) -> Reply<Top> {
    let mut pods: Vec<(Usage, UsageOf)> = pods
        .into_iter()
        .map(|pod| (pod.containers.iter().map(|container| container.usage).sum(), pod))
        .collect();
    let total: Usage = pods.iter().map(|(usage, _)| *usage).sum();
    pods.sort_by(|(a, pod_a), (b, pod_b)| {
        let names = |pod: &UsageOf| (pod.metadata.namespace.clone(), pod.metadata.name.clone());
        sort_by.of(b).cmp(&sort_by.of(a)).then_with(|| names(pod_a).cmp(&names(pod_b)))
    });
    let left_out = pods.len().checked_sub(SHOWN).filter(|&left_out| left_out > 0);
    pods.truncate(SHOWN);
    let row = |namespace: &str, name: &str, container: &str, usage: &Usage| {
        let cells = [namespace, name, container].map(one_line);
        [&cells[..], &[usage.cpu.as_cores(), usage.memory.as_mebibytes()]].concat()
    };
    let header = ["NAMESPACE", "POD", "CONTAINER", "CPU", "MEMORY"].map(str::to_owned).to_vec();
    let mut rows = vec![header];
    for (usage, UsageOf { metadata, containers, .. }) in &pods {
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        match containers.as_slice() {
            [only] => rows.push(row(namespace, &metadata.name, &only.name, usage)),
            several => {
                rows.push(row(namespace, &metadata.name, "(all)", usage));
                for container in several {
                    rows.push(row(namespace, &metadata.name, &container.name, &container.usage));
                }
            }
        }
    }
    let mut text = if pods.is_empty() {
        "no pods with metrics found\n".to_owned()
    } else {
        let (mut text, shown) = aligned(&rows);
        if shown < rows.len() {
            text.push_str("[cut: the rest is in the structured content; narrow with a namespace or label_selector]\n");
        }
        let (cpu, memory) = (total.cpu.as_cores(), total.memory.as_mebibytes());
        text.push_str(&format!("total: {cpu} cpu, {memory} memory\n"));
        text
    };
    if let Some(left_out) = left_out {
        text.push_str(&format!(
            "[{left_out} more pods, which use less, are left out: narrow with a namespace or label_selector]\n"
        ));
    }
    let pods = pods
        .into_iter()
        .map(|(usage, UsageOf { metadata, containers, .. })| Pod {
            namespace: one_line(metadata.namespace.as_deref().unwrap_or_default()),
            name: one_line(&metadata.name),
            used: Used::from(&usage),
            containers: containers
                .iter()
                .map(|container| Container {
                    name: one_line(&container.name),
                    used: Used::from(&container.usage),
                })
                .collect(),
        })
        .collect();
    Reply { structured: Top { pods, total: Used::from(&total), left_out }, text }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn pod(name: &str, containers: &[(&str, &str, &str)]) -> UsageOf {
        let containers: Vec<Value> = containers
            .iter()
            .map(|(name, cpu, memory)| json!({"name": name, "usage": {"cpu": cpu, "memory": memory}}))
            .collect();
        let pod =
            json!({"metadata": {"name": name, "namespace": "shop"}, "containers": containers});
        serde_json::from_value(pod).unwrap()
    }

    #[test]
    fn pods_are_summed_sorted_and_totalled() {
        let pods = || {
            vec![
                pod("idle", &[("web", "1m", "90Mi")]),
                pod("busy", &[("web", "250m", "32Mi"), ("proxy", "1500000n", "16Mi")]),
            ]
        };
        let reply = top(pods(), SortBy::Cpu);
        assert_eq!(
            reply.text,
            "NAMESPACE   POD    CONTAINER   CPU    MEMORY\n\
             shop        busy   (all)       252m   48Mi\n\
             shop        busy   web         250m   32Mi\n\
             shop        busy   proxy       2m     16Mi\n\
             shop        idle   web         1m     90Mi\n\
             total: 253m cpu, 138Mi memory\n"
        );
        let by_memory = serde_json::to_value(top(pods(), SortBy::Memory).structured).unwrap();
        assert_eq!(by_memory["pods"][0]["name"], "idle");
        assert_eq!(by_memory["pods"][0]["memoryBytes"], 90 << 20);
        assert_eq!(by_memory["total"], json!({"cpuMillicores": 253, "memoryBytes": 138 << 20}));
        assert_eq!(top(Vec::new(), SortBy::Cpu).text, "no pods with metrics found\n");
    }

    #[test]
    fn of_a_great_many_pods_those_that_use_most_are_shown_and_all_are_counted() {
        let pods = (0..300)
            .map(|number| pod(&format!("p{number}"), &[("web", &format!("{number}m"), "1Mi")]));
        let Reply { structured, text } = top(pods.collect(), SortBy::Cpu);
        assert_eq!((structured.pods.len(), structured.left_out), (SHOWN, Some(50)));
        assert_eq!(structured.pods[0].name, "p299");
        assert!(text.contains("total: 44850m cpu, 300Mi memory") && text.contains("[50 more pods"));
    }
}
