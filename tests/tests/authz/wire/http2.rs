//! HTTP/2 by prior knowledge, frame by frame (RFC 9113): a library would not send most of what is tried here.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use obolus_tests::http1::PATIENCE;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::hpack;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// What a server takes that has said nothing else.
const LARGEST_FRAME: usize = 16_384;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

/// Names and values, pseudo-headers among them, as they are put on the wire.
pub(crate) type Fields = Vec<(String, Vec<u8>)>;

/// A frame of one request.
#[derive(Debug, Clone)]
pub(crate) enum Frame {
    /// Headers or trailers, in one frame.
    Headers { fields: Fields, ends: bool },
    /// The same, cut in two, each with this many bytes of the first.
    HeadersInTwo { fields: Fields, ends: bool },
    /// A piece of the body.
    Data { bytes: Vec<u8>, ends: bool },
    /// Padded: what is behind the body in the frame is none of it.
    Padded { bytes: Vec<u8>, padding: Vec<u8>, ends: bool },
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Answered {
        status: u16,
        body: Vec<u8>,
    },
    /// The stream was reset, with this error, before an answer was complete.
    Reset(u32),
    /// The connection ended, and said why if it did.
    Ended(Option<u32>),
}

pub(crate) struct Connection {
    socket: TcpStream,
    buffer: Vec<u8>,
    next_stream: u32,
    going_away: Option<u32>,
}

impl Connection {
    /// Connects, and waits for the other side's settings, so that its windows are known to be open.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let mut connection = Self { socket, buffer: Vec::new(), next_stream: 1, going_away: None };
        // No dynamic table, so that each header block stands for itself; no pushes.
        let settings = [[0, 1, 0, 0, 0, 0], [0, 2, 0, 0, 0, 0]].concat();
        let hello = [PREFACE, &frame(SETTINGS, 0, 0, &settings)].concat();
        connection.socket.write_all(&hello).await?;
        loop {
            let (kind, flags, _, _) = connection.frame().await?.context("no settings came")?;
            if kind == SETTINGS && flags & ACK != 0 {
                return Ok(connection);
            }
        }
    }

    /// Sends a request on the next stream, all at once, and waits for what becomes of it.
    pub(crate) async fn exchange(&mut self, frames: &[Frame]) -> Result<Outcome> {
        let stream = self.next_stream;
        self.next_stream += 2;
        let bytes: Vec<u8> = frames.iter().flat_map(|one| one.encode(stream)).collect();
        // What is refused early may not be read to its end.
        let _ = self.socket.write_all(&bytes).await;
        let outcome = tokio::time::timeout(PATIENCE, self.outcome(stream)).await;
        outcome.context("no answer in time")?
    }

    /// Whether another request can be sent.
    pub(crate) fn is_usable(&self) -> bool {
        self.going_away.is_none()
    }

    async fn outcome(&mut self, stream: u32) -> Result<Outcome> {
        let (mut status, mut body) = (None, Vec::new());
        loop {
            let Some((kind, flags, of, payload)) = self.frame().await? else {
                return Ok(Outcome::Ended(self.going_away));
            };
            if of != stream {
                continue;
            }
            match kind {
                HEADERS if status.is_none() => {
                    ensure!(flags & END_HEADERS != 0, "a header block in pieces");
                    status = Some(hpack::status(&payload)?);
                }
                DATA => body.extend(payload),
                RST_STREAM => {
                    let code = payload.first_chunk().context("a short reset")?;
                    return Ok(Outcome::Reset(u32::from_be_bytes(*code)));
                }
                _ => {}
            }
            if let (Some(status), HEADERS | DATA, true) = (status, kind, flags & END_STREAM != 0) {
                return Ok(Outcome::Answered { status, body });
            }
        }
    }

    /// The next frame: its kind, flags, stream and payload; `None` at the end. What has to be answered at once, is.
    async fn frame(&mut self) -> Result<Option<(u8, u8, u32, Vec<u8>)>> {
        let Some(head) = self.exactly(9).await? else { return Ok(None) };
        let [a, b, c, kind, flags, stream @ ..] = head.first_chunk::<9>().context("short")?;
        let length = u32::from_be_bytes([0, *a, *b, *c]);
        let stream = u32::from_be_bytes(*stream);
        let Some(payload) = self.exactly(length as usize).await? else { return Ok(None) };
        match (*kind, flags & ACK) {
            (SETTINGS, 0) => {
                let _ = self.socket.write_all(&frame(SETTINGS, ACK, 0, &[])).await;
            }
            (PING, 0) => {
                let _ = self.socket.write_all(&frame(PING, ACK, 0, &payload)).await;
            }
            (GOAWAY, _) => {
                let code = payload.get(4..8).and_then(|code| code.first_chunk());
                self.going_away = Some(u32::from_be_bytes(*code.context("a short goodbye")?));
            }
            _ => {}
        }
        Ok(Some((*kind, *flags, stream, payload)))
    }

    async fn exactly(&mut self, length: usize) -> Result<Option<Vec<u8>>> {
        while self.buffer.len() < length {
            let mut more = [0; 4096];
            match self.socket.read(&mut more).await {
                // A reset is an end like any other.
                Ok(0) | Err(_) => {
                    self.going_away = self.going_away.or(Some(0));
                    return Ok(None);
                }
                Ok(count) => self.buffer.extend_from_slice(&more[..count]),
            }
        }
        Ok(Some(self.buffer.drain(..length).collect()))
    }
}

impl Frame {
    fn encode(&self, stream: u32) -> Vec<u8> {
        let end = |ends: bool| if ends { END_STREAM } else { 0 };
        match self {
            Self::Headers { fields, ends } => {
                frame(HEADERS, END_HEADERS | end(*ends), stream, &hpack::block(fields))
            }
            Self::HeadersInTwo { fields, ends } => {
                let block = hpack::block(fields);
                let (first, second) = block.split_at(block.len() / 2);
                let first = frame(HEADERS, end(*ends), stream, first);
                [first, frame(CONTINUATION, END_HEADERS, stream, second)].concat()
            }
            Self::Data { bytes, ends } => {
                let last = bytes.len().div_ceil(LARGEST_FRAME).max(1) - 1;
                let pieces = (0..=last).flat_map(|at| {
                    let to = ((at + 1) * LARGEST_FRAME).min(bytes.len());
                    frame(DATA, end(*ends && at == last), stream, &bytes[at * LARGEST_FRAME..to])
                });
                pieces.collect()
            }
            Self::Padded { bytes, padding, ends } => {
                const PADDED: u8 = 8;
                let length = u8::try_from(padding.len()).unwrap();
                let payload = [&[length], &**bytes, padding].concat();
                frame(DATA, PADDED | end(*ends), stream, &payload)
            }
        }
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}
