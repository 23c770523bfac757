//! Counters of decisions and of what they cost. proxy-wasm has no labels: the reason is part of the name.

use std::cell::Cell;

use obolus_core::Reason;
use obolus_core::metrics::filter::{
    EXCHANGE_AHEAD, EXCHANGE_CACHE_HIT, EXCHANGE_CALL, FACADE, GROUPS_CALL, GROUPS_UNTOLD,
    KEYS_CALL, LIST_HIDDEN, LIST_KEPT, PAGE, PERMIT, STREAM_ENDED, TOKEN_CACHE_HIT, WAITING, deny,
};

use crate::host;

/// Metric ids, defined once per configuration.
#[derive(Debug)]
pub(crate) struct Metrics {
    permit: Option<u32>,
    deny: Vec<(Reason, u32)>,
    facade: Option<u32>,
    page: Option<u32>,
    token_cache_hit: Option<u32>,
    exchange_cache_hit: Option<u32>,
    exchange_call: Option<u32>,
    exchange_ahead: Option<u32>,
    keys_call: Option<u32>,
    groups_call: Option<u32>,
    groups_untold: Option<u32>,
    list_kept: Option<u32>,
    list_hidden: Option<u32>,
    stream_ended: Option<u32>,
    waiting: Option<u32>,
    /// How many of those that wait are ours.
    waiting_here: Cell<i64>,
}

impl Metrics {
    pub(crate) fn define() -> Self {
        Self {
            permit: host::counter(PERMIT.name),
            deny: Reason::ALL
                .iter()
                .filter_map(|reason| Some((*reason, host::counter(&deny(*reason))?)))
                .collect(),
            facade: host::counter(FACADE.name),
            page: host::counter(PAGE.name),
            token_cache_hit: host::counter(TOKEN_CACHE_HIT.name),
            exchange_cache_hit: host::counter(EXCHANGE_CACHE_HIT.name),
            exchange_call: host::counter(EXCHANGE_CALL.name),
            exchange_ahead: host::counter(EXCHANGE_AHEAD.name),
            keys_call: host::counter(KEYS_CALL.name),
            groups_call: host::counter(GROUPS_CALL.name),
            groups_untold: host::counter(GROUPS_UNTOLD.name),
            list_kept: host::counter(LIST_KEPT.name),
            list_hidden: host::counter(LIST_HIDDEN.name),
            stream_ended: host::counter(STREAM_ENDED.name),
            waiting: host::gauge(WAITING.name),
            waiting_here: Cell::new(0),
        }
    }

    pub(crate) fn permit(&self) {
        count(self.permit);
    }

    pub(crate) fn deny(&self, reason: Reason) {
        if let Some((_, metric)) = self.deny.iter().find(|(known, _)| *known == reason) {
            host::increment(*metric);
        }
    }

    pub(crate) fn facade(&self) {
        count(self.facade);
    }

    pub(crate) fn page(&self) {
        count(self.page);
    }

    pub(crate) fn token_cache_hit(&self) {
        count(self.token_cache_hit);
    }

    pub(crate) fn exchange_cache_hit(&self) {
        count(self.exchange_cache_hit);
    }

    pub(crate) fn exchange_call(&self) {
        count(self.exchange_call);
    }

    pub(crate) fn exchange_ahead(&self) {
        count(self.exchange_ahead);
    }

    pub(crate) fn keys_call(&self) {
        count(self.keys_call);
    }

    pub(crate) fn groups_call(&self) {
        count(self.groups_call);
    }

    pub(crate) fn groups_untold(&self) {
        count(self.groups_untold);
    }

    pub(crate) fn stream_ended(&self) {
        count(self.stream_ended);
    }

    /// So many entries of a list were sent, and so many were not.
    pub(crate) fn list(&self, kept: usize, hidden: usize) {
        for (metric, count) in [(self.list_kept, kept), (self.list_hidden, hidden)] {
            if let (Some(metric), Ok(count)) = (metric, i64::try_from(count)) {
                host::add(metric, count);
            }
        }
    }

    /// The gauge is one for all workers, Envoy's main thread among them: each adds what has changed.
    pub(crate) fn waiting(&self, count: usize) {
        if let (Some(metric), Ok(count)) = (self.waiting, i64::try_from(count)) {
            let before = self.waiting_here.replace(count);
            if count != before {
                host::add(metric, count.saturating_sub(before));
            }
        }
    }
}

/// A counter that the host would not define is not counted: that must change no decision.
fn count(counter: Option<u32>) {
    if let Some(counter) = counter {
        host::increment(counter);
    }
}
