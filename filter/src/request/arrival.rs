//! What is decided on the header section alone.

use std::rc::Rc;
use std::sync::Arc;

use obolus_core::Reason;
use obolus_core::audit::Record;
use obolus_core::config::Resource;
use obolus_core::mcp::{Verb, VerbContext, admit_verb};
use obolus_core::reply::{self, Reply};
use obolus_core::token::{TokenDigest, UnverifiedToken, bearer};
use secrecy::SecretString;

use super::record::{since, tell};
use super::{Asked, Held, Phase, Request, Sent, Token};
use crate::host::{self, Now};
use crate::request_head::RequestHead;
use crate::worker::{Unproved, Verification, Verified, Worker};

/// A request that was refused before it was held, with what is known of who sent it.
struct Denied {
    reason: Reason,
    sender: Sender,
}

enum Sender {
    Unknown,
    Unproved(TokenDigest),
    Verified(Rc<Verified>),
}

impl From<Reason> for Denied {
    fn from(reason: Reason) -> Self {
        Self { reason, sender: Sender::Unknown }
    }
}

impl From<Token> for Sender {
    fn from(token: Token) -> Self {
        match token {
            Token::Verified(verified) => Self::Verified(verified),
            Token::Checked { digest, .. } => Self::Unproved(digest),
        }
    }
}

impl Request {
    /// Decides what kind of request this is, and checks everything that its headers tell.
    pub(super) fn arrive(&mut self, head: RequestHead, end_of_stream: bool) {
        let cluster = host::selected_cluster();
        if self.is_for_facade(&head, cluster.as_deref().unwrap_or_default()) {
            return;
        }
        let Some(cluster) = cluster else {
            // Without knowing where it goes, nothing may be said in its favour; the guard says the rest.
            return;
        };
        let metadata = self.worker.config.resource_of_metadata(head.authority(), head.path());
        if let Some(resource) = metadata {
            host::send(&reply::metadata(resource, head.method()));
            self.phase = Phase::Answered;
            return;
        }
        if let Some(page) = self.worker.config.page_at(head.authority(), head.path(), head.method())
        {
            self.worker.metrics.page();
            host::send(&page);
            self.phase = Phase::Answered;
            return;
        }
        let Some(resource) = self.worker.config.resource_of_cluster(&cluster).cloned() else {
            return;
        };
        // From here on the request is ours: whatever happens, it is held or answered.
        self.phase = Phase::Answered;
        let arrived = host::now();
        match self.admit(&head, &resource) {
            Ok(Admission::Preflight) => {
                host::send(&reply::preflight(&resource, head.requested_headers()))
            }
            Ok(Admission::Request(verb, token)) => {
                self.phase = Phase::Held(Box::new(Held {
                    cluster,
                    arrived,
                    request_id: head.request_id().map(str::to_owned),
                    trace: head.trace(),
                    sent: Sent { verb, mirrored: head.mirrored(), session: head.session() },
                    left_behind: head.left_behind(),
                    by_message: head.by_message(),
                    token,
                    body: end_of_stream.then_some(0),
                    asked: Asked::default(),
                    permit: None,
                    exchange_asked: false,
                    resource,
                }));
                if let Err(reason) = self.wait_for_missing_key().and_then(|()| self.expect_body()) {
                    self.refuse(&reason.into());
                }
            }
            Err(denied) => self.deny(&head, &resource, &denied, arrived),
        }
    }

    fn admit(&mut self, head: &RequestHead, resource: &Resource) -> Result<Admission, Denied> {
        head.check_singletons()?;
        if let Some(origin) = head.origin() {
            if !resource.allowed_origins.iter().any(|allowed| allowed == origin) {
                return Err(Reason::OriginRefused.into());
            }
            self.origin = Some(origin.to_owned());
            if head.is_preflight() {
                return Ok(Admission::Preflight);
            }
        }
        if head.wants_upgrade() {
            return Err(Reason::UpgradeRefused.into());
        }
        if head.has_token_in_query() {
            return Err(Reason::TokenInQuery.into());
        }
        let token = self.authenticate(head, resource)?;
        // After the token: whoever has none learns nothing but where to get one.
        let context = VerbContext {
            has_sessions: resource.sessions.is_some(),
            in_session: head.session().is_some(),
            resumes: head.resumes(),
        };
        let form = admit_verb(head.method(), context).and_then(|verb| {
            if verb == Verb::Message {
                head.check_body_headers(resource.max_body_bytes)?;
            }
            Ok(verb)
        });
        match form {
            Ok(verb) => Ok(Admission::Request(verb, token)),
            Err(reason) => Err(Denied { reason, sender: token.into() }),
        }
    }

    fn authenticate(&self, head: &RequestHead, resource: &Resource) -> Result<Token, Denied> {
        let values = head.authorization();
        let text = bearer(&values)?;
        let now = host::now().ok_or(Reason::Internal)?;
        judge(&self.worker, resource, text, now)
            .map_err(|reason| Denied { reason, sender: Sender::Unproved(TokenDigest::of(text)) })
    }

    fn deny(&self, head: &RequestHead, resource: &Resource, denied: &Denied, arrived: Option<Now>) {
        let (principal, digest) = match &denied.sender {
            Sender::Unknown => (None, None),
            Sender::Unproved(digest) => (None, Some(digest)),
            Sender::Verified(verified) => (Some(&verified.principal), None),
        };
        let (now, trace) = (host::now(), head.trace());
        let seconds = now.map_or(0, Now::seconds);
        let record = Record {
            request_id: head.request_id(),
            latency_us: since(arrived, now),
            ..Record::deny(seconds, &resource.name, denied.reason)
        };
        tell(&record.by(principal).with_token(digest).in_trace(trace.as_ref()));
        self.worker.metrics.deny(denied.reason);
        let reply: Reply = reply::denial(&denied.reason.into(), resource, None);
        host::send(&reply);
    }
}

enum Admission {
    Preflight,
    Request(Verb, Token),
}

/// What is known of a token by now, and by the keys that are at hand now.
pub(super) fn judge(
    worker: &Rc<Worker>,
    resource: &Resource,
    text: &str,
    now: Now,
) -> Result<Token, Reason> {
    if let Some(verified) = worker.recall(resource, text, now) {
        return Ok(Token::Verified(verified));
    }
    let issuers: &[Arc<_>] = &resource.issuers;
    let token = UnverifiedToken::parse(text)?.check(issuers, &resource.audiences, now.seconds())?;
    match worker.verify(resource, text, token) {
        Verification::Verified(verified) => Ok(Token::Verified(verified)),
        Verification::KeyMissing(token) => Ok(Token::Checked {
            digest: token.digest(),
            token: Some(token),
            text: SecretString::from(text),
            unproved: Unproved::new(worker),
        }),
        Verification::Refused(reason) => Err(reason),
    }
}
