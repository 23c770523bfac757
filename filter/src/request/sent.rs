//! What the header section says of the message that follows: what it is to be, and in which session.

use obolus_core::mcp::session::{SessionHolder, SessionKeys};
use obolus_core::mcp::{Admitted, Message, Refused, Revision, Verb};
use obolus_core::{Denial, Reason};

use crate::request_head::{Mirrored, RequestHead};

/// Kept until the body is there.
pub(super) struct Sent {
    verb: Verb,
    mirrored: Mirrored,
    /// The session as the client names it.
    session: Option<Vec<u8>>,
}

impl Sent {
    pub(super) fn of(verb: Verb, head: &RequestHead) -> Self {
        Self { verb, mirrored: head.mirrored(), session: head.session() }
    }

    /// What the body says.
    pub(super) fn message(&self, body: &[u8]) -> Result<Message, Refused> {
        match self.verb {
            Verb::Message => Message::parse(body),
            Verb::SessionEnd => Message::session_end(body),
        }
    }

    /// The same, held against the headers.
    pub(super) fn admit<'m>(&self, message: &'m Message) -> Result<Admitted<'m>, Denial> {
        match self.verb {
            Verb::Message => Admitted::read(self.mirrored.as_headers(), message),
            Verb::SessionEnd => Admitted::session_end(self.mirrored.as_headers(), message),
        }
    }

    /// The session as the server knows it; `None` where no session goes on.
    pub(super) fn session(
        &self,
        keys: Option<&SessionKeys>,
        holder: SessionHolder<'_>,
        revision: Revision,
    ) -> Result<Option<String>, Reason> {
        let Some(keys) = keys.filter(|_| !revision.is_modern()) else { return Ok(None) };
        match &self.session {
            Some(session) => keys.unwrap(session, holder).map(Some),
            None if self.verb == Verb::SessionEnd => Err(Reason::SessionUnknown),
            None => Ok(None),
        }
    }
}
