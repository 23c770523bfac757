//! An event stream that answers a permitted request, event by event.
//!
//! Every event that has data is one JSON-RPC message, whatever its name: clients differ in which names they read.
//! At most one of them is the answer; behind the first thing that does not fit, nothing goes on. On a session's stream
//! no message is, and none has an id from which a client could ask again.

use super::{Expected, Item, Outcome, cut};
use crate::Reason;
use crate::mcp::sse::{Event, Events, Piece, StreamError};

/// A stream as far as it has come. It never holds more than one event, which is at most as long as its limit.
#[derive(Debug)]
pub struct AnswerStream {
    expected: Expected,
    events: Events,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// The answer has not come yet.
    Open,
    /// The answer was sent. Notifications may follow.
    Answered(Outcome),
    /// Something did not fit: whatever comes is dropped. An answer that was sent before stays sent.
    Shut(Outcome),
}

impl AnswerStream {
    /// A stream of which nothing has come. `limit` is in bytes of one event.
    #[must_use]
    pub fn new(expected: Expected, limit: usize) -> Self {
        Self { expected, events: Events::new(limit), state: State::Open }
    }

    /// What goes on of the stream, now that `chunk` has come: whole events, or nothing. `permits` is asked once for
    /// each entry of the list, in order.
    pub fn push(&mut self, mut chunk: &[u8], mut permits: impl FnMut(&Item<'_>) -> bool) -> String {
        let mut out = String::new();
        while !matches!(self.state, State::Shut(_)) {
            let judged = match self.events.next(&mut chunk) {
                Ok(None) => break,
                Ok(Some(piece)) => self.judge(piece, &mut permits),
                Err(StreamError::TooLarge) => Err(Reason::AnswerTooLarge),
                Err(StreamError::NotUtf8) => Err(Reason::AnswerMalformed),
            };
            match judged {
                Ok(piece) => piece.write(&mut out),
                Err(reason) => self.shut(reason, &mut out),
            }
        }
        out
    }

    /// What goes on at the stream's end. An event that is not complete is none (HTML §9.2.6).
    pub fn finish(&mut self) -> String {
        let mut out = String::new();
        if matches!(self.state, State::Open) && self.expected.id.is_some() {
            self.shut(Reason::AnswerMissing, &mut out);
        }
        out
    }

    /// Whether nothing goes on any more, and nobody has been told why: a session's stream, on which nobody waits for an
    /// answer.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.expected.is_session_stream && matches!(self.state, State::Shut(_))
    }

    /// What has become of the answer; `None` while it may still come.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        match self.state {
            State::Open => None,
            State::Answered(outcome) | State::Shut(outcome) => Some(outcome),
        }
    }

    fn judge(
        &mut self,
        piece: Piece,
        permits: impl FnMut(&Item<'_>) -> bool,
    ) -> Result<Piece, Reason> {
        let Piece::Event(mut event) = piece else { return Ok(piece) };
        if self.expected.is_session_stream {
            event.id = None;
            event.data = event.data.filter(|data| !data.is_empty());
        }
        // Empty data says from where a client may ask again (MCP 2025-11-25, Streamable HTTP).
        let Some(data) = event.data.as_deref().filter(|data| !data.is_empty()) else {
            return Ok(Piece::Event(event));
        };
        match cut::read(&self.expected, data.as_bytes(), permits)? {
            cut::Told::Other => Ok(Piece::Event(event)),
            cut::Told::Answer(..) if self.expected.is_session_stream => Err(Reason::AnswerMismatch),
            cut::Told::Answer(data, outcome) => {
                if !matches!(self.state, State::Open) {
                    return Err(Reason::AnswerMismatch);
                }
                self.state = State::Answered(outcome);
                Ok(Piece::Event(Event { data: Some(data), ..event }))
            }
        }
    }

    /// Nothing goes on any more. A client that still waits is told why; one that has its answer gets no second.
    fn shut(&mut self, reason: Reason, out: &mut String) {
        let outcome = self.outcome().unwrap_or_else(|| {
            let refused = self.expected.refuse(200, reason);
            if !self.expected.is_session_stream {
                Piece::Event(Event { data: Some(refused.body), ..Event::default() }).write(out);
            }
            refused.outcome
        });
        self.state = State::Shut(outcome);
        self.events = Events::new(0);
    }
}
