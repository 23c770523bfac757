//! What a request is by its HTTP method: a message, or something about a session that has none.

use super::methods::{LEGACY, NONE};
use super::{Answered, Form, Governs, Method};
use crate::Reason;

/// The row of a request that is no message of JSON-RPC: its name here is that of the HTTP method, and no body can have it,
/// since it is not in the table.
const fn without_body(name: &'static str, answer: Answered) -> Method {
    let (form, governs) = (Form::Notification, Governs::Nothing);
    Method { name, form, client: LEGACY, server: NONE, governs, answer }
}

static SESSION_END: Method = without_body("DELETE", Answered::Accepted);
static SESSION_STREAM: Method = without_body("GET", Answered::SessionStream);

/// What a request is by its HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Its body is a message.
    Message,
    /// It ends a session, and has no body.
    SessionEnd,
    /// It opens a session's stream of the server's own messages, and has no body.
    SessionStream,
}

impl Verb {
    /// The row of what has no body.
    #[must_use]
    pub fn row(self) -> Option<&'static Method> {
        match self {
            Self::Message => None,
            Self::SessionEnd => Some(&SESSION_END),
            Self::SessionStream => Some(&SESSION_STREAM),
        }
    }
}

/// What besides its HTTP method says whether a request is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerbContext {
    /// The resource's sessions are wrapped, so that it can be told whose they are.
    pub has_sessions: bool,
    /// The request names a session.
    pub in_session: bool,
    /// It wants to have sent again what it missed of a stream.
    pub resumes: bool,
}

/// What a request with this HTTP method is. In older revisions DELETE ends a session, and GET opens a stream of the
/// server's own messages; a server without either answers 405, and clients go on without.
///
/// A stream is a session's: that says whose it is, and without one it would be nobody's. It is not resumed, since what
/// would be sent again are answers to requests, of whose lists nobody would know any more what this person may see.
///
/// # Errors
/// [`Reason::MethodNotAllowed`].
pub fn admit_verb(verb: &str, context: VerbContext) -> Result<Verb, Reason> {
    let VerbContext { has_sessions, in_session, resumes } = context;
    match verb {
        "POST" => Ok(Verb::Message),
        "DELETE" if has_sessions => Ok(Verb::SessionEnd),
        "GET" if has_sessions && in_session && !resumes => Ok(Verb::SessionStream),
        _ => Err(Reason::MethodNotAllowed),
    }
}
