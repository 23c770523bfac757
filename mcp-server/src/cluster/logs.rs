//! Logs of containers.

use http::HeaderValue;
use http::header::ACCEPT;
use k8s_openapi::jiff::Timestamp;
use kube::core::request;
use kube::core::subresource::LogParams;

use super::caller::Caller;
use super::discovery::Resource;
use super::stream::{ByteStream, Next, Span};
use super::verbs::built;
use crate::failure::Failure;
use crate::names::{Namespace, ObjectName};
use crate::output::{Kept, Line, Lines, LogEnd};

/// What is read of a log at most: lines that are not wanted cost, too.
const MAX_READ_BYTES: i64 = 256 * 1024 * 1024;

/// Where a log begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    Seconds(u32),
    Time(Timestamp),
}

/// The lines of a log that are wanted.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogQuery {
    pub(crate) container: Option<String>,
    pub(crate) previous: bool,
    pub(crate) timestamps: bool,
    pub(crate) follow: bool,
    pub(crate) since: Option<Since>,
    /// So many lines from the end.
    pub(crate) tail: Option<u32>,
}

impl Caller {
    /// Reads a container's log as it comes.
    pub(crate) async fn log(
        &self,
        namespace: &Namespace,
        name: &ObjectName,
        query: LogQuery,
        span: Span,
    ) -> Result<ByteStream, Failure> {
        let pods = Resource::core("Pod", "pods", true);
        let (since_seconds, since_time) = match query.since {
            None => (None, None),
            Some(Since::Seconds(seconds)) => (Some(i64::from(seconds)), None),
            Some(Since::Time(time)) => (None, Some(time)),
        };
        let params = LogParams {
            container: query.container,
            previous: query.previous,
            timestamps: query.timestamps,
            follow: query.follow,
            since_seconds,
            since_time,
            tail_lines: query.tail.map(i64::from),
            limit_bytes: Some(MAX_READ_BYTES),
            ..LogParams::default()
        };
        let operation = pods.operation_on("get", "/log", Some(namespace), name);
        let request = request::Request::new(pods.path(Some(namespace)));
        let mut request = built(request.logs(name.as_str(), &params))?;
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json, */*"));
        self.stream(operation, request, span).await
    }

    /// The end of a container's log, with a word about what is left out of it.
    pub(crate) async fn log_end(
        &self,
        namespace: &Namespace,
        name: &ObjectName,
        query: LogQuery,
    ) -> Result<String, Failure> {
        let mut end = LogEnd::new(usize::MAX);
        let mut keep = |line: Line<'_>| end.push(Kept::of(None, &line));
        let mut lines = Lines::default();
        let mut stream = self.log(namespace, name, query, Span::Request).await?;
        while let Next::Bytes(bytes) = stream.next().await? {
            lines.push(&bytes, &mut keep);
        }
        lines.finish(&mut keep);
        let (log, cut) = end.finish();
        Ok(format!("{}{log}", cut.of_older_lines()))
    }
}
