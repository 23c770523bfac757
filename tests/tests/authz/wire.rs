//! A connection of either protocol, on which one request follows another.

use std::net::SocketAddr;

use anyhow::Result;
use obolus_tests::http1;

use crate::attempt::{Attempt, Bytes};

mod hpack;
pub(crate) mod http2;

use http2::Outcome;

/// What a client saw of its request.
#[derive(Debug)]
pub(crate) enum Seen {
    /// An answer. Over HTTP/1.1 it may say that the connection ends with it.
    Answer { status: u16, body: Vec<u8>, closes: bool },
    /// None: stream or connection were ended instead.
    Broken,
}

pub(crate) enum Connection {
    Http1(http1::Connection),
    Http2(http2::Connection),
}

impl Connection {
    /// A connection for requests of this one's protocol.
    pub(crate) async fn open(address: SocketAddr, attempt: &Attempt) -> Result<Self> {
        Ok(match attempt.is_http2() {
            false => Self::Http1(http1::Connection::open(address).await?),
            true => Self::Http2(http2::Connection::open(address).await?),
        })
    }

    /// Sends a request and looks at the first of its answers.
    pub(crate) async fn send(&mut self, attempt: &Attempt) -> Result<Seen> {
        match (self, attempt.bytes()) {
            (Self::Http1(connection), Bytes::Http1 { bytes, ends }) => {
                if ends {
                    connection.write(&bytes).await?;
                    connection.end_writing().await?;
                    return Ok(answered(connection.answer_to(&attempt.method).await));
                }
                Ok(answered(connection.exchange(&bytes, &attempt.method).await))
            }
            (Self::Http2(connection), Bytes::Http2(frames)) => {
                Ok(match connection.exchange(&frames).await? {
                    Outcome::Answered { status, body } => {
                        Seen::Answer { status, body, closes: !connection.is_usable() }
                    }
                    Outcome::Reset(_) | Outcome::Ended(_) => Seen::Broken,
                })
            }
            _ => anyhow::bail!("a request of the other protocol"),
        }
    }

    /// One more answer: what came behind a request was taken for another one.
    pub(crate) async fn next_answer(&mut self) -> Seen {
        match self {
            Self::Http1(connection) => answered(connection.answer().await),
            Self::Http2(_) => Seen::Broken,
        }
    }
}

fn answered(answer: Result<http1::Answer>) -> Seen {
    match answer {
        Ok(answer) => Seen::Answer {
            status: answer.status,
            body: answer.body.to_vec(),
            closes: answer.header("connection") == Some("close"),
        },
        Err(_) => Seen::Broken,
    }
}
