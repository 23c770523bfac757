//! HTTP/2 without TLS, by prior knowledge.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::{Bytes, BytesMut};
use h2::client::{ResponseFuture, SendRequest};
use h2::ext::Protocol;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue};
use obolus_tests::deadline::eventually;
use tokio::net::TcpStream;

use super::{Answer, Framing, Request};

/// Sends a request and reads its answer.
pub(crate) async fn send(
    address: SocketAddr,
    request: &Request,
    framing: Framing,
) -> Result<Answer> {
    let mut stream = Stream::open(address, request, false).await?;
    for piece in request.pieces() {
        stream.write(piece);
    }
    if framing.has_trailers() {
        stream.finish_with_trailers();
    } else {
        stream.finish();
    }
    stream.answer().await
}

/// Sends a request without a body: its headers end the stream.
pub(crate) async fn send_head(address: SocketAddr, request: &Request) -> Result<Answer> {
    Stream::open(address, request, true).await?.answer().await
}

/// Sends an extended CONNECT (RFC 8441), once the gateway has said that it takes them.
pub(crate) async fn connect(address: SocketAddr, request: &Request) -> Result<Answer> {
    let socket = TcpStream::connect(address).await?;
    let (sender, connection) = h2::client::handshake(socket).await?;
    tokio::spawn(connection);
    let mut sender = sender.ready().await?;
    eventually("the gateway's settings", Duration::from_secs(10), || {
        let enabled = sender.is_extended_connect_protocol_enabled();
        async move {
            ensure!(enabled, "it has not said that it takes an extended CONNECT");
            Ok(())
        }
    })
    .await?;
    let (answer, body) = sender.send_request(head(request)?, false)?;
    Stream { body, answer, _connection: sender }.answer().await
}

/// A request of which a test sends what it wants, when it wants.
pub(crate) struct Stream {
    body: SendStream<Bytes>,
    answer: ResponseFuture,
    _connection: SendRequest<Bytes>,
}

impl Stream {
    /// Sends the head.
    pub(crate) async fn open(
        address: SocketAddr,
        request: &Request,
        ends_here: bool,
    ) -> Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let (sender, connection) = h2::client::handshake(socket).await?;
        // It ends with the streams that it carries.
        tokio::spawn(connection);
        let mut sender = sender.ready().await?;
        let (answer, body) = sender.send_request(head(request)?, ends_here)?;
        Ok(Self { body, answer, _connection: sender })
    }

    /// Errors do not count here: an answer may come before all is sent, and end the stream.
    pub(crate) fn write(&mut self, piece: impl Into<Bytes>) {
        let _ = self.body.send_data(piece.into(), false);
    }

    pub(crate) fn finish(&mut self) {
        let _ = self.body.send_data(Bytes::new(), true);
    }

    pub(crate) fn finish_with_trailers(&mut self) {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-trailer", HeaderValue::from_static("came"));
        trailers.insert("impersonate-user", HeaderValue::from_static("admin"));
        let _ = self.body.send_trailers(trailers);
    }

    pub(crate) fn reset(&mut self) {
        self.body.send_reset(h2::Reason::CANCEL);
    }

    pub(crate) async fn answer(self) -> Result<Answer> {
        let answer = tokio::time::timeout(super::PATIENCE, self.answer)
            .await
            .context("no answer in time")??;
        let (head, body) = answer.into_parts();
        let body = whole(body).await?;
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
    }
}

fn head(request: &Request) -> Result<http::Request<()>> {
    let uri = http::Uri::builder()
        .scheme("http")
        .authority(request.authority.as_str())
        .path_and_query(request.target.as_str())
        .build()?;
    let mut head = http::Request::builder().method(request.method.as_str()).uri(uri).body(())?;
    for (name, value) in &request.headers {
        match name.as_str() {
            ":protocol" => {
                head.extensions_mut().insert(Protocol::from(str::from_utf8(value)?));
            }
            _ => {
                head.headers_mut().append(
                    HeaderName::from_bytes(name.as_bytes())?,
                    HeaderValue::from_bytes(value)?,
                );
            }
        }
    }
    Ok(head)
}

async fn whole(mut body: RecvStream) -> Result<Bytes> {
    let mut bytes = BytesMut::new();
    while let Some(piece) = body.data().await {
        let piece = match piece {
            Ok(piece) => piece,
            // An answer to a request that was not read to its end is followed by a reset without an error.
            Err(error) if error.reason() == Some(h2::Reason::NO_ERROR) => break,
            Err(error) => return Err(error.into()),
        };
        body.flow_control().release_capacity(piece.len())?;
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.freeze())
}
