//! `nodes_stats_summary`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{CallContext, Effect, KubeTool};
use crate::failure::Failure;
use crate::names::ObjectName;
use crate::output::{Amount, Reply, aligned, one_line};

pub(super) struct NodesStatsSummary;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// The node's name
    name: ObjectName,
}

/// A node runs 110 pods as a rule.
const MAX_PODS: usize = 250;

/// What a node, or one of its pods or containers, uses. What the kubelet does not tell is left out.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "camelCase")]
struct Use {
    // Each description stands in the list of tools four times: what a name says itself has none.
    /// Cores, in thousandths
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu_millicores: Option<i64>,
    /// Memory that cannot be taken back, in bytes
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_working_set_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_available_bytes: Option<u64>,
    /// Bytes of files: of a pod its ephemeral storage, of a node its root file system
    #[serde(skip_serializing_if = "Option::is_none")]
    files_used_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files_capacity_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inodes_free: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network_received_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network_sent_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    processes: Option<u64>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct PodUse {
    /// The pod's namespace
    namespace: String,
    /// The pod's name
    name: String,
    /// What it uses
    #[serde(flatten)]
    usage: Use,
    /// What its containers use
    containers: Vec<ContainerUse>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct ContainerUse {
    /// The container's name
    name: String,
    /// What it uses
    #[serde(flatten)]
    usage: Use,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    /// The node's name
    name: String,
    /// What the node uses
    node: Use,
    /// Waiting for CPU, memory or I/O in percent of the last 10 s (pressure stall information), where the kernel tells it
    #[serde(skip_serializing_if = "Option::is_none")]
    pressure: Option<Pressure>,
    /// What the file system of the images uses
    #[serde(skip_serializing_if = "Option::is_none")]
    images: Option<Use>,
    /// The pods, those with most memory first
    pods: Vec<PodUse>,
    /// How many pods are left out
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<usize>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct Pressure {
    /// Tasks that waited for a CPU
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu: Option<f64>,
    /// Tasks that waited for memory
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<f64>,
    /// Tasks that waited for I/O
    #[serde(skip_serializing_if = "Option::is_none")]
    io: Option<f64>,
}

impl Use {
    fn of(stats: &Value, files: &str) -> Self {
        let number = |pointer: &str| stats.pointer(pointer).and_then(Value::as_u64);
        let file = |name: &str| number(&format!("/{files}/{name}"));
        Self {
            cpu_millicores: number("/cpu/usageNanoCores")
                .map(|nanos| Amount::billionths(nanos).thousandths()),
            memory_working_set_bytes: number("/memory/workingSetBytes"),
            memory_available_bytes: number("/memory/availableBytes"),
            files_used_bytes: file("usedBytes"),
            files_capacity_bytes: file("capacityBytes"),
            inodes_free: file("inodesFree"),
            network_received_bytes: number("/network/rxBytes"),
            network_sent_bytes: number("/network/txBytes"),
            processes: number("/process_stats/process_count").or_else(|| number("/rlimit/curproc")),
        }
    }

    /// Of a pod or a container, the file system's own bounds are the node's.
    fn of_part(stats: &Value, files: &str) -> Self {
        Self { files_capacity_bytes: None, inodes_free: None, ..Self::of(stats, files) }
    }

    fn cells(&self) -> [String; 3] {
        let mebibytes = |bytes: Option<u64>| bytes.map(|bytes| Amount::whole(bytes).as_mebibytes());
        let cells = [
            self.cpu_millicores.map(|cores| format!("{cores}m")),
            mebibytes(self.memory_working_set_bytes),
            mebibytes(self.files_used_bytes),
        ];
        cells.map(|cell| cell.unwrap_or_else(|| "-".to_owned()))
    }
}

impl Summary {
    /// What matters of a kubelet's summary.
    fn of(name: &ObjectName, summary: &Value) -> Self {
        let text = |value: &Value, pointer: &str| {
            one_line(value.pointer(pointer).and_then(Value::as_str).unwrap_or_default())
        };
        let list = |value: &Value, key: &str| {
            value.get(key).and_then(Value::as_array).cloned().unwrap_or_default()
        };
        let mut pods: Vec<_> = list(summary, "pods")
            .iter()
            .map(|pod| PodUse {
                namespace: text(pod, "/podRef/namespace"),
                name: text(pod, "/podRef/name"),
                usage: Use::of_part(pod, "ephemeral-storage"),
                containers: list(pod, "containers")
                    .iter()
                    .map(|container| ContainerUse {
                        name: text(container, "/name"),
                        usage: Use::of_part(container, "rootfs"),
                    })
                    .collect(),
            })
            .collect();
        pods.sort_by(|a, b| {
            let memory = |pod: &PodUse| pod.usage.memory_working_set_bytes;
            let names = (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name));
            memory(b).cmp(&memory(a)).then(names)
        });
        let left_out = pods.len().checked_sub(MAX_PODS).filter(|&left_out| left_out > 0);
        pods.truncate(MAX_PODS);
        let node = summary.get("node").unwrap_or(&Value::Null);
        let waiting =
            |of: &str| node.pointer(&format!("/{of}/psi/some/avg10")).and_then(Value::as_f64);
        let pressure =
            Pressure { cpu: waiting("cpu"), memory: waiting("memory"), io: waiting("io") };
        let is_told = pressure.cpu.or(pressure.memory).or(pressure.io).is_some();
        Self {
            name: name.to_string(),
            node: Use::of(node, "fs"),
            pressure: is_told.then_some(pressure),
            images: node
                .pointer("/runtime/imageFs")
                .map(|_| Use::of(node.get("runtime").unwrap_or(&Value::Null), "imageFs")),
            pods,
            left_out,
        }
    }

    fn text(&self) -> String {
        let mebibytes = |bytes: u64| Amount::whole(bytes).as_mebibytes();
        let [cpu, memory, files] = self.node.cells();
        let mut text = format!("node {}: cpu {cpu}, memory {memory}", self.name);
        if let Some(left) = self.node.memory_available_bytes {
            text.push_str(&format!(" ({} left)", mebibytes(left)));
        }
        text.push_str(&format!(", files {files}"));
        if let Some(capacity) = self.node.files_capacity_bytes {
            text.push_str(&format!(" of {}", mebibytes(capacity)));
        }
        text.push('\n');
        if let Some(Pressure { cpu, memory, io }) = &self.pressure {
            let percent =
                |share: &Option<f64>| share.map_or("-".to_owned(), |share| format!("{share}%"));
            text.push_str(&format!(
                "waiting in the last 10 s: for cpu {}, memory {}, io {}\n",
                percent(cpu),
                percent(memory),
                percent(io)
            ));
        }
        if self.pods.is_empty() {
            text.push_str("no pods\n");
            return text;
        }
        let header = ["NAMESPACE", "POD", "CPU", "MEMORY", "FILES"].map(str::to_owned).to_vec();
        let rows = self.pods.iter().map(|pod| {
            let [cpu, memory, files] = pod.usage.cells();
            vec![pod.namespace.clone(), pod.name.clone(), cpu, memory, files]
        });
        let rows: Vec<Vec<String>> = std::iter::once(header).chain(rows).collect();
        text.push_str(&aligned(&rows).0);
        if let Some(left_out) = self.left_out {
            text.push_str(&format!("[{left_out} more pods, with less memory, are left out]\n"));
        }
        text
    }
}

impl KubeTool for NodesStatsSummary {
    const NAME: &'static str = "nodes_stats_summary";
    const TITLE: &'static str = "Nodes: Stats Summary";
    const DESCRIPTION: &'static str = "Tell what a node, its pods and their containers use: cpu, memory, files, network, as its kubelet measures them. \
        Needs get on nodes/proxy";
    const EFFECT: Effect = Effect::Reads;
    type Input = Input;
    type Output = Summary;

    async fn call(context: CallContext, input: Input) -> Result<Reply<Summary>, Failure> {
        let summary = context.caller.node_summary(&input.name).await?;
        let structured = Summary::of(&input.name, &summary);
        let text = structured.text();
        Ok(Reply { structured, text })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, memory: u64) -> Value {
        json!({
            "podRef": {"name": name, "namespace": "shop", "uid": "x"},
            "cpu": {"usageNanoCores": 1_500_000},
            "memory": {"workingSetBytes": memory},
            "ephemeral-storage": {"usedBytes": 2 << 20, "capacityBytes": 9, "inodesFree": 9},
            "containers": [{"name": "web", "cpu": {"usageNanoCores": 0}, "rootfs": {"usedBytes": 7}}],
        })
    }

    #[test]
    fn a_summary_is_short_and_sorted_and_says_what_it_leaves_out() {
        let name = ObjectName::try_from("n1".to_owned()).unwrap();
        let summary = json!({
            "node": {
                "nodeName": "n1",
                "cpu": {"usageNanoCores": 250_000_000, "psi": {"some": {"avg10": 1.5}}},
                "memory": {"workingSetBytes": 1 << 30, "availableBytes": 3_u64 << 30},
                "fs": {"usedBytes": 10 << 20, "capacityBytes": 100 << 20, "inodesFree": 5},
                "runtime": {"imageFs": {"usedBytes": 5}},
            },
            "pods": [pod("small", 1 << 20), pod("large", 64 << 20)],
        });
        let short = Summary::of(&name, &summary);
        assert_eq!(
            short.text(),
            "node n1: cpu 250m, memory 1024Mi (3072Mi left), files 10Mi of 100Mi\n\
             waiting in the last 10 s: for cpu 1.5%, memory -, io -\n\
             NAMESPACE   POD     CPU   MEMORY   FILES\n\
             shop        large   2m    64Mi     2Mi\n\
             shop        small   2m    1Mi      2Mi\n"
        );
        let json = serde_json::to_value(&short).unwrap();
        assert_eq!(json["images"], json!({"filesUsedBytes": 5}));
        assert_eq!(
            json["pods"][0]["containers"],
            json!([{"name": "web", "cpuMillicores": 0, "filesUsedBytes": 7}])
        );
        assert_eq!(json["pods"][0]["filesCapacityBytes"], Value::Null);

        let many: Vec<Value> = (0..300).map(|number| pod(&format!("p{number}"), number)).collect();
        let short = Summary::of(&name, &json!({"node": {}, "pods": many}));
        assert_eq!((short.pods.len(), short.left_out), (MAX_PODS, Some(50)));
        assert!(short.text().contains("[50 more pods"));
        assert_eq!(
            Summary::of(&name, &json!("x")).text(),
            "node n1: cpu -, memory -, files -\nno pods\n"
        );
    }
}
