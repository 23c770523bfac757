//! What comes back for a request that was forwarded: lists are cut to what the person may use, of a session's stream only
//! what answers nobody goes on, all else passes.
//!
//! Nothing of a list's answer goes on by default. Its headers are held until the whole body is there, and so is the
//! body, by the host; of a stream, only what core gives back for each piece takes the piece's place. What cannot be
//! cut is answered by us. Where the host does not do what it is asked, the SDK panics: then the VM is gone, and
//! nothing goes on either.

use std::rc::Rc;
use std::sync::Arc;

use obolus_core::Reason;
use obolus_core::config::Resource;
use obolus_core::exchange::Target;
use obolus_core::mcp::answers::{
    Answer, AnswerHead, AnswerPlan, AnswerStream, Expected, Item, Outcome, STALE_HEADERS,
};
use obolus_core::mcp::{Admitted, Revision};
use obolus_core::policy::{Asker, Circumstances, View};
use proxy_wasm::types::Action;

use crate::host;
use crate::metrics::Metrics;

/// A list that was asked for, of a resource whose policies say what of it is shown; or a session's stream, of whatever
/// resource.
#[derive(Debug, Clone)]
pub(super) struct AskedList {
    expected: Expected,
    revision: Revision,
}

impl AskedList {
    /// `None` where the answer is nothing that is read.
    pub(super) fn of(resource: &Resource, admitted: &Admitted<'_>) -> Option<Self> {
        let expected = Expected::of(admitted);
        let is_cut = resource.access.is_some() && expected.list().is_some();
        (is_cut || expected.is_session_stream())
            .then(|| Self { expected, revision: admitted.revision() })
    }

    /// Waits for its answer, now that it was forwarded.
    pub(super) fn forwarded(
        self,
        resource: &Arc<Resource>,
        asker: Option<Rc<Asker>>,
        target: &Arc<Target>,
    ) -> Box<AwaitedList> {
        Box::new(AwaitedList {
            asked: self,
            seer: Seer { resource: Arc::clone(resource), asker, target: Arc::clone(target) },
            state: State::Awaited,
        })
    }
}

/// Who sees the list, and of what.
struct Seer {
    resource: Arc<Resource>,
    asker: Option<Rc<Asker>>,
    target: Arc<Target>,
}

/// An answer that is cut, as far as it has come.
pub(super) struct AwaitedList {
    asked: AskedList,
    seer: Seer,
    state: State,
}

enum State {
    /// Nothing has come.
    Awaited,
    /// Headers with this status are held, and the body is.
    Held(u16),
    /// Events go on as they are cut.
    Streaming(Box<AnswerStream>),
    /// All goes on as it comes.
    Untouched,
    /// What goes on has gone. Nothing follows.
    Sent,
    /// Answered by us: nothing of the server's goes on.
    Replaced,
}

impl Seer {
    /// Asks for each entry whether it is shown. What policies say of the person alone is found out once, for the first.
    fn permits(&self, revision: Revision) -> impl FnMut(&Item<'_>) -> bool {
        let mut view: Option<View<'_>> = None;
        move |item| {
            // Without policies nothing would be cut, so that one is not here without them.
            let (Some(access), Some(asker)) = (&self.resource.access, &self.asker) else {
                return false;
            };
            let circumstances = Circumstances { target: &self.target.name, revision };
            view.get_or_insert_with(|| access.view(asker, circumstances)).shows(item)
        }
    }
}

/// What a callback needs of the request besides.
pub(super) struct Sender<'a> {
    pub(super) metrics: &'a Metrics,
    /// The allowed `Origin` that every answer has to name.
    pub(super) origin: Option<&'a str>,
}

