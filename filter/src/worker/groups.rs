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

use super::exchanges::{Exchange, TARGETS_EACH};
use super::{Verified, Worker};
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

/// The groups of a token that does not tell them.
pub(crate) enum Known {
    /// The principal with these groups and no others.
    Told(Rc<Asker>),
    /// Nobody would tell, a moment ago.
    Untold,
    /// They may be had for the asking.
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

impl Verified {
    /// What is known of its groups, if it does not tell them.
    pub(crate) fn groups(&self, target: &Arc<Target>, now: Now) -> Known {
        let Ok(resolved) = self.resolved.try_borrow() else { return Known::Untold };
        let told = resolved.told.as_ref().filter(|(_, until)| *until > now.seconds());
        match (told, resolved.untold.get(target)) {
            (Some((asker, _)), _) => Known::Told(Rc::clone(asker)),
            (None, Some(until)) if *until > now.millis => Known::Untold,
            (None, _) => Known::Unasked,
        }
    }

    fn tell(&self, asker: Asker, until: UnixSeconds) {
        if let Ok(mut resolved) = self.resolved.try_borrow_mut() {
            *resolved = Resolved { told: Some((Rc::new(asker), until)), untold: BTreeMap::new() };
        }
    }

    fn leave_untold(&self, target: &Arc<Target>, now: Now) {
        if let Ok(mut resolved) = self.resolved.try_borrow_mut() {
            if resolved.untold.len() >= TARGETS_EACH {
                resolved.untold.clear();
            }
            let until = now.millis.saturating_add(UNTOLD_FOR);
            resolved.untold.insert(Arc::clone(target), until);
        }
    }

    fn forget_groups(&self) {
        if let Ok(mut resolved) = self.resolved.try_borrow_mut() {
            *resolved = Resolved::default();
        }
    }
}

impl Worker {
    /// The STS has told, or has not. Either way those who wait go on, and are decided about by what is known then.
    pub(super) fn groups_answered(
        &self,
        exchange: Exchange,
        answer: Option<(u16, Vec<u8>)>,
        now: Option<Now>,
    ) {
        let Exchange { verified, target, waiters, .. } = exchange;
        let read = answer.ok_or(Reason::StsUnavailable);
        match (read.and_then(|(status, body)| Groups::read(status, &body)), now) {
            (Ok(groups), Some(now)) => self.remember_groups(&verified, &groups, now),
            (outcome, now) => {
                self.metrics.groups_untold();
                let digest = verified.principal.token_digest();
                let reason = outcome.err().unwrap_or(Reason::Internal);
                let message =
                    format!("obolus: the groups of token {digest} stay unknown: {reason}");
                host::log(LogLevel::Warn, &message);
                if let Some(now) = now {
                    verified.leave_untold(&target, now);
                }
            }
        }
        self.act_for(waiters, crate::request::Request::go_on);
    }

    fn remember_groups(&self, verified: &Rc<Verified>, groups: &Groups, now: Now) {
        let Some(asker) = &verified.asker else { return };
        // Before the new ones are put in their place, since its own old ones may be among those that make room.
        if let Ok(mut remembered) = self.groups.try_borrow_mut() {
            for evicted in remembered.add(verified, groups.size()) {
                evicted.forget_groups();
            }
        }
        let until = groups.good_until(&verified.principal, now.seconds());
        verified.tell(asker.with_groups(groups.names()), until);
    }
}
