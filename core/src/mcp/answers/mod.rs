//! What comes back for a permitted request: lists are cut to what the person may use.
//!
//! What an answer has to be follows from the request that was permitted, never from the look of the answer. What
//! cannot be read, or can be read in two ways, is not sent: a JSON-RPC error stands in its place, in one event
//! of a stream or as the body. There is always something to send, and it is never the original by default.
//!
//! The kept entries of a list are copied byte for byte, with whatever they hold. Building them anew from a tree
//! of values would round numbers (`1.10`, integers over 64 bits), sort keys, and take several times as long;
//! `serde_json`'s ways around that, `arbitrary_precision` and `raw_value`, change what its values are for
//! the whole workspace, or pass over text without looking for duplicate keys. So the text is read by
//! [`Scanner`](crate::json::Scanner), which is as strict as [`parse`](crate::json::parse).
//!
//! Not seen here: names that stand in a kept entry's description, in other members of the result, or in its
//! `nextCursor`, which are the server's words, in notifications beside it, and in response headers.

mod cut;
mod error;
mod in_place;
mod item;
mod list;
mod plan;
mod stream;

use crate::Reason;
use crate::mcp::{Admitted, Answered, Id, List};
use crate::reply::json_rpc_error;

pub use item::{Item, ToolHints};
pub use plan::{AnswerHead, AnswerPlan, STALE_HEADERS};
pub use stream::AnswerStream;

/// What the answer to a permitted request has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Nothing answers a message without one.
    id: Option<Id>,
    list: Option<List>,
    /// Whether nothing may be answered: what comes are messages of the server's own.
    is_session_stream: bool,
    /// Whether a result of this revision says who may share it (MCP 2026-07-28, Caching).
    has_cache_scope: bool,
}

/// What goes to the client in place of the server's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status, where it has not been sent yet.
    pub status: u16,
    /// One JSON-RPC response.
    pub body: String,
    /// What has become of the server's.
    pub outcome: Outcome,
}

/// What has become of a server's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The result was sent; of a list, what the person may use of it.
    Result {
        /// Entries that were sent.
        kept: usize,
        /// Entries that were not.
        hidden: usize,
    },
    /// The server refused with this JSON-RPC error code.
    Error(i64),
    /// Nothing of it was sent.
    Refused(Reason),
}

impl Expected {
    /// What the answer to this message has to be. `admitted` is the one that was permitted and sent on.
    #[must_use]
    pub fn of(admitted: &Admitted<'_>) -> Self {
        Self {
            id: admitted.message().id().cloned(),
            list: match admitted.method().answer {
                Answered::List(list) => Some(list),
                Answered::Result
                | Answered::Stream
                | Answered::SessionStream
                | Answered::Accepted => None,
            },
            is_session_stream: admitted.method().answer == Answered::SessionStream,
            has_cache_scope: admitted.revision().is_modern(),
        }
    }

    /// Whether it is a session's stream: whatever answers a request has no place there, and may be a list of more than
    /// this person may see.
    #[must_use]
    pub fn is_session_stream(&self) -> bool {
        self.is_session_stream
    }

    /// The list that it is, if it is one.
    #[must_use]
    pub fn list(&self) -> Option<List> {
        self.list
    }

    /// What is sent in place of a whole body that came with this status. `permits` says what the person may use,
    /// and is asked once for each entry, in order. `limit` is in bytes.
    #[must_use]
    pub fn answer(
        &self,
        status: u16,
        body: &[u8],
        limit: usize,
        permits: impl FnMut(&Item<'_>) -> bool,
    ) -> Answer {
        if body.len() > limit {
            return self.refuse(status, Reason::AnswerTooLarge);
        }
        match cut::read(self, body, permits) {
            // A client that stops at the status may show a person the whole body.
            Ok(cut::Told::Answer(_, Outcome::Result { .. })) if status != 200 => {
                self.refuse(status, Reason::AnswerMismatch)
            }
            Ok(cut::Told::Answer(body, outcome)) => {
                Answer { status: told_as(status), body, outcome }
            }
            Ok(cut::Told::Other) => self.refuse(status, Reason::AnswerMismatch),
            Err(reason) => self.refuse(status, reason),
        }
    }

    /// What is sent in place of an answer that is not even read. An error's status stays what it was: clients go
    /// by it. Only [one](told_as) does not.
    #[must_use]
    pub fn refuse(&self, status: u16, reason: Reason) -> Answer {
        Answer {
            status: if status >= 400 { told_as(status) } else { reason.status() },
            body: json_rpc_error(&reason.into(), &[], self.id.as_ref()).to_string(),
            outcome: Outcome::Refused(reason),
        }
    }
}

/// A server's 401 speaks of the token that we sent, which is not the client's: a client that believed it would have the
/// person sign in again, in vain, and again.
fn told_as(status: u16) -> u16 {
    if status == 401 { 502 } else { status }
}
