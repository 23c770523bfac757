//! One object, looked at each time that it changes.

use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt as _;
use kube::core::params::{ListParams, WatchParams};
use kube::core::request;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::caller::Caller;
use super::discovery::Resource;
use super::object::RawObject;
use super::operation::Operation;
use super::verbs::built;
use crate::failure::Failure;
use crate::names::{Namespace, ObjectName};

/// The longest event that is read. An object is a fraction of that.
const MAX_EVENT_BYTES: usize = 8 * 1024 * 1024;
/// How long the API server keeps a watch open.
const WATCH_SECONDS: u32 = 290;
/// Between two watches: one that ends at once must not be asked for again at once.
const PAUSE: Duration = Duration::from_secs(1);

/// An object that is being followed. Dropped, it ends the watch.
pub(crate) struct Followed<'a> {
    object: Object<'a>,
    stage: Stage,
}

/// Which object, and who looks at it.
#[derive(Clone, Copy)]
struct Object<'a> {
    caller: &'a Caller,
    resource: &'a Resource,
    namespace: &'a Namespace,
    name: &'a ObjectName,
}

enum Stage {
    /// Nothing is known: look first.
    Unknown,
    /// Everything up to this version is known.
    Since(String),
    /// And what comes after it arrives here.
    Watching(String, Stream),
}

/// The lines of an answer that does not end.
struct Stream {
    body: Body,
    read: Vec<u8>,
}

#[derive(Deserialize)]
struct Listed {
    metadata: ListedMeta,
    #[serde(default)]
    items: Vec<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedMeta {
    #[serde(default)]
    resource_version: String,
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    object: Map<String, Value>,
}

impl Caller {
    /// Follows one object, which need not exist.
    pub(crate) fn follow<'a>(
        &'a self,
        resource: &'a Resource,
        namespace: &'a Namespace,
        name: &'a ObjectName,
    ) -> Followed<'a> {
        let object = Object { caller: self, resource, namespace, name };
        Followed { object, stage: Stage::Unknown }
    }
}

impl Followed<'_> {
    /// The object as it is now, at first; then as it is after each change. `None` is that it does not exist.
    pub(crate) async fn next(&mut self) -> Result<Option<RawObject>, Failure> {
        loop {
            match std::mem::replace(&mut self.stage, Stage::Unknown) {
                Stage::Unknown => {
                    let (version, object) = self.object.look().await?;
                    self.stage = Stage::Since(version);
                    return Ok(object);
                }
                Stage::Since(version) => match self.object.watch(&version).await {
                    Ok(stream) => self.stage = Stage::Watching(version, stream),
                    // The version is too old for the API server: look again.
                    Err(Failure::Rejected { status: 410, .. }) => {}
                    Err(failure) => return Err(failure),
                },
                Stage::Watching(version, mut stream) => {
                    let next =
                        stream.next().await.map_err(|reason| self.object.malformed(reason))?;
                    let Some(event) = next else {
                        // It has ended; what is known stays known.
                        self.stage = Stage::Since(version);
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    };
                    match event.kind.as_str() {
                        "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" => {}
                        // 410 within the stream, or anything that is no event.
                        _ => {
                            tokio::time::sleep(PAUSE).await;
                            continue;
                        }
                    }
                    let object = self.object.caller.raw(event.object);
                    let version =
                        object.text("/metadata/resourceVersion").map_or(version, str::to_owned);
                    self.stage = Stage::Watching(version, stream);
                    match event.kind.as_str() {
                        "BOOKMARK" => {}
                        "DELETED" => return Ok(None),
                        _ => return Ok(Some(object)),
                    }
                }
            }
        }
    }
}

impl Object<'_> {
    /// The object as it is, and since which version it is so.
    async fn look(self) -> Result<(String, Option<RawObject>), Failure> {
        let params = ListParams::default().fields(&self.selector());
        let request = request::Request::new(self.resource.path(Some(self.namespace)));
        let request = built(request.list(&params))?;
        let listed: Listed = self.caller.ask(&self.operation("list"), request).await?;
        let (api_version, kind) = (self.resource.api_version(), self.resource.kind());
        let mut objects = listed
            .items
            .into_iter()
            .map(|object| self.caller.raw(object).with_type(api_version, kind))
            // For servers that know no field selectors for their kinds.
            .filter(|object| object.name() == Some(self.name.as_str()));
        let object = objects.next();
        Ok((listed.metadata.resource_version, object))
    }

    async fn watch(self, version: &str) -> Result<Stream, Failure> {
        let params = WatchParams::default().fields(&self.selector()).timeout(WATCH_SECONDS);
        let request = request::Request::new(self.resource.path(Some(self.namespace)));
        let request = built(request.watch(&params, version))?;
        let response = self.caller.open(&self.operation("watch"), request).await?;
        Ok(Stream { body: response.into_body(), read: Vec::new() })
    }

    fn selector(self) -> String {
        format!("metadata.name={}", escaped(self.name.as_str()))
    }

    fn operation(self, verb: &'static str) -> Operation {
        self.resource.operation_on(verb, "", Some(self.namespace), self.name)
    }

    fn malformed(self, reason: &str) -> Failure {
        self.caller.malformed(&self.operation("watch"), reason)
    }
}

/// A value in a field selector, where commas and equal signs have a meaning.
fn escaped(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, '\\' | ',' | '=') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

impl Stream {
    /// The next event; none if the stream has ended, also if it broke: the next watch tells why.
    async fn next(&mut self) -> Result<Option<Event>, &'static str> {
        let mut searched = 0;
        loop {
            let rest = self.read.get(searched..).unwrap_or_default();
            if let Some(length) = rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=searched + length).collect();
                return serde_json::from_slice(&line)
                    .map(Some)
                    .map_err(|_| "an event of the watch is none");
            }
            searched = self.read.len();
            if searched > MAX_EVENT_BYTES {
                return Err("an event of the watch is too long");
            }
            match self.body.frame().await {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.read.extend_from_slice(data);
                    }
                }
                Some(Err(_)) | None => return Ok(None),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_add_to_its_selector() {
        assert_eq!(escaped("web-1"), "web-1");
        assert_eq!(escaped("a,metadata.name!=b"), "a\\,metadata.name!\\=b");
    }
}
