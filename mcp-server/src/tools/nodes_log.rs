//! `nodes_log`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{CallContext, Effect, KubeTool};
use crate::cluster::Next;
use crate::failure::Failure;
use crate::names::{NodeLogName, ObjectName};
use crate::output::{Cut, Kept, Line, Lines, LogEnd, Reply};

pub(super) struct NodesLog;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// The node's name
    name: ObjectName,
    /// Which log: a service like kubelet, or a file below /var/log like /kube-proxy.log
    query: NodeLogName,
    /// How many lines from the end
    #[serde(default, rename = "tailLines")]
    #[schemars(with = "Tail")]
    tail_lines: Option<Tail>,
}

/// A number of lines.
#[derive(Debug, Deserialize)]
struct Tail(u32);

const DEFAULT_TAIL: u32 = 100;

impl JsonSchema for Tail {
    fn schema_name() -> Cow<'static, str> {
        "Tail".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "default": DEFAULT_TAIL, "minimum": 0 })
    }

    fn inline_schema() -> bool {
        true
    }
}

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Log {
    /// The node's name
    name: String,
    /// Which log
    query: String,
    /// The lines
    log: String,
    /// Whether lines that were asked for, or parts of them, are left out
    truncated: bool,
    /// What is left out
    #[serde(skip_serializing_if = "Cut::is_nothing")]
    #[schemars(with = "Option<Cut>")]
    cut: Cut,
}

impl KubeTool for NodesLog {
    const NAME: &'static str = "nodes_log";
    const TITLE: &'static str = "Nodes: Log";
    const DESCRIPTION: &'static str = "Read the end of a log of a node: of a service like kubelet, or of a file below /var/log. \
        Needs get on nodes/proxy, and a kubelet that lets its logs be read (enableSystemLogQuery)";
    const EFFECT: Effect = Effect::Reads;
    type Input = Input;
    type Output = Log;

    async fn call(context: CallContext, input: Input) -> Result<Reply<Log>, Failure> {
        let tail = input.tail_lines.map_or(DEFAULT_TAIL, |Tail(lines)| lines);
        let query = input.query.as_the_kubelet_has_it();
        let mut stream = context.caller.node_log(&input.name, &query, tail).await?;
        // A kubelet that does not know tailLines sends all of a file.
        let mut end = LogEnd::new(usize::try_from(tail).unwrap_or(usize::MAX));
        let mut keep = |line: Line<'_>| end.push(Kept::of(None, &line));
        let mut lines = Lines::default();
        while let Next::Bytes(bytes) = stream.next().await? {
            lines.push(&bytes, &mut keep);
        }
        lines.finish(&mut keep);
        let (log, cut) = end.finish();
        let mut text = if log.is_empty() { "the log is empty\n".to_owned() } else { log.clone() };
        if cut.lines > 0 {
            text.push_str(&format!(
                "[cut: {} older lines of {} bytes are left out; ask for fewer with tailLines]\n",
                cut.lines, cut.bytes
            ));
        }
        if cut.long_lines > 0 {
            text.push_str(&format!(
                "[cut: {} lines are too long, and {} bytes of them left out]\n",
                cut.long_lines, cut.long_line_bytes
            ));
        }
        let structured = Log {
            name: input.name.to_string(),
            query: query.to_string(),
            log,
            truncated: !cut.is_nothing(),
            cut,
        };
        Ok(Reply { structured, text })
    }
}
