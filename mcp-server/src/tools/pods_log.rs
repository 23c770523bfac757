//! `pods_log`.

use std::borrow::Cow;
use std::time::Duration;

use regex::bytes::{Regex, RegexBuilder};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use super::arguments::optional;
use super::containers::{self, Containers};
use super::feed::Feed;
use super::since::Since;
use super::{CallContext, Effect, KubeTool};
use crate::cluster::{ByteStream, End, LogQuery, Next, Span};
use crate::failure::Failure;
use crate::names::{ContainerName, Namespace, ObjectName};
use crate::output::{Cut, Kept, Lines, LogEnd, Reply};

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

/// Yes or no, without a default in the schema.
#[derive(Debug, Deserialize)]
struct Flag(bool);

/// A number of lines.
#[derive(Debug, Deserialize)]
struct Tail(u32);

/// How long a log is followed.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "i64")]
struct FollowSeconds(u32);

/// What a line must match. Its engine is linear in the line, whatever the expression.
#[derive(Debug)]
struct Grep(Regex);

const DEFAULT_TAIL: u32 = 100;
/// How many lines from the end are searched.
const SEARCHED_LINES: u32 = 1_000_000;
const DEFAULT_FOLLOW_SECONDS: u32 = 30;
const MAX_FOLLOW_SECONDS: u32 = 600;
/// The longest regular expression, and what one may take when it is compiled.
const MAX_GREP_BYTES: usize = 1_000;
const MAX_COMPILED_BYTES: usize = 1024 * 1024;
/// Containers whose logs are read in one call, and followed at the same time.
const MAX_CONTAINERS: usize = 32;
const MAX_FOLLOWED: usize = 8;

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
inline_schema!(FollowSeconds, {
    "type": "integer", "default": DEFAULT_FOLLOW_SECONDS, "minimum": 1, "maximum": MAX_FOLLOW_SECONDS
});
inline_schema!(Grep, { "type": "string", "maxLength": MAX_GREP_BYTES });

impl TryFrom<i64> for FollowSeconds {
    type Error = &'static str;

    fn try_from(seconds: i64) -> Result<Self, Self::Error> {
        match u32::try_from(seconds) {
            Ok(seconds @ 1..=MAX_FOLLOW_SECONDS) => Ok(Self(seconds)),
            _ => Err("follow_seconds must be 1 to 600"),
        }
    }
}

impl TryFrom<String> for Grep {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.len() > MAX_GREP_BYTES {
            return Err("grep must be no longer than 1000 bytes");
        }
        let built = RegexBuilder::new(&text)
            .size_limit(MAX_COMPILED_BYTES)
            .dfa_size_limit(MAX_COMPILED_BYTES)
            .build();
        built.map(Self).map_err(|_| {
            "grep must be a regular expression without look-around, backreferences and huge repetitions; a \\ before ( [ { . * + ? | makes them themselves"
        })
    }
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

