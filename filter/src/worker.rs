//! What one worker knows and waits for, under one configuration: keys, verified tokens, exchanges.
//!
//! All of it belongs to the root context. Calls are dispatched by the root context alone, because the SDK
//! delivers an answer to the context that asked, and drops it when that is a stream that has gone: then
//! everybody who waited for the same answer would hang.

mod bodies;
mod calls;
mod exchanges;
mod groups;
mod keys;
mod streams;
mod unproved;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use obolus_core::config::FilterConfig;
use obolus_core::exchange::{Ahead, ExchangedToken, Target};
use obolus_core::mcp::session::SessionKeys;
use obolus_core::policy::Asker;
use obolus_core::token::{KeyRing, KeySource, Principal, TokenCache};
use secrecy::SecretString;

pub(crate) use exchanges::{Errand, ExchangeKey};
pub(crate) use groups::Known;
pub(crate) use keys::Verification;
pub(crate) use unproved::Unproved;

use crate::host::{self, Now};
use crate::metrics::Metrics;
use crate::request::SharedRequest;
use crate::signature::HostSignatures;

/// Tokens of all resources together may take this many bytes per worker.
const MAX_CACHED_TOKEN_BYTES: usize = 16 << 20;

/// A verified token, and what it was last exchanged for, by target.
pub(crate) struct Verified {
    pub(crate) principal: Principal,
    /// The same as the resource's policies see it, if it has any.
    pub(crate) asker: Option<Rc<Asker>>,
    /// What is known of groups that the token does not tell.
    resolved: RefCell<groups::Resolved>,
    pub(crate) token: SecretString,
    /// In which it was verified: no other one believes it.
    pub(crate) generation: u64,
    /// By target: a token is exchanged for each by itself.
    exchanged: RefCell<BTreeMap<Arc<Target>, Exchanged>>,
}

/// An exchanged token, and when the next one is asked for.
struct Exchanged {
    token: Rc<ExchangedToken>,
    ahead: Ahead,
}

/// A request that waits, and the context that calls on its behalf must act on.
pub(crate) struct Waiter {
    pub(crate) context_id: u32,
    pub(crate) request: SharedRequest,
}

pub(crate) struct Worker {
    pub(crate) config: FilterConfig,
    pub(crate) metrics: Metrics,
    /// By the resource's name. Where there are none, no session goes through.
    pub(crate) sessions: BTreeMap<String, SessionKeys>,
    root_id: u32,
    credential: SecretString,
    signatures: HostSignatures,
    queue: u32,
    /// Grows when a key is lost: what was decided or verified before counts no more.
    generation: Cell<u64>,
    rings: RefCell<BTreeMap<KeySource, KeyRing>>,
    /// By resource, since a token that one accepts another may not.
    tokens: RefCell<BTreeMap<String, TokenCache<Rc<Verified>>>>,
    key_waiters: RefCell<Vec<keys::KeyWaiter>>,
    /// Bytes of bodies that the host holds for requests whose tokens nobody has verified.
    unproved_bytes: Cell<usize>,
    bodies: bodies::Bodies,
    streams: streams::Streams,
    exchanges: RefCell<BTreeMap<ExchangeKey, exchanges::Exchange>>,
    groups: RefCell<groups::Remembered>,
    calls: RefCell<BTreeMap<u32, calls::Call>>,
}

impl Worker {
    pub(crate) fn new(
        root_id: u32,
        config: FilterConfig,
        credential: SecretString,
        sessions: BTreeMap<String, SessionKeys>,
        signatures: HostSignatures,
        queue: u32,
    ) -> Self {
        let rings = config
            .issuers
            .iter()
            .flat_map(|rules| rules.key_sources())
            .map(|source| {
                let ring = KeyRing::new(config.keys_refresh_seconds, config.keys_max_stale_seconds);
                (source, ring)
            })
            .collect();
        let bytes_each = MAX_CACHED_TOKEN_BYTES / config.resources.len().max(1);
        let tokens = config
            .resources
            .iter()
            .map(|resource| {
                let cache = TokenCache::new(config.max_cached_tokens, bytes_each);
                (resource.name.clone(), cache)
            })
            .collect();
        Self {
            metrics: Metrics::define(),
            sessions,
            root_id,
            credential,
            signatures,
            queue,
            generation: Cell::new(0),
            rings: RefCell::new(rings),
            tokens: RefCell::new(tokens),
            key_waiters: RefCell::default(),
            unproved_bytes: Cell::new(0),
            bodies: bodies::Bodies::default(),
            streams: streams::Streams::default(),
            exchanges: RefCell::default(),
            groups: RefCell::default(),
            calls: RefCell::default(),
            config,
        }
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.get()
    }

    /// Asks the root context to look at what waits.
    fn wake_root(&self) -> Option<()> {
        host::enqueue(self.queue)
    }

    fn waiting_for_keys(&self) -> usize {
        self.key_waiters.try_borrow().map_or(0, |waiters| waiters.len())
    }

    fn waiting_for_exchanges(&self) -> usize {
        self.exchanges
            .try_borrow()
            .map_or(0, |exchanges| exchanges.values().map(exchanges::Exchange::waiting).sum())
    }

    /// Whether one more may wait, where so many do.
    fn has_room(&self, waiting: usize) -> bool {
        waiting < self.config.max_waiting
    }

    /// Forgets a request that has ended, so that nobody acts on a context that is gone.
    pub(crate) fn forget(&self, context_id: u32) {
        self.bodies.forget(context_id);
        self.streams.forget(context_id);
        if let Ok(mut waiters) = self.key_waiters.try_borrow_mut() {
            waiters.retain(|waiter| waiter.waiter.context_id != context_id);
        }
        if let Ok(mut exchanges) = self.exchanges.try_borrow_mut() {
            for exchange in exchanges.values_mut() {
                exchange.forget(context_id);
            }
        }
    }

    /// Starts whatever calls are due. Called by the root context only.
    pub(crate) fn pump(&self, now: Now) {
        self.give_up_stale_keys(now);
        self.start_key_fetches(now);
        self.start_exchanges();
        self.metrics.waiting(self.waiting_for_keys() + self.waiting_for_exchanges());
    }

    /// The queue said that something waits.
    pub(crate) fn drain_queue(&self) {
        while host::dequeue(self.queue) {}
    }

    /// Lets requests go on, each on its own context, then returns to the root's.
    fn act_for(&self, waiters: Vec<Waiter>, act: impl Fn(&mut crate::request::Request)) {
        for waiter in waiters {
            if host::act_on(waiter.context_id).is_none() {
                continue;
            }
            if let Ok(mut request) = waiter.request.try_borrow_mut() {
                act(&mut request);
            }
        }
        host::act_on(self.root_id);
    }
}
