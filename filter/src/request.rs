//! One request: held until token, body and exchanged token are in, then forwarded or refused.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use obolus_core::config::Resource;
use obolus_core::exchange::Target;
use obolus_core::mcp::session::SESSION_HEADER;
use obolus_core::mcp::{Id, Revision, Verb};
use obolus_core::policy::{Asker, Forwarding, Permit, Subject};
use obolus_core::token::{CheckedToken, Lookup, TokenDigest};
use obolus_core::trace::TraceParent;
use obolus_core::{Denial, Reason, reply};
use secrecy::{ExposeSecret as _, SecretString};

use crate::host::{self, Now};
use crate::request_head::Mirrored;
use crate::worker::{Errand, Unproved, Verification, Verified, Waiter, Worker};

mod answer;
mod arrival;
mod decided;
mod facade;
mod forwarded;
mod record;
mod stream;

use answer::AskedList;
use arrival::judge;
use decided::Decided;
use forwarded::Forwarded;
use record::Told;
pub(crate) use stream::Stream;

/// A request that its own callbacks and the root context both work on, never at the same time.
pub(crate) type SharedRequest = Rc<RefCell<Request>>;

/// Where a request stands.
enum Phase {
    /// Not ours: passes as it is.
    Untouched,
    /// Ours, and not decided: nothing of it goes on.
    Held(Box<Held>),
    /// Answered by us: nothing of it goes on, ever.
    Answered,
    /// Released to the cluster that its permit names.
    Forwarded(Box<Forwarded>),
}

/// A request of ours that waits.
struct Held {
    resource: Arc<Resource>,
    cluster: String,
    arrived: Option<Now>,
    request_id: Option<String>,
    trace: Option<TraceParent>,
    sent: Sent,
    left_behind: Vec<String>,
    by_message: Vec<String>,
    token: Token,
    /// How long the body is; `None` until all of it is there.
    body: Option<usize>,
    asked: Asked,
    permit: Option<Permit>,
    exchange_asked: bool,
}

/// What its header section says of the message.
struct Sent {
    verb: Verb,
    mirrored: Mirrored,
    /// The session as the client names it.
    session: Option<Vec<u8>>,
}

enum Token {
    /// Waits for a key; the text is kept to remember the token by. The token is out only while it is being tried.
    Checked {
        token: Option<Box<CheckedToken>>,
        text: SecretString,
        digest: TokenDigest,
        /// What its body takes meanwhile.
        unproved: Unproved,
    },
    Verified(Rc<Verified>),
}

/// What the body asks for, for the audit record, the answer and the headers that go on.
#[derive(Default)]
struct Asked {
    id: Option<Id>,
    told: Told,
    forwarding: Option<Forwarding>,
    revision: Option<Revision>,
    /// The session as the server knows it.
    session: Option<String>,
    /// What a permitted request's token is exchanged for.
    target: Option<Arc<Target>>,
    /// The principal as policies have seen it, if there are any.
    seen: Option<Rc<Asker>>,
    groups_asked: bool,
    /// The list that it asks for, if policies say what is shown of it.
    list: Option<AskedList>,
}

/// What is to be done with a request now.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Wait,
    Forward,
}

pub(crate) struct Request {
    context_id: u32,
    this: Weak<RefCell<Request>>,
    worker: Rc<Worker>,
    phase: Phase,
    /// The allowed `Origin` that every answer has to name.
    origin: Option<String>,
}

// === Entry: from callbacks and from the root context ===

impl Request {
    /// A key that this request waits for may have come. If it has not, what was looked up for this request decides;
    /// `None` lets it wait on. Returns whether it does.
    pub(crate) fn key_may_be_here(&mut self, lookup: Option<Lookup>) -> bool {
        let Phase::Held(held) = &mut self.phase else { return false };
        let Token::Checked { token: slot, text, .. } = &mut held.token else { return false };
        let Some(token) = slot.take() else { return false };
        match self.worker.verify(&held.resource, text.expose_secret(), *token) {
            Verification::Verified(verified) => {
                held.token = Token::Verified(verified);
                self.go_on();
                false
            }
            Verification::KeyMissing(token) => match lookup {
                Some(lookup) => {
                    self.refuse(&token.key_source().without_key(lookup).into());
                    false
                }
                None => {
                    *slot = Some(token);
                    true
                }
            },
            Verification::Refused(reason) => {
                self.refuse(&reason.into());
                false
            }
        }
    }

    /// Goes on outside this request's own callbacks, so that the host has to be told. What it waited for is
    /// found where whoever brought it has put it: there is one way to forward.
    pub(crate) fn go_on(&mut self) {
        match self.advance() {
            Ok(Next::Forward) => host::resume_request(),
            Ok(Next::Wait) => {}
            Err(denial) => self.refuse(&denial),
        }
    }

    /// Refuses a held request.
    pub(crate) fn refuse(&mut self, denial: &Denial) {
        let reason = denial.reason();
        let Phase::Held(held) = std::mem::replace(&mut self.phase, Phase::Answered) else { return };
        held.tell_denial(denial);
        self.worker.metrics.deny(reason);
        host::send(&reply::denial(denial, &held.resource, held.asked.id.as_ref()));
    }