/// What the call is about, once its arguments are understood.
struct Asked {
    namespace: Namespace,
    name: ObjectName,
    query: LogQuery,
    grep: Option<Regex>,
    wanted: usize,
    /// How long the log is followed, if it is.
    follow: Option<Duration>,
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

/// What came of the logs.
struct Read {
    end: LogEnd,
    notes: Vec<String>,
}

/// Something that came of one of the logs.
enum Event {
    Lines(Vec<Kept>),
    Ended(Option<String>, Result<End, Failure>),
}

/// Reads logs: one after the other, or all at once when they are followed.
async fn read(
    context: &CallContext,
    asked: &Asked,
    containers: &[Option<String>],
) -> Result<Read, Failure> {
    let several = containers.len() > 1;
    let mut sources = Vec::new();
    for container in containers {
        let query = LogQuery { container: container.clone(), ..asked.query.clone() };
        let span = match asked.follow {
            None => Span::Request,
            Some(length) => Span::Long(length, context.stream_place("follow logs").await?),
        };
        let stream = context.caller.log(&asked.namespace, &asked.name, query, span).await?;
        sources.push(Source {
            container: container.clone(),
            stream,
            grep: asked.grep.clone(),
            several,
        });
    }
    let (sender, mut events) = mpsc::channel(8);
    // Dropped with this call, and the streams with them.
    let mut pumps = JoinSet::new();
    if asked.follow.is_some() {
        for source in sources {
            pumps.spawn(source.pump(sender.clone()));
        }
    } else {
        let sender = sender.clone();
        pumps.spawn(async move {
            for source in sources {
                source.pump(sender.clone()).await;
            }
        });
    }
    drop(sender);

    let begun = format!("reading the log of pod {}", asked.name);
    let mut feed = asked.follow.map(|_| Feed::start(&context.progress, &begun));
    let mut end = LogEnd::new(asked.wanted);
    let mut notes = Vec::new();
    let mut is_empty = true;
    loop {
        let due = feed.as_ref().and_then(Feed::due);
        let event = tokio::select! {
            event = events.recv() => event,
            () = async { sleep_until(due.unwrap_or_else(tokio::time::Instant::now)).await }, if due.is_some() => {
                if let Some(feed) = &mut feed {
                    feed.flush();
                }
                continue;
            }
        };
        match event {
            None => break,
            Some(Event::Lines(lines)) => {
                is_empty &= lines.is_empty();
                for line in lines {
                    if let Some(feed) = &mut feed {
                        feed.line(&line.text);
                    }
                    end.push(line);
                }
            }
            Some(Event::Ended(container, ended)) => {
                let whose = container.filter(|_| several).map(|name| format!("{name}: "));
                let note = match ended {
                    Ok(ended) => ending(ended, asked.follow),
                    // One container of several may not have started, or have no previous run.
                    Err(failure @ Failure::Rejected { .. }) if several => Some(failure.to_string()),
                    // What came before the connection broke is worth having.
                    Err(failure @ Failure::Unreachable { .. })
                        if asked.follow.is_some() && !is_empty =>
                    {
                        Some(failure.to_string())
                    }
                    Err(failure) => return Err(failure),
                };
                if let Some(note) = note {
                    let note = format!("{}{note}", whose.unwrap_or_default());
                    if !notes.contains(&note) {
                        notes.push(note);
                    }
                }
            }
        }
    }
    if let Some(feed) = feed {
        let passed_over = feed.finish().await;
        if passed_over > 0 {
            notes.push(format!(
                "{passed_over} lines came faster than the client took them as progress; the log has them"
            ));
        }
    }
    Ok(Read { end, notes })
}

/// How a log ended, where that says something.
fn ending(end: End, follow: Option<Duration>) -> Option<String> {
    let follow = follow?;
    Some(match end {
        End::Whole => "the container has ended, and its log with it".to_owned(),
        End::Time => format!("followed for {} s; more may come", follow.as_secs()),
        End::Credential => "followed until your token ended: sign in again to read on".to_owned(),
    })
}

/// One container's log on its way.
struct Source {
    container: Option<String>,
    stream: ByteStream,
    grep: Option<Regex>,
    several: bool,
}

impl Source {
    /// Hands the lines that match over, until there are no more, or nobody takes them.
    async fn pump(mut self, events: mpsc::Sender<Event>) {
        let mut lines = Lines::default();
        let prefix = self.container.as_deref().filter(|_| self.several);
        let ended = loop {
            let next = self.stream.next().await;
            let mut kept = Vec::new();
            let mut keep = |line: crate::output::Line<'_>| {
                if self.grep.as_ref().is_none_or(|grep| grep.is_match(line.text)) {
                    kept.push(Kept::of(prefix, &line));
                }
            };
            let ended = match next {
                Ok(Next::Bytes(bytes)) => {
                    lines.push(&bytes, keep);
                    None
                }
                Ok(Next::Ended(end)) => {
                    std::mem::take(&mut lines).finish(&mut keep);
                    Some(Ok(end))
                }
                Err(failure) => {
                    std::mem::take(&mut lines).finish(&mut keep);
                    Some(Err(failure))
                }
            };
            if !kept.is_empty() && events.send(Event::Lines(kept)).await.is_err() {
                return;
            }
            if let Some(ended) = ended {
                break ended;
            }
        };
        drop(events.send(Event::Ended(self.container, ended)).await);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regular_expression_is_bounded_and_its_mistakes_are_explained() {
        let grep = |text: &str| Grep::try_from(text.to_owned());
        assert!(grep("(?i)error|warn").unwrap().0.is_match(b"an ERROR"));
        assert!(grep(r"^\d+ \[web\]").unwrap().0.is_match(b"12 [web]"));
        for text in ["(", "a**b(", r"(a)\1", "(?=x)", "((a{1000}){1000}){1000}"] {
            assert!(grep(text).unwrap_err().contains("regular expression"), "{text}");
        }
        assert!(grep(&"a".repeat(1001)).unwrap_err().contains("1000"));
        // The expression that takes others exponential time.
        let line = [b'a'; 16 * 1024];
        let started = std::time::Instant::now();
        assert!(!grep("^(a+)+$").unwrap().0.is_match(&[&line[..], b"!"].concat()));
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }

    #[test]
    fn following_has_bounds() {
        assert!(FollowSeconds::try_from(1).is_ok() && FollowSeconds::try_from(600).is_ok());
        for seconds in [-1, 0, 601, i64::MAX] {
            assert!(FollowSeconds::try_from(seconds).is_err(), "{seconds}");
        }
    }
}
