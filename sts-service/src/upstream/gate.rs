//! The way to one token endpoint, or to Microsoft Graph with one tenant's tokens.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use obolus_core::token::{Identity, KeySource};
use obolus_core::{Denial, Reason, RetrySeconds};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::circuit::{Admission, Circuit};
use super::holds::{Holds, Kind};
use super::{Places, Sign, retry};
use crate::metrics::{CircuitState, Limit, Metrics, OfSource, labels_of};

/// What somebody is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Errand {
    /// A person waits.
    Request,
    /// Nobody does: never worth a probe.
    Refresh,
}

/// Who wants to ask, and what for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visit<'a> {
    pub(crate) errand: Errand,
    pub(crate) kind: Kind<'a>,
    /// About whom.
    pub(crate) person: &'a Identity,
}

/// Whether another attempt begins now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// It does.
    Yes,
    /// It does not: nobody is answered.
    No,
    /// It does not: we were told meanwhile to come after so long.
    Held(RetrySeconds),
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Gate {
    source: KeySource,
    /// Whom there is to ask: a token endpoint, unless it says otherwise.
    service: &'static str,
    labels: OfSource,
    metrics: Metrics,
    places: Places,
    /// Which limit the places are.
    limit: Limit,
    under_way: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    circuit: Circuit<Identity>,
    holds: Holds,
}

/// Leave to ask, until it is dropped.
#[derive(Debug)]
pub(crate) struct Passage<'a> {
    gate: Arc<Gate>,
    visit: Visit<'a>,
    is_probe: bool,
    place: Option<OwnedSemaphorePermit>,
}

/// Why nobody is asked now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    /// The identity provider has told us to stay away, and that is not over for so long.
    HeldBack(RetrySeconds),
    /// It does not answer; it is probed again after so long, or just now.
    CircuitOpen(Option<RetrySeconds>),
    /// As many are under way as may be.
    Full(Limit),
}

impl Closed {
    /// What the caller is told.
    pub(crate) fn denial(self) -> Denial {
        match self {
            Self::HeldBack(wait) => Denial::from(Reason::IdpUnavailable).after(Some(wait)),
            Self::CircuitOpen(wait) => Denial::from(Reason::IdpUnavailable).after(wait),
            Self::Full(_) => Reason::Overloaded.into(),
        }
    }
}

impl Gate {
    pub(crate) fn new(source: KeySource, places: Places, metrics: Metrics) -> Self {
        let labels = labels_of(&source);
        Self::to("token endpoint", Limit::ExchangesInFlight, source, labels, places, metrics)
    }

    /// To Graph, for people of this tenant.
    pub(crate) fn to_graph(source: KeySource, places: Places, metrics: Metrics) -> Self {
        let mut labels = labels_of(&source);
        labels.push(("service", "graph".to_owned()));
        Self::to("Microsoft Graph", Limit::Graph, source, labels, places, metrics)
    }

    fn to(
        service: &'static str,
        limit: Limit,
        source: KeySource,
        labels: OfSource,
        places: Places,
        metrics: Metrics,
    ) -> Self {
        metrics.circuit(&labels, CircuitState::Closed);
        let state = Mutex::new(State { circuit: Circuit::new(), holds: Holds::default() });
        let under_way = AtomicUsize::new(0);
        Self { source, service, labels, metrics, places, limit, under_way, state }
    }

    /// Lets one exchange through.
    ///
    /// # Errors
    /// While the identity provider has told us to stay away or does not answer, and when enough are under way.
    pub(crate) fn enter<'a>(self: &Arc<Self>, visit: Visit<'a>) -> Result<Passage<'a>, Closed> {
        let now = Instant::now();
        let mut state = self.state();
        if let Some(remaining) = state.holds.remaining(visit.kind, now) {
            self.metrics.held_back(visit.kind.target);
            return Err(Closed::HeldBack(remaining));
        }
        if visit.errand == Errand::Refresh && !state.circuit.is_closed() {
            return Err(Closed::CircuitOpen(None));
        }
        let is_probe = match state.circuit.admit(now, visit.person) {
            Admission::Free => false,
            Admission::Probe => true,
            Admission::Refused(wait) => {
                return Err(Closed::CircuitOpen(Some(RetrySeconds::remaining(wait))));
            }
        };
        self.show(&state);
        drop(state);
        // From here on: if there is no place, the probe's is given back.
        let mut passage = Passage { gate: Arc::clone(self), visit, is_probe, place: None };
        let place = self.places.take().ok_or(Closed::Full(self.limit))?;
        passage.place = Some(place);
        self.metrics.in_flight(&self.labels, self.under_way.fetch_add(1, Ordering::Relaxed) + 1);
        Ok(passage)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, state: &State) {
        let shown = match (state.circuit.is_closed(), state.circuit.is_probing()) {
            (true, _) => CircuitState::Closed,
            (false, true) => CircuitState::Probing,
            (false, false) => CircuitState::Open,
        };
        self.metrics.circuit(&self.labels, shown);
    }
}

