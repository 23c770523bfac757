//! Groups that a token does not tell, as the STS tells them: remembered with the token, and why not, for a moment.
//!
//! Nobody is in no groups because they could not be asked for: then they stay untold, and policies take that as they
//! take every claim that is not there.

use std::collections::{BTreeMap, VecDeque};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use obolus_core::exchange::{Groups, Target};
use obolus_core::policy::Asker;
use obolus_core::{Reason, UnixSeconds};
use proxy_wasm::types::LogLevel;

use super::{TARGETS_EACH, Verified, Worker};
use crate::host::{self, Now};

/// For how long nobody is asked again where nobody told, in milliseconds: in an outage, not every request is to wait.
const UNTOLD_FOR: u64 = 5_000;
/// Groups of all tokens together may take this many bytes per worker.
const MAX_BYTES: usize = 16 << 20;
/// What a token takes here besides the names.
const PER_TOKEN: usize = 1 << 10;

/// What is known of the groups of a token that does not tell them.
#[derive(Default)]
pub(super) struct Resolved {
    told: Option<(Rc<Asker>, UnixSeconds)>,
    /// Until when it is not asked again, by target: another one may be set up better.
    untold: BTreeMap<Arc<Target>, u64>,
}

/// Whose groups are remembered, oldest first, and what they take.
#[derive(Default)]
pub(super) struct Remembered {
    order: VecDeque<(Weak<Verified>, usize)>,
    bytes: usize,
}

/// How a token's principal is seen by policies.
pub(crate) enum Seen {
    /// So, with all that can be known of it now.
    As(Rc<Asker>),
    /// Its groups may be had for the asking.
    Unasked,
}

impl Remembered {
    /// One more. Returns whose groups make room.
    fn add(&mut self, verified: &Rc<Verified>, size: usize) -> Vec<Rc<Verified>> {
        let size = size.saturating_add(PER_TOKEN);
        self.bytes = self.bytes.saturating_add(size);
        self.order.push_back((Rc::downgrade(verified), size));
        let mut evicted = Vec::new();
        while self.bytes > MAX_BYTES && self.order.len() > 1 {
            let Some((oldest, size)) = self.order.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(size);
            evicted.extend(oldest.upgrade());
        }
        evicted
    }
}
