//! `pods_log`.

mod parameters;
mod reading;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::arguments::optional;
use super::containers::{self, Containers};
use super::since::Since;
use super::{CallContext, Effect, KubeTool};
use crate::cluster::LogQuery;
use crate::failure::Failure;
use crate::names::{ContainerName, Namespace, ObjectName};
use crate::output::{Cut, Reply};
use parameters::{DEFAULT_FOLLOW_SECONDS, DEFAULT_TAIL, Flag, FollowSeconds, Grep, Tail};
use reading::{Asked, Read, read};

pub(super) struct PodsLog;

/// How many lines from the end are searched.
const SEARCHED_LINES: u32 = 1_000_000;
/// Containers whose logs are read in one call, and followed at the same time.
const MAX_CONTAINERS: usize = 32;
const MAX_FOLLOWED: usize = 8;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    /// The pod's name
    name: ObjectName,
    /// The pod's namespace; the default one if left out
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Namespace", extend("x-mcp-header" = "Namespace"))]
    namespace: Option<Namespace>,
    /// The container, needed only if the pod has several and does not say itself which is meant
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "ContainerName")]
    container: Option<ContainerName>,
    /// Whether to read the log of the container's previous run
    #[serde(default)]
    #[schemars(with = "Flag")]
    previous: Option<Flag>,
    /// How many lines from the end; with grep, how many that match
    #[serde(default)]
    #[schemars(with = "Tail")]
    tail: Option<Tail>,
    /// Only what was written since then: a duration like 90s, 5m, 1h30m or 2d, or a time like 2026-01-31T09:30:00Z
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Since")]
    since: Option<Since>,
    /// Only lines that this regular expression matches; (?i) at its beginning ignores case
    #[serde(default, deserialize_with = "optional")]
    #[schemars(with = "Grep")]
    grep: Option<Grep>,
    /// Whether to read the logs of all the pod's containers, those of init and ephemeral ones too, each line behind its container's name
    #[serde(default)]
    #[schemars(with = "Flag")]
    all_containers: Option<Flag>,
    /// Whether each line begins with the time at which it was written
    #[serde(default)]
    #[schemars(with = "Flag")]
    timestamps: Option<Flag>,
    /// Whether to wait for lines that are still to be written, for follow_seconds. They are told as progress to clients that ask for it, and all of them in the result
    #[serde(default)]
    #[schemars(with = "Flag")]
    follow: Option<Flag>,
    /// For how many seconds to follow
    #[serde(default)]
    #[schemars(with = "FollowSeconds")]
    follow_seconds: Option<FollowSeconds>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Log {
    /// The pod's namespace
    namespace: String,
    /// The pod's name
    name: String,
    /// The containers, as far as they were named
    #[serde(skip_serializing_if = "Vec::is_empty")]
    containers: Vec<String>,
    /// The lines
    log: String,
    /// Whether lines that were asked for, or parts of them, are left out
    truncated: bool,
    /// What is left out
    #[serde(skip_serializing_if = "Cut::is_nothing")]
    #[schemars(with = "Option<Cut>")]
    cut: Cut,
    /// What else there is to know
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

impl KubeTool for PodsLog {
    const NAME: &'static str = "pods_log";
    const TITLE: &'static str = "Pods: Log";
    const DESCRIPTION: &'static str =
        "Read the end of a pod's log, search it, or follow it for a while";
    const EFFECT: Effect = Effect::Reads;
    type Input = Input;
    type Output = Log;

    async fn call(context: CallContext, input: Input) -> Result<Reply<Log>, Failure> {
        let is_set = |flag: &Option<Flag>| flag.as_ref().is_some_and(|Flag(is_set)| *is_set);
        let all = is_set(&input.all_containers);
        if all && input.container.is_some() {
            return Err(Failure::InvalidArguments(
                "container and all_containers exclude each other".to_owned(),
            ));
        }
        if input.follow_seconds.is_some() && !is_set(&input.follow) {
            return Err(Failure::InvalidArguments("follow_seconds needs follow".to_owned()));
        }
        let follow = is_set(&input.follow).then(|| {
            let seconds = input.follow_seconds.map_or(DEFAULT_FOLLOW_SECONDS, |FollowSeconds(s)| s);
            Duration::from_secs(seconds.into())
        });
        let tail = input.tail.map_or(DEFAULT_TAIL, |Tail(lines)| lines);
        let grep = input.grep.map(|Grep(regex)| regex);
        let asked = Asked {
            namespace: context.caller.namespace_or_default(input.namespace),
            name: input.name,
            query: LogQuery {
                container: input.container.map(|container| container.as_str().to_owned()),
                previous: is_set(&input.previous),
                timestamps: is_set(&input.timestamps),
                follow: follow.is_some(),
                since: input.since.map(|Since(since)| since),
                tail: Some(if grep.is_some() { tail.max(SEARCHED_LINES) } else { tail }),
            },
            // A log that is followed goes on behind its tail.
            wanted: match (&grep, follow) {
                (Some(_), None) => usize::try_from(tail).unwrap_or(usize::MAX),
                _ => usize::MAX,
            },
            grep,
            follow,
        };
        if all { of_all_containers(&context, asked).await } else { of_one(&context, asked).await }
    }
}

/// Of the container that is named, or the only one, or the one that the pod names.
async fn of_one(context: &CallContext, mut asked: Asked) -> Result<Reply<Log>, Failure> {
    let mut notes = Vec::new();
    let first = read(context, &asked, &[asked.query.container.clone()]).await;
    let read = match first {
        Err(unclear) if asked.query.container.is_none() && containers::is_unclear(&unclear) => {
            let Asked { namespace, name, .. } = &asked;
            let or = "; or set all_containers";
            let container =
                containers::named_by_the_pod(&context.caller, namespace, name, unclear, or).await?;
            notes.push(format!("of container {container}, which the pod names as its default"));
            asked.query.container = Some(container);
            read(context, &asked, &[asked.query.container.clone()]).await?
        }
        read => read?,
    };
    let containers = asked.query.container.clone().into_iter().collect();
    Ok(reply(&asked, containers, notes, read))
}

async fn of_all_containers(context: &CallContext, asked: Asked) -> Result<Reply<Log>, Failure> {
    let all = Containers::of(&context.caller, &asked.namespace, &asked.name).await?.all();
    let most = if asked.follow.is_some() { MAX_FOLLOWED } else { MAX_CONTAINERS };
    if all.len() > most {
        return Err(Failure::InvalidArguments(format!(
            "all_containers would read {} logs, and {most} is the most: name one with container: {}",
            all.len(),
            all.join(", ")
        )));
    }
    let each: Vec<_> = all.iter().cloned().map(Some).collect();
    let read = read(context, &asked, &each).await?;
    Ok(reply(&asked, all, Vec::new(), read))
}

fn reply(asked: &Asked, containers: Vec<String>, notes: Vec<String>, read: Read) -> Reply<Log> {
    let Read { end, notes: more } = read;
    let older = end.older();
    let (log, cut) = end.finish();
    let mut notes = [notes, more].concat();
    if older > 0 {
        notes.push(format!("{older} older lines match, too: ask for more with tail"));
    }
    let mut text = log.clone();
    if log.is_empty() {
        text.push_str(match (&asked.grep, asked.query.since) {
            (Some(_), _) => "no line matches\n",
            (None, Some(_)) => "nothing was written since then\n",
            (None, None) => "the log is empty\n",
        });
    }
    if cut.lines > 0 {
        text.push_str(&format!(
            "[cut: {} older lines of {} bytes are left out; ask for fewer with tail, or choose with since or grep]\n",
            cut.lines, cut.bytes
        ));
    }
    if cut.long_lines > 0 {
        text.push_str(&format!(
            "[cut: {} lines are too long, and {} bytes of them left out]\n",
            cut.long_lines, cut.long_line_bytes
        ));
    }
    for note in &notes {
        text.push_str(&format!("[{note}]\n"));
    }
    let structured = Log {
        namespace: asked.namespace.to_string(),
        name: asked.name.to_string(),
        containers,
        log,
        truncated: !cut.is_nothing(),
        cut,
        notes,
    };
    Reply { structured, text }
}
