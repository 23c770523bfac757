//! Answers that are still coming, and when they have to end.
//!
//! An answer may go on for as long as its server likes, and the person's token does not: whoever could open no such
//! stream now has none. The root context looks on its tick. It resets the stream, which every version of HTTP can tell
//! from an answer that is whole; Envoy's own timeouts would have to be set in a request header that overrides the route's.

use std::cell::RefCell;
use std::collections::BTreeMap;

use obolus_core::UnixSeconds;

use super::Worker;
use crate::host::{self, Now};

/// An answer that begins when its token has ended, or just before, is of a call that was made in time: it has so long
/// to be there.
const LAST_ANSWER_MILLIS: u64 = 1000;

/// By context, the moment.
#[derive(Default)]
pub(super) struct Streams(RefCell<BTreeMap<u32, u64>>);

impl Streams {
    pub(super) fn forget(&self, context_id: u32) {
        if let Ok(mut streams) = self.0.try_borrow_mut() {
            streams.remove(&context_id);
        }
    }
}

impl Worker {
    /// An answer has begun, and more of it is to come. `None` when nobody would end it.
    pub(crate) fn answer_begins(&self, context_id: u32, ends_at: UnixSeconds) -> Option<()> {
        let soon = host::now()?.millis.saturating_add(LAST_ANSWER_MILLIS);
        let ends_at = ends_at.saturating_mul(1000).max(soon);
        self.streams.0.try_borrow_mut().ok()?.insert(context_id, ends_at);
        Some(())
    }

    /// Ends what has gone on for long enough. Called by the root context only.
    pub(crate) fn end_streams(&self, now: Now) {
        let ended: Vec<u32> = match self.streams.0.try_borrow_mut() {
            Ok(mut streams) => streams
                .extract_if(.., |_, ends_at| *ends_at <= now.millis)
                .map(|(context_id, _)| context_id)
                .collect(),
            Err(_) => return,
        };
        for context_id in &ended {
            if host::act_on(*context_id).is_some() {
                host::reset_response();
                self.metrics.stream_ended();
            }
        }
        if !ended.is_empty() {
            host::act_on(self.root_id);
        }
    }
}
