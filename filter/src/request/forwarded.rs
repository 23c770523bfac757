//! A request that went on, and the head of its answer: whose session it names, and until when it may go on.

use std::rc::Rc;
use std::sync::Arc;

use obolus_core::config::Resource;
use obolus_core::mcp::session::{SESSION_HEADER, SessionHolder};
use obolus_core::mcp::{Id, Revision};
use obolus_core::reply::{self, CORS_OF_SERVERS};
use obolus_core::{Reason, UnixSeconds};
use proxy_wasm::types::Action;

use super::answer::AwaitedList;
use crate::host;
use crate::worker::{Verified, Worker};

/// What its answer is held against.
pub(super) struct Forwarded {
    pub(super) resource: Arc<Resource>,
    pub(super) verified: Rc<Verified>,
    pub(super) revision: Revision,
    pub(super) id: Option<Id>,
    /// When the first of both tokens ends.
    pub(super) ends_at: UnixSeconds,
    /// The list that it asked for, which is cut.
    pub(super) list: Option<Box<AwaitedList>>,
}

/// The head of the server's answer, as it came.
pub(super) struct ServersHead(Vec<(String, Vec<u8>)>);

impl ServersHead {
    /// Reads it, and takes from the answer what the server says of pages: that is not its to say.
    pub(super) fn read() -> Result<Self, Reason> {
        let headers = host::response_headers().ok_or(Reason::Internal)?;
        let is_there = |name: &&&str| headers.iter().any(|(other, _)| other == **name);
        let theirs: Vec<_> = CORS_OF_SERVERS.iter().filter(is_there).copied().collect();
        host::change_response_headers(&theirs, &[]).ok_or(Reason::Internal)?;
        Ok(Self(headers))
    }
}

impl Forwarded {
    /// The head of the server's answer has come, and perhaps all of it. What is wrong is told by us instead.
    pub(super) fn answer_begins(
        &self,
        head: &ServersHead,
        context_id: u32,
        ended: bool,
        worker: &Worker,
    ) -> Result<(), Reason> {
        self.wrap_session(head, worker)?;
        match ended {
            true => Ok(()),
            false => worker.answer_begins(context_id, self.ends_at).ok_or(Reason::Internal),
        }
    }

    /// The client gets the server's session for this person alone; without a key, or in a revision that has none, it
    /// gets no session.
    fn wrap_session(&self, head: &ServersHead, worker: &Worker) -> Result<(), Reason> {
        let mut ids = head.0.iter().filter(|(name, _)| name == SESSION_HEADER);
        let Some((_, id)) = ids.next() else { return Ok(()) };
        let keys = worker.sessions.get(&self.resource.name);
        let (removed, wrapped) = match keys.filter(|_| !self.revision.is_modern()) {
            None => (&[SESSION_HEADER][..], None),
            Some(_) if ids.next().is_some() => return Err(Reason::AnswerSessionMalformed),
            Some(keys) => {
                let identity = self.verified.principal.identity();
                let holder = SessionHolder { identity, resource: &self.resource.name };
                (&[][..], Some(keys.wrap(id, holder)?))
            }
        };
        let set = wrapped.as_deref().map(|wrapped| (SESSION_HEADER, wrapped));
        host::change_response_headers(removed, set.as_slice()).ok_or(Reason::Internal)
    }

    /// Answers in the server's place.
    pub(super) fn refuse(&self, reason: Reason, worker: &Worker) -> Action {
        worker.metrics.deny(reason);
        host::send(&reply::denial(&reason.into(), &self.resource, self.id.as_ref()));
        Action::Pause
    }
}