impl Passage<'_> {
    /// What came of an attempt that began then.
    pub(crate) fn saw(&mut self, sign: Sign, begun: Instant) {
        let now = Instant::now();
        let mut state = self.gate.state();
        let was_closed = state.circuit.is_closed();
        match sign {
            Sign::Unasked => return,
            Sign::Answered | Sign::Busy => state.circuit.answered(now),
            Sign::Unreachable => state.circuit.silent(begun, now, None, self.is_probe),
            Sign::Silent | Sign::Strange => {
                state.circuit.silent(begun, now, Some(self.visit.person.clone()), self.is_probe);
            }
        }
        self.is_probe = false;
        let is_closed = state.circuit.is_closed();
        self.gate.show(&state);
        drop(state);
        let (issuer, service) = (&self.gate.source, self.gate.service);
        match (was_closed, is_closed) {
            (true, false) => {
                tracing::warn!(%issuer, service, "does not answer: asked no more, but by probes")
            }
            (false, true) => tracing::info!(%issuer, service, "answers again"),
            _ => {}
        }
    }

    /// The identity provider wants no more of this kind: for so long if it says so, and else for a time that we choose.
    /// It has said so to an attempt that began then. Returns what remains.
    pub(crate) fn hold(&self, after: Option<RetrySeconds>, begun: Instant) -> RetrySeconds {
        let (kind, now) = (self.visit.kind, Instant::now());
        let mut state = self.gate.state();
        let is_new = state.holds.remaining(kind, now).is_none();
        let after = match after {
            Some(after) => {
                state.holds.hold(kind, after, now);
                after
            }
            None => state.holds.hold_for_some_time(kind, begun, now),
        };
        drop(state);
        if is_new {
            let (issuer, seconds) = (&self.gate.source, after.get());
            let Kind { client, target: target_name, audience } = kind;
            tracing::warn!(%issuer, client, target_name, audience, seconds, "has told us to come later: not asked until then");
        }
        after
    }

    /// The identity provider has taken one of this kind.
    pub(crate) fn relieve(&self) {
        self.gate.state().holds.relieve(self.visit.kind);
    }

    /// Whether another attempt is worth a pause, when so much of the time `remains`.
    pub(crate) fn may_ask_again(&self, sign: Sign, told_to_wait: bool, remains: Duration) -> bool {
        retry::again(sign, told_to_wait, self.gate.state().circuit.is_closed(), remains)
    }

    /// Whether another attempt begins now. In the meantime others may have learned that there is no use in it.
    pub(crate) fn asks_again(&self) -> Again {
        let mut state = self.gate.state();
        if let Some(remaining) = state.holds.remaining(self.visit.kind, Instant::now()) {
            return Again::Held(remaining);
        }
        if !state.circuit.is_closed() {
            return Again::No;
        }
        drop(state);
        self.gate.metrics.retried(&self.gate.labels);
        Again::Yes
    }
}

impl Drop for Passage<'_> {
    fn drop(&mut self) {
        if self.is_probe {
            let mut state = self.gate.state();
            state.circuit.gave_up();
            self.gate.show(&state);
        }
        if self.place.take().is_some() {
            let under_way = self.gate.under_way.fetch_sub(1, Ordering::Relaxed).saturating_sub(1);
            self.gate.metrics.in_flight(&self.gate.labels, under_way);
        }
    }
}

#[cfg(test)]
mod tests;
