//! Clients that send what a test says, byte for byte: others mend half of it on the way.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use obolus_tests::fixtures::gateway::Gateway;
pub(crate) use obolus_tests::http1::{Answer, PATIENCE};

pub(crate) mod http1;
pub(crate) mod http2;

/// How a request is put on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// HTTP/1.1 with `content-length`.
    Length,
    /// HTTP/1.1, chunked, in many small chunks.
    Chunks,
    /// The same, with a trailer.
    ChunksThenTrailers,
    /// HTTP/2, in many small DATA frames.
    Frames,
    /// The same, with trailers, so that no DATA frame ends the stream.
    FramesThenTrailers,
}

impl Framing {
    pub(crate) const ALL: [Self; 5] = [
        Self::Length,
        Self::Chunks,
        Self::ChunksThenTrailers,
        Self::Frames,
        Self::FramesThenTrailers,
    ];

    pub(crate) fn is_http2(self) -> bool {
        matches!(self, Self::Frames | Self::FramesThenTrailers)
    }

    pub(crate) fn has_trailers(self) -> bool {
        matches!(self, Self::ChunksThenTrailers | Self::FramesThenTrailers)
    }
}

/// A request, as it will be sent.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) authority: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Bytes,
}

impl Request {
    /// Without headers and body.
    pub(crate) fn new(method: &str, gateway: &Gateway, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            authority: gateway.place.authority(),
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// A POST to the MCP endpoint, as clients send it, without a token.
    pub(crate) fn post(gateway: &Gateway, body: impl Into<Bytes>) -> Self {
        Self::new("POST", gateway, "/mcp")
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .body(body)
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Adds headers.
    pub(crate) fn headers<'a>(self, headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        headers.into_iter().fold(self, |request, (name, value)| request.header(name, value))
    }

    /// Removes a header.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self
    }

    /// Puts another value in a header's place.
    pub(crate) fn with(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.without(name).header(name, value)
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    pub(crate) fn method(mut self, method: &str) -> Self {
        self.method = method.to_owned();
        self
    }

    pub(crate) fn target(mut self, target: impl Into<String>) -> Self {
        self.target = target.into();
        self
    }

    pub(crate) fn authority(mut self, authority: impl Into<String>) -> Self {
        self.authority = authority.into();
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The body in pieces of which there are many.
    fn pieces(&self) -> impl Iterator<Item = Bytes> {
        let size = (self.body.len() / 200).max(7);
        (0..self.body.len())
            .step_by(size)
            .map(move |at| self.body.slice(at..(at + size).min(self.body.len())))
    }

    /// As [`Self::send_to`].
    pub(crate) async fn send(&self, gateway: &Gateway, framing: Framing) -> Result<Answer> {
        self.send_to(gateway.place.address(), framing).await
    }

    /// Sends it on a connection of its own.
    pub(crate) async fn send_to(&self, address: SocketAddr, framing: Framing) -> Result<Answer> {
        let sending = async {
            match framing {
                Framing::Frames | Framing::FramesThenTrailers => {
                    http2::send(address, self, framing).await
                }
                _ => http1::send(address, self, framing).await,
            }
        };
        tokio::time::timeout(PATIENCE, sending)
            .await
            .context("no answer in time")?
            .with_context(|| format!("{framing:?}: {} {}", self.method, self.target))
    }
}
