//! `pods_log`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::arguments::optional;
use super::{CallContext, Effect, KubeTool};
use crate::cluster::{LogQuery, MAX_LOG_BYTES, Resource};
use crate::failure::Failure;
use crate::names::{ContainerName, Namespace, ObjectName};
use crate::output::Reply;

pub(super) struct PodsLog;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// The pod's name
    name: ObjectName,
    /// The pod's namespace; default if left out
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Namespace", extend("x-mcp-header" = "Namespace"))]
    namespace: Option<Namespace>,
    /// The container, needed only if the pod has several
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "ContainerName")]
    container: Option<ContainerName>,
    /// Whether to read the log of the container's previous run
    #[serde(default)]
    #[schemars(with = "Flag")]
    previous: Option<Flag>,
    /// How many lines from the end
    #[serde(default)]
    #[schemars(with = "Tail")]
    tail: Option<Tail>,
}

/// Yes or no, without a default in the schema.
#[derive(Debug, Deserialize)]
struct Flag(bool);

/// A number of lines.
#[derive(Debug, Deserialize)]
struct Tail(u32);

const DEFAULT_TAIL: u32 = 100;

macro_rules! inline_schema {
    ($type:ident, $schema:tt) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }

            fn inline_schema() -> bool {
                true
            }
        }
    };
}

inline_schema!(Flag, { "type": "boolean" });
inline_schema!(Tail, { "type": "integer", "default": DEFAULT_TAIL, "minimum": 0 });

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Log {
    /// The pod's namespace
    namespace: String,
    /// The pod's name
    name: String,
    /// The lines
    log: String,
    /// Whether the log was longer than is shown
    truncated: bool,
}

impl KubeTool for PodsLog {
    const NAME: &'static str = "pods_log";
    const TITLE: &'static str = "Pods: Log";
    const DESCRIPTION: &'static str = "Read the end of a pod's log";
    const EFFECT: Effect = Effect::Reads;
    type Input = Input;
    type Output = Log;

    async fn call(context: CallContext, input: Input) -> Result<Reply<Log>, Failure> {
        let pods = Resource::core("Pod", "pods", true);
        let namespace = context.caller.namespace_or_default(input.namespace);
        let query = LogQuery {
            container: input.container,
            previous: input.previous.is_some_and(|Flag(previous)| previous),
            tail: input.tail.map_or(DEFAULT_TAIL, |Tail(lines)| lines),
        };
        let log = context.caller.logs(&pods, &namespace, &input.name, query).await?;
        let (log, truncated) = last_bytes(log, MAX_LOG_BYTES);
        let text = match (log.is_empty(), truncated) {
            (true, _) => "the log is empty\n".to_owned(),
            (false, false) => log.clone(),
            (false, true) => {
                format!("{log}\n[cut to {MAX_LOG_BYTES} bytes: ask for fewer lines with tail]\n")
            }
        };
        let structured =
            Log { namespace: namespace.to_string(), name: input.name.to_string(), log, truncated };
        Ok(Reply { structured, text })
    }
}

/// At most the last `bytes` of `log`, from a character on, and whether something was left out. Servers that know
/// `limitBytes` send one byte more than wanted; some do not know it.
fn last_bytes(log: String, bytes: usize) -> (String, bool) {
    let Some(start) = log.len().checked_sub(bytes).filter(|&start| start > 0) else {
        return (log, false);
    };
    let kept = (start..=log.len()).find_map(|start| log.get(start..)).unwrap_or_default();
    (kept.to_owned(), true)
}

#[cfg(test)]
mod tests {
    use super::last_bytes;

    #[test]
    fn the_end_of_a_long_log_is_kept_from_a_character_on() {
        assert_eq!(last_bytes("abc".to_owned(), 3), ("abc".to_owned(), false));
        assert_eq!(last_bytes("abcd".to_owned(), 3), ("bcd".to_owned(), true));
        assert_eq!(last_bytes("aéd".to_owned(), 2), ("d".to_owned(), true));
        assert_eq!(last_bytes(String::new(), 2), (String::new(), false));
    }
}
