//! Requests that wait for an exchange, or for groups, and the one call that serves all who wait for the same.

use std::rc::Rc;
use std::sync::Arc;

use obolus_core::exchange::{Ahead, Answer, ExchangeRequest, ExchangedToken, Refusal, Target};
use obolus_core::reason::Fault;
use obolus_core::trace::TraceParent;
use obolus_core::{Denial, Reason};
use secrecy::ExposeSecret as _;

use super::calls::Call;
use super::{Exchanged, Verified, Waiter, Worker};
use crate::host::Now;

/// To how many targets at a time a token's exchanges are remembered, per worker: somebody who asks for all of a hundred
/// clusters' must not take a hundred tokens' memory.
pub(super) const TARGETS_EACH: usize = 8;

/// What the STS is asked for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Errand {
    /// A token for the target.
    Exchange,
    /// The groups that it does not tell, of whoever may exchange it for the target.
    Groups,
}

impl Errand {
    fn path(self) -> &'static str {
        match self {
            Self::Exchange => "/exchange",
            Self::Groups => "/groups",
        }
    }
}

/// A verified token (by its place in memory, which the exchange keeps), the generation it was verified in, what it is
/// exchanged for, and whether that is asked or who is in which groups.
pub(crate) type ExchangeKey = (usize, u64, Arc<Target>, Errand);

pub(super) struct Exchange {
    pub(super) verified: Rc<Verified>,
    pub(super) target: Arc<Target>,
    pub(super) waiters: Vec<Waiter>,
    /// Of whoever came first: one call is part of one trace.
    trace: Option<TraceParent>,
    dispatched: bool,
}

impl Exchange {
    fn of(verified: &Rc<Verified>, target: &Arc<Target>, trace: Option<TraceParent>) -> Self {
        Self {
            verified: Rc::clone(verified),
            target: Arc::clone(target),
            waiters: Vec::new(),
            trace,
            dispatched: false,
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiters.len()
    }

    pub(super) fn forget(&mut self, context_id: u32) {
        self.waiters.retain(|waiter| waiter.context_id != context_id);
    }
}

impl Verified {
    fn remember(&self, target: &Arc<Target>, exchanged: Exchanged) {
        let Ok(mut all) = self.exchanged.try_borrow_mut() else { return };
        if all.len() >= TARGETS_EACH && !all.contains_key(target) {
            let first = all.iter().min_by_key(|(_, exchanged)| exchanged.token.expires_at());
            if let Some(first) = first.map(|(target, _)| Arc::clone(target)) {
                all.remove(&first);
            }
        }
        all.insert(Arc::clone(target), exchanged);
    }

    fn forget(&self, target: &Arc<Target>) {
        if let Ok(mut all) = self.exchanged.try_borrow_mut() {
            all.remove(target);
        }
    }
}

impl Worker {
    /// What the token was exchanged for before, for this target, if that is still good. If that will end soon, the next
    /// one is asked for, and nobody waits for it.
    pub(crate) fn exchanged(
        &self,
        verified: &Rc<Verified>,
        target: &Arc<Target>,
        now: Now,
    ) -> Option<Rc<ExchangedToken>> {
        let (token, is_time) = {
            let exchanged = verified.exchanged.try_borrow().ok()?;
            let exchanged = exchanged.get(target)?;
            if exchanged.token.expires_at() <= now.seconds() {
                return None;
            }
            (Rc::clone(&exchanged.token), exchanged.ahead.is_time(now.seconds()))
        };
        if is_time {
            self.exchange_ahead(verified, target);
        }
        self.metrics.exchange_cache_hit();
        Some(token)
    }

    /// An exchange without anybody who waits. Who comes when the old token has ended joins it.
    fn exchange_ahead(&self, verified: &Rc<Verified>, target: &Arc<Target>) {
        if let Ok(mut exchanges) = self.exchanges.try_borrow_mut()
            && self.has_room(exchanges.len())
        {
            exchanges
                .entry(self.exchange_key(verified, target, Errand::Exchange))
                .or_insert_with(|| Exchange::of(verified, target, None));
            self.metrics.exchange_ahead();
        }
        // Without it, the clock's tick does.
        let _ = self.wake_root();
    }

