//! The host's callbacks for one request.

use std::cell::RefCell;
use std::rc::Rc;

use obolus_core::Reason;
use obolus_core::reply::cors_headers;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use super::answer::{AwaitedList, Sender};
use super::forwarded::ServersHead;
use super::{Next, Phase, Request, SharedRequest, Token};
use crate::host;
use crate::request_head::RequestHead;
use crate::worker::Worker;

/// A stream of the host's. Without a worker (a root that was never configured) nothing passes.
pub(crate) struct Stream {
    context_id: u32,
    request: Option<SharedRequest>,
    worker: Option<Rc<Worker>>,
}

impl Stream {
    pub(crate) fn new(context_id: u32, worker: Option<Rc<Worker>>) -> Self {
        let request = worker.as_ref().map(|worker| {
            Rc::new_cyclic(|this| {
                RefCell::new(Request {
                    context_id,
                    this: this.clone(),
                    worker: Rc::clone(worker),
                    phase: Phase::Untouched,
                    origin: None,
                })
            })
        });
        Self { context_id, request, worker }
    }

    /// Runs `act` on the request; what cannot be judged is paused, which forwards nothing.
    fn with(&self, act: impl FnOnce(&mut Request) -> Action) -> Action {
        match self.request.as_ref().map(|request| request.try_borrow_mut()) {
            Some(Ok(mut request)) => act(&mut request),
            _ => Action::Pause,
        }
    }
}

impl Request {
    /// The answer to the host's question whether to go on, in this request's own callback.
    fn proceed(&mut self) -> Action {
        match &self.phase {
            Phase::Untouched | Phase::Forwarded(_) => Action::Continue,
            Phase::Answered => Action::Pause,
            Phase::Held(_) => match self.advance() {
                Ok(Next::Forward) => Action::Continue,
                Ok(Next::Wait) => Action::Pause,
                Err(denial) => {
                    self.refuse(&denial);
                    Action::Pause
                }
            },
        }
    }

    /// More of the body is there: `length` bytes in all, so far.
    fn body_grows(&mut self, length: usize, complete: bool) -> Action {
        if let Phase::Held(held) = &mut self.phase {
            self.worker.body_comes();
            let room = match &mut held.token {
                Token::Checked { unproved, .. } => unproved.holds(length),
                Token::Verified(_) => Ok(()),
            };
            if length > held.resource.max_body_bytes {
                self.refuse(&Reason::BodyTooLarge.into());
            } else if let Err(reason) = room {
                self.refuse(&reason.into());
            } else if complete {
                held.body = Some(length);
            }
        }
        self.proceed()
    }

    /// Trailers end the body: the host says so nowhere else.
    fn trailers_came(&mut self) -> Action {
        if let Phase::Held(held) = &mut self.phase {
            self.worker.body_comes();
            let body = host::request_body(held.resource.max_body_bytes);
            match (body, host::drop_request_trailers()) {
                (Some(body), Some(())) => held.body = Some(body.len()),
                (None, _) => self.refuse(&Reason::BodyTooLarge.into()),
                (_, None) => self.refuse(&Reason::Internal.into()),
            }
        }
        self.proceed()
    }

    /// The head of an answer, the server's or ours.
    fn answer_begins(&mut self, ended: bool) -> Action {
        let head = match &self.phase {
            Phase::Forwarded(_) => Some(ServersHead::read()),
            _ => None,
        };
        for (name, value) in self.origin.iter().flat_map(|origin| cors_headers(origin)) {
            match name {
                // The server may vary on more.
                "vary" => host::add_response_header(name, value),
                _ => host::set_response_header(name, value),
            }
        }
        if let (Phase::Forwarded(forwarded), Some(head)) = (&self.phase, head) {
            let begun = head.and_then(|head| {
                forwarded.answer_begins(&head, self.context_id, ended, &self.worker)
            });
            if let Err(reason) = begun {
                let action = forwarded.refuse(reason, &self.worker);
                self.phase = Phase::Answered;
                return action;
            }
        }
        self.of_list(|list, sender| list.begins(ended, sender))
    }

    /// What is to be done with an answer: a list is cut, everything else goes on as it is.
    fn of_list(&mut self, act: impl FnOnce(&mut AwaitedList, &Sender<'_>) -> Action) -> Action {
        let sender = Sender { metrics: &self.worker.metrics, origin: self.origin.as_deref() };
        match &mut self.phase {
            Phase::Forwarded(forwarded) => match &mut forwarded.list {
                Some(list) => act(list, &sender),
                None => Action::Continue,
            },
            _ => Action::Continue,
        }
    }
}

impl Context for Stream {
    fn on_done(&mut self) -> bool {
        if let Some(worker) = &self.worker {
            worker.forget(self.context_id);
        }
        true
    }
}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        self.with(|request| match host::request_headers() {
            Some(headers) => {
                request.arrive(RequestHead::new(headers), end_of_stream);
                request.proceed()
            }
            None => Action::Pause,
        })
    }

    fn on_http_request_body(&mut self, length: usize, end_of_stream: bool) -> Action {
        self.with(|request| request.body_grows(length, end_of_stream))
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        self.with(Request::trailers_came)
    }

    fn on_http_response_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        // Without a request there is none of ours that could have gone on.
        if self.request.is_none() {
            return Action::Continue;
        }
        self.with(|request| request.answer_begins(end_of_stream))
    }

    fn on_http_response_body(&mut self, length: usize, end_of_stream: bool) -> Action {
        if self.request.is_none() {
            return Action::Continue;
        }
        self.with(|request| {
            request.of_list(|list, sender| list.grows(length, end_of_stream, sender))
        })
    }

    fn on_http_response_trailers(&mut self, _count: usize) -> Action {
        if self.request.is_none() {
            return Action::Continue;
        }
        self.with(|request| request.of_list(AwaitedList::trailers_came))
    }

    /// Right before the access log is written.
    fn on_log(&mut self) {
        if let Some(Ok(request)) = self.request.as_ref().map(|request| request.try_borrow()) {
            request.tell_end();
        }
    }
}