    /// Does whatever can be done now.
    fn advance(&mut self) -> Result<Next, Denial> {
        self.verify_anew()?;
        let Phase::Held(held) = &mut self.phase else { return Ok(Next::Wait) };
        let (Token::Verified(verified), Some(length)) = (&held.token, held.body) else {
            return Ok(Next::Wait);
        };
        let verified = Rc::clone(verified);
        let resource = Arc::clone(&held.resource);
        let now = host::now().ok_or(Reason::Internal)?;
        let body = host::request_body(held.resource.max_body_bytes)
            .filter(|body| body.len() == length)
            .ok_or(Reason::PermitMismatch)?;
        let generation = self.worker.generation();
        let subject = Subject { cluster: &held.cluster, body: &body, generation };
        let permit = match held.permit.take() {
            Some(permit) => permit,
            None => {
                let asked = &mut held.asked;
                match self.worker.decide(&resource, &held.sent, &verified, subject, asked, now)? {
                    Decided::Permitted(permit) => permit,
                    Decided::GroupsWanted(target) => {
                        self.wait_for_sts(Errand::Groups, &verified, &target)?;
                        return Ok(Next::Wait);
                    }
                }
            }
        };
        let target = Arc::clone(permit.target());
        held.asked.target = Some(Arc::clone(&target));
        let Some(exchanged) = self.worker.exchanged(&verified, &target, now) else {
            held.permit = Some(permit);
            // An exchange that brought nothing to forward with is not asked for again and again.
            if std::mem::replace(&mut held.exchange_asked, true) {
                return Err(Reason::ExchangedExpired.into());
            }
            self.wait_for_sts(Errand::Exchange, &verified, &target)?;
            return Ok(Next::Wait);
        };
        let revision = held.asked.revision.ok_or(Reason::Internal)?;
        let forward = permit.release(subject, &exchanged, now.seconds())?;
        let goes_on = |name: &str| held.asked.forwarding.is_some_and(|it| it.passes(name));
        let ready = held
            .left_behind
            .iter()
            .chain(held.by_message.iter().filter(|name| !goes_on(name)))
            .try_for_each(|name| host::remove_request_header(name))
            .and_then(|()| match held.asked.list {
                // What is compressed cannot be cut.
                Some(_) => host::set_request_header("accept-encoding", "identity"),
                None => Some(()),
            })
            .and_then(|()| match &held.asked.session {
                Some(session) => host::set_request_header(SESSION_HEADER, session),
                None => Some(()),
            })
            .and_then(|()| host::set_authorization(&forward.authorization))
            .and_then(|()| held.tell_permit(&exchanged, now))
            // Last, so that whatever fails before it leaves the guard shut.
            .and_then(|()| host::set_permit(&forward.cluster));
        ready.ok_or(Reason::Internal)?;
        self.worker.metrics.permit();
        let list = held.asked.list.take();
        let seen = held.asked.seen.take();
        let list = list.map(|list| list.forwarded(&resource, seen, &target));
        self.phase = Phase::Forwarded(Box::new(Forwarded {
            revision,
            id: held.asked.id.take(),
            ends_at: forward.ends_at,
            resource,
            verified,
            list,
        }));
        Ok(Next::Forward)
    }

    /// A key was lost since the token was verified: whoever came before that is judged like those who come now.
    fn verify_anew(&mut self) -> Result<(), Reason> {
        let Phase::Held(held) = &mut self.phase else { return Ok(()) };
        let Token::Verified(verified) = &held.token else { return Ok(()) };
        if verified.generation == self.worker.generation() {
            return Ok(());
        }
        let now = host::now().ok_or(Reason::Internal)?;
        held.token = judge(&self.worker, &held.resource, verified.token.expose_secret(), now)?;
        held.permit = None;
        held.exchange_asked = false;
        held.asked.groups_asked = false;
        self.wait_for_missing_key()
    }

    /// Lets a request whose token's key is not at hand wait for it.
    fn wait_for_missing_key(&self) -> Result<(), Reason> {
        let Phase::Held(held) = &self.phase else { return Ok(()) };
        let Token::Checked { token: Some(token), .. } = &held.token else { return Ok(()) };
        let now = host::now().ok_or(Reason::Internal)?;
        let waiter = Waiter { context_id: self.context_id, request: self.shared()? };
        self.worker.wait_for_key(waiter, token.key_source(), now)
    }

    /// Waits for what the STS answers to this request's token.
    fn wait_for_sts(
        &self,
        errand: Errand,
        verified: &Rc<Verified>,
        target: &Arc<Target>,
    ) -> Result<(), Reason> {
        let Phase::Held(held) = &self.phase else { return Ok(()) };
        let waiter = Waiter { context_id: self.context_id, request: self.shared()? };
        self.worker.wait_for_sts(waiter, errand, verified, target, held.trace.clone())
    }

    /// The body begins, unless the host gives us none while we hold the headers.
    fn expect_body(&self) -> Result<(), Reason> {
        let Phase::Held(held) = &self.phase else { return Ok(()) };
        if held.body.is_some() {
            return Ok(());
        }
        let now = host::now().ok_or(Reason::Internal)?;
        let waiter = Waiter { context_id: self.context_id, request: self.shared()? };
        self.worker.expect_body(waiter, now)
    }

    /// This request, for a list of those that wait.
    fn shared(&self) -> Result<SharedRequest, Reason> {
        self.this.upgrade().ok_or(Reason::Internal)
    }
}