    fn exchange_key(
        &self,
        verified: &Rc<Verified>,
        target: &Arc<Target>,
        errand: Errand,
    ) -> ExchangeKey {
        (Rc::as_ptr(verified).addr(), self.generation(), Arc::clone(target), errand)
    }

    /// Lets a request wait for what the STS answers to its token, together with all others that need the same.
    pub(crate) fn wait_for_sts(
        &self,
        waiter: Waiter,
        errand: Errand,
        verified: &Rc<Verified>,
        target: &Arc<Target>,
        trace: Option<TraceParent>,
    ) -> Result<(), Reason> {
        if !self.has_room(self.waiting_for_exchanges()) {
            return Err(Reason::Overloaded);
        }
        self.exchanges
            .try_borrow_mut()
            .map_err(|_| Reason::Internal)?
            .entry(self.exchange_key(verified, target, errand))
            .or_insert_with(|| Exchange::of(verified, target, trace))
            .waiters
            .push(waiter);
        self.wake_root().ok_or(Reason::Internal)
    }

    pub(super) fn start_exchanges(&self) {
        let due: Vec<_> = match self.exchanges.try_borrow_mut() {
            Ok(mut exchanges) => exchanges
                .iter_mut()
                .filter(|(_, exchange)| !exchange.dispatched)
                .map(|(key, exchange)| {
                    exchange.dispatched = true;
                    let token = exchange.verified.token.clone();
                    let request = ExchangeRequest::new(token, &exchange.target.name);
                    (key.clone(), request, exchange.trace.as_ref().map(TraceParent::to_header))
                })
                .collect(),
            Err(_) => return,
        };
        for (key, request, trace) in due {
            let (.., errand) = key;
            match errand {
                Errand::Exchange => self.metrics.exchange_call(),
                Errand::Groups => self.metrics.groups_call(),
            }
            let form = request.to_form();
            let mut headers = vec![
                (":method", "POST"),
                (":path", errand.path()),
                ("content-type", "application/x-www-form-urlencoded"),
                ("authorization", self.credential.expose_secret()),
            ];
            if let Some(trace) = &trace {
                headers.push(("traceparent", trace.as_str()));
            }
            let body = Some(form.expose_secret().as_bytes());
            if self.dispatch(headers, body, Call::Exchange(key.clone())).is_none() {
                self.exchange_answered(&key, None, None);
            }
        }
    }

    /// The STS has answered, or has not.
    pub(super) fn exchange_answered(
        &self,
        key: &ExchangeKey,
        answer: Option<(u16, Vec<u8>)>,
        now: Option<Now>,
    ) {
        let exchange = match self.exchanges.try_borrow_mut() {
            Ok(mut exchanges) => exchanges.remove(key),
            Err(_) => None,
        };
        let Some(exchange) = exchange else { return };
        let (.., errand) = key;
        if *errand == Errand::Groups {
            self.groups_answered(exchange, answer, now);
            return;
        }
        match read_answer(&exchange, answer, now) {
            Ok(exchanged) => {
                exchange.verified.remember(&exchange.target, exchanged);
                self.act_for(exchange.waiters, crate::request::Request::go_on);
            }
            Err(denial) => {
                // An outage leaves a token that was asked for ahead to its end. A refusal is meant for it, too.
                if denial.reason().fault() == Fault::Client {
                    exchange.verified.forget(&exchange.target);
                }
                self.act_for(exchange.waiters, |request| request.refuse(&denial));
            }
        }
    }
}

fn read_answer(
    exchange: &Exchange,
    answer: Option<(u16, Vec<u8>)>,
    now: Option<Now>,
) -> Result<Exchanged, Denial> {
    let (status, body) = answer.ok_or(Reason::StsUnavailable)?;
    let now = now.ok_or(Reason::Internal)?.seconds();
    if status != 200 {
        return Err(Refusal::for_client(status, &body));
    }
    let principal = &exchange.verified.principal;
    let target = &exchange.target;
    let token = ExchangedToken::accept(principal, target, Answer::parse(&body)?, now)?;
    Ok(Exchanged { ahead: Ahead::of(now, token.expires_at()), token: Rc::new(token) })
}
