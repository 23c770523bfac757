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

/// More lines kubelets do not count; they answer such a request with an error.
const MAX_COUNTED: u32 = 100_000;
/// What kubelets say with status 200, behind an empty line, in the place of a log.
const NOT_FOUND: &[u8] = b"log not found for ";
const NOT_COUNTED: &[u8] = b"options present and query resolved to log files";

/// What came of a query.
enum Found {
    Log(LogEnd),
    Nothing,
    /// A service that has no journal but files, of which kubelets do not count the lines.
    Uncounted,
}

/// Reads the end of a log. Whatever the kubelet counts, no more lines than are wanted.
async fn read(
    context: &CallContext,
    name: &ObjectName,
    query: &NodeLogName,
    wanted: u32,
    counted: Option<u32>,
) -> Result<Found, Failure> {
    let mut stream = context.caller.node_log(name, query, counted).await?;
    let mut end = LogEnd::new(usize::try_from(wanted).unwrap_or(usize::MAX));
    let (mut number, mut is_nothing, mut is_uncounted) = (0_u64, false, false);
    let mut keep = |line: Line<'_>| {
        number += 1;
        is_nothing |= number == 2 && line.text.starts_with(NOT_FOUND);
        is_uncounted |= number == 2 && line.text.starts_with(NOT_COUNTED);
        end.push(Kept::of(None, &line));
    };
    let mut lines = Lines::default();
    while let Next::Bytes(bytes) = stream.next().await? {
        lines.push(&bytes, &mut keep);
    }
    lines.finish(&mut keep);
    Ok(match (is_nothing && !query.is_file(), is_uncounted && counted.is_some()) {
        (true, _) => Found::Nothing,
        (_, true) => Found::Uncounted,
        _ => Found::Log(end),
    })
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
        let query = input.query.into_kubelet_path();
        let counted = (!query.is_file()).then_some(tail.min(MAX_COUNTED));
        let mut found = read(&context, &input.name, &query, tail, counted).await?;
        if matches!(found, Found::Uncounted) {
            found = read(&context, &input.name, &query, tail, None).await?;
        }
        let Found::Log(end) = found else {
            return Err(Failure::InvalidArguments(format!(
                "query: node {} has no log of {query}; ask for a service like kubelet, or a file below /var/log like /syslog",
                input.name
            )));
        };
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
