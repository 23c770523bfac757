//! The logs of containers on their way to one end: filtered, told as they come, and bounded.

use std::time::Duration;

use regex::bytes::Regex;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use super::super::CallContext;
use super::super::feed::Feed;
use crate::cluster::{ByteStream, End, LogQuery, Next, Span};
use crate::failure::Failure;
use crate::names::{Namespace, ObjectName};
use crate::output::{Kept, Lines, LogEnd};

/// What the call is about, once its arguments are understood.
pub(super) struct Asked {
    pub(super) namespace: Namespace,
    pub(super) name: ObjectName,
    pub(super) query: LogQuery,
    pub(super) grep: Option<Regex>,
    pub(super) wanted: usize,
    /// How long the log is followed, if it is.
    pub(super) follow: Option<Duration>,
}

/// What came of the logs.
pub(super) struct Read {
    pub(super) end: LogEnd,
    pub(super) notes: Vec<String>,
}

/// Something that came of one of the logs.
enum Event {
    Lines(Vec<Kept>),
    Ended(Option<String>, Result<End, Failure>),
}

/// Reads logs: one after the other, or all at once when they are followed.
pub(super) async fn read(
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