impl AwaitedList {
    /// The headers have come. Returns whether they go on.
    pub(super) fn begins(&mut self, ended: bool, sender: &Sender<'_>) -> Action {
        match self.state {
            State::Awaited => {}
            // Our own, on its way out.
            State::Replaced => return Action::Continue,
            State::Held(_) | State::Streaming(_) | State::Untouched | State::Sent => {
                return Action::Pause;
            }
        }
        let Some(headers) = host::response_headers() else { return Action::Pause };
        let values = |name: &str| -> Vec<&str> {
            let same = headers.iter().filter(|(other, _)| other == name);
            same.map(|(_, value)| str::from_utf8(value).unwrap_or("\u{fffd}")).collect()
        };
        let status = values(":status").first().and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| Reason::AnswerUnreadable.status());
        let limit = self.seer.resource.max_list_bytes;
        let plan = AnswerPlan::of(
            &self.asked.expected,
            AnswerHead {
                status,
                content_type: &values("content-type"),
                content_encoding: &values("content-encoding"),
                content_length: values("content-length").first().and_then(|it| it.parse().ok()),
                limit,
            },
        );
        match plan {
            AnswerPlan::Untouched => {
                self.state = State::Untouched;
                Action::Continue
            }
            AnswerPlan::Instead(answer) => self.replace(answer, sender),
            AnswerPlan::Whole => {
                self.state = State::Held(status);
                if ended { self.ends(0, sender) } else { Action::Pause }
            }
            AnswerPlan::Stream if ended && !self.asked.expected.is_session_stream() => {
                let refused = self.asked.expected.refuse(status, Reason::AnswerMissing);
                self.replace(refused, sender)
            }
            AnswerPlan::Stream => {
                if host::change_response_headers(&STALE_HEADERS, &[]).is_none() {
                    return self.fails(status, sender);
                }
                let stream = AnswerStream::new(self.asked.expected.clone(), limit);
                self.state = match ended {
                    true => State::Sent,
                    false => State::Streaming(Box::new(stream)),
                };
                Action::Continue
            }
        }
    }

    /// More of the body is there: of one that is held, `length` bytes in all so far; of a stream, `length` new ones.
    pub(super) fn grows(&mut self, length: usize, ended: bool, sender: &Sender<'_>) -> Action {
        match &mut self.state {
            State::Held(status) if length > self.seer.resource.max_list_bytes => {
                let refused = self.asked.expected.refuse(*status, Reason::AnswerTooLarge);
                self.replace(refused, sender)
            }
            State::Held(_) if ended => self.ends(length, sender),
            State::Streaming(stream) => {
                let permits = self.seer.permits(self.asked.revision);
                let Some(chunk) = host::response_body(length) else { return break_off() };
                let mut out = stream.push(&chunk, permits);
                if stream.is_broken() {
                    count(stream.outcome(), sender.metrics);
                    return break_off();
                }
                if ended {
                    out.push_str(&stream.finish());
                    count(stream.outcome(), sender.metrics);
                    self.state = State::Sent;
                }
                match host::replace_response_body(length, out.as_bytes()) {
                    Some(()) => Action::Continue,
                    None => break_off(),
                }
            }
            State::Untouched => Action::Continue,
            State::Sent => match host::replace_response_body(length, b"") {
                Some(()) => Action::Continue,
                None => break_off(),
            },
            State::Awaited | State::Held(_) | State::Replaced => Action::Pause,
        }
    }

    /// Trailers end the body: the host says so nowhere else. They speak of the body as it came, and stay behind.
    pub(super) fn trailers_came(&mut self, sender: &Sender<'_>) -> Action {
        if matches!(self.state, State::Untouched) {
            return Action::Continue;
        }
        if host::drop_response_trailers().is_none() {
            return break_off();
        }
        match &mut self.state {
            State::Held(status) => {
                let status = *status;
                match host::response_body(self.seer.resource.max_list_bytes) {
                    Some(body) if !body.is_empty() => self.ends(body.len(), sender),
                    // Where there is no body, none can be put in its place.
                    Some(_) => {
                        let refused = self.asked.expected.refuse(status, Reason::AnswerMalformed);
                        self.replace(refused, sender)
                    }
                    None => {
                        let refused = self.asked.expected.refuse(status, Reason::AnswerTooLarge);
                        self.replace(refused, sender)
                    }
                }
            }
            State::Streaming(stream) => {
                // Nothing can be added to a body any more: a client that still waits learns that the stream broke.
                let is_complete = stream.finish().is_empty();
                count(stream.outcome(), sender.metrics);
                self.state = State::Sent;
                if is_complete { Action::Continue } else { break_off() }
            }
            State::Untouched | State::Sent => Action::Continue,
            State::Awaited | State::Replaced => Action::Pause,
        }
    }

    /// The whole body is there.
    fn ends(&mut self, length: usize, sender: &Sender<'_>) -> Action {
        let State::Held(status) = self.state else { return Action::Pause };
        let limit = self.seer.resource.max_list_bytes;
        let expected = &self.asked.expected;
        let answer = match host::response_body(limit).filter(|body| body.len() == length) {
            Some(body) => {
                expected.answer(status, &body, limit, self.seer.permits(self.asked.revision))
            }
            None => expected.refuse(status, Reason::AnswerTooLarge),
        };
        if matches!(answer.outcome, Outcome::Refused(_)) {
            return self.replace(answer, sender);
        }
        let (as_status, as_length) = (answer.status.to_string(), answer.body.len().to_string());
        let own = [(":status", &*as_status), ("content-length", &*as_length)];
        let done = host::change_response_headers(&STALE_HEADERS, &own)
            .and_then(|()| host::replace_response_body(length, answer.body.as_bytes()));
        if done.is_none() {
            return self.fails(status, sender);
        }
        count(Some(answer.outcome), sender.metrics);
        self.state = State::Sent;
        Action::Continue
    }

    /// The host does not let us, before anything has gone on.
    fn fails(&mut self, status: u16, sender: &Sender<'_>) -> Action {
        let refused = self.asked.expected.refuse(status, Reason::Internal);
        self.replace(refused, sender)
    }

    /// Sends ours instead, while the server's headers are still held.
    fn replace(&mut self, answer: Answer, sender: &Sender<'_>) -> Action {
        count(Some(answer.outcome), sender.metrics);
        self.state = State::Replaced;
        let retry_after = host::response_header("retry-after");
        host::send(&answer.into_reply(retry_after.as_deref(), sender.origin));
        Action::Pause
    }
}

/// Nothing can be taken back, and nothing more goes on.
fn break_off() -> Action {
    host::reset_response();
    Action::Pause
}

fn count(outcome: Option<Outcome>, metrics: &Metrics) {
    match outcome {
        Some(Outcome::Result { kept, hidden }) => metrics.list(kept, hidden),
        Some(Outcome::Refused(reason)) => metrics.deny(reason),
        Some(Outcome::Error(_)) | None => {}
    }
}
