//! Answers that are read as they come, and that end: with the time they were given, and with the caller's credential.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, Bytes};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};

use super::caller::Caller;
use super::operation::Operation;
use crate::clock;
use crate::failure::Failure;
use crate::limits::StreamPlace;

/// How long a stream may take.
#[derive(Debug)]
pub(crate) enum Span {
    /// As long as any request.
    Request,
    /// For so long. That needs a place among those that last, which are fewer than those of requests.
    Long(Duration, StreamPlace),
}

/// Why a stream gives no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The API server has sent all.
    Whole,
    /// The time that it was given is over.
    Time,
    /// The caller's credential has ended, and what was opened with it.
    Credential,
}

/// What comes of a stream.
#[derive(Debug)]
pub(crate) enum Next {
    Bytes(Bytes),
    Ended(End),
}

/// When a stream must end, and why then.
#[derive(Debug)]
pub(super) struct Limit {
    at: Instant,
    seconds: u64,
    /// None: nothing may take longer, and what does is a failure.
    end: Option<End>,
    _place: Option<StreamPlace>,
}

impl Limit {
    /// What comes of `future`, or the end.
    pub(super) async fn within<T>(
        &self,
        caller: &Caller,
        operation: &Operation,
        future: impl Future<Output = Result<T, Failure>>,
    ) -> Result<Result<T, End>, Failure> {
        match timeout_at(self.at, future).await {
            Ok(result) => result.map(Ok),
            Err(_) => match self.end {
                Some(end) => Ok(Err(end)),
                None => Err(Failure::TimedOut {
                    operation: operation.to_string(),
                    server: caller.server(),
                    seconds: self.seconds,
                }),
            },
        }
    }
}

type Opening = Pin<Box<dyn Future<Output = Result<Response<Body>, Failure>> + Send>>;

/// An answer that is read as it comes. Dropped, it is closed, which the API server takes for a cancellation.
pub(crate) struct ByteStream {
    caller: Caller,
    operation: Operation,
    limit: Limit,
    /// The head of an answer may come as late as its first byte: the kubelet's does.
    opening: Option<Opening>,
    body: Option<Body>,
}

impl Caller {
    /// Sends one request as the caller, to read the answer as it comes.
    pub(super) async fn stream(
        &self,
        operation: Operation,
        request: Request<Vec<u8>>,
        span: Span,
    ) -> Result<ByteStream, Failure> {
        self.prepared(&operation).await?;
        let limit = self.limit(span);
        let (caller, of) = (self.clone(), operation.clone());
        let opening: Opening = Box::pin(async move {
            let response = caller.exchange_over(|pools| &pools.shared, &of, request).await?;
            caller.success(&of, response).await
        });
        Ok(ByteStream {
            caller: self.clone(),
            operation,
            limit,
            opening: Some(opening),
            body: None,
        })
    }

    /// When what begins now must end.
    pub(super) fn limit(&self, span: Span) -> Limit {
        let now = Instant::now();
        let (length, place) = match span {
            Span::Request => {
                let length = self.cluster().request_timeout;
                return Limit {
                    at: now + length,
                    seconds: length.as_secs(),
                    end: None,
                    _place: None,
                };
            }
            Span::Long(length, place) => (length, place),
        };
        // What has ended already ends at once.
        let left = self.expires().map(|end| Duration::from_secs(end.saturating_sub(clock::now())));
        let (length, end) = match left {
            Some(left) if left < length => (left, End::Credential),
            _ => (length, End::Time),
        };
        Limit { at: now + length, seconds: length.as_secs(), end: Some(end), _place: Some(place) }
    }
}

impl ByteStream {
    /// What comes next. After an end there is nothing.
    pub(crate) async fn next(&mut self) -> Result<Next, Failure> {
        let Self { caller, operation, limit, opening, body } = self;
        let read = async {
            if let Some(open) = opening {
                *body = Some(open.await?.into_body());
                *opening = None;
            }
            let Some(rest) = body else { return Ok(Next::Ended(End::Whole)) };
            loop {
                match rest.frame().await {
                    None => return Ok(Next::Ended(End::Whole)),
                    Some(Ok(frame)) => {
                        if let Ok(bytes) = frame.into_data()
                            && !bytes.is_empty()
                        {
                            return Ok(Next::Bytes(bytes));
                        }
                    }
                    Some(Err(_)) => {
                        let reason = "the connection broke during the answer";
                        return Err(operation.unreachable(&caller.server(), reason));
                    }
                }
            }
        };
        let next = limit.within(caller, operation, read).await;
        let next = next.map(|next| next.unwrap_or_else(Next::Ended));
        if !matches!(next, Ok(Next::Bytes(_))) {
            // At once, whenever the rest of the call ends.
            self.opening = None;
            self.body = None;
        }
        next
    }
}
