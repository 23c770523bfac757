//! Whether the host gives us bodies while we hold the headers.
//!
//! It does where the plugin's configuration says `allow_on_headers_stop_iteration: true`, which an `EnvoyFilter` can
//! say and a `WasmPlugin` cannot; Envoys before 1.35 do not know it. A module cannot read that configuration. Without
//! it nothing passes either: a held request never gets further than its headers, and its sender would wait until
//! Envoy gives up. So in a worker where no held request's body has ever begun, one that does not begin soon is refused.
//! One body is proof enough, since the setting is the same for all.

use std::cell::{Cell, RefCell};

use obolus_core::Reason;
use proxy_wasm::types::LogLevel;

use super::{Waiter, Worker};
use crate::host::{self, Now};

/// With the tick's period, less than a second.
const BODY_WAIT_MILLIS: u64 = 700;

/// Held requests whose bodies have not begun.
#[derive(Default)]
pub(super) struct Bodies {
    /// A held request's body has begun once.
    come: Cell<bool>,
    told: Cell<bool>,
    waiting: RefCell<Vec<(u64, Waiter)>>,
}

impl Bodies {
    pub(super) fn forget(&self, context_id: u32) {
        if let Ok(mut waiting) = self.waiting.try_borrow_mut() {
            waiting.retain(|(_, waiter)| waiter.context_id != context_id);
        }
    }
}

impl Worker {
    /// A held request waits for its body.
    pub(crate) fn expect_body(&self, waiter: Waiter, now: Now) -> Result<(), Reason> {
        if self.bodies.come.get() {
            return Ok(());
        }
        let mut waiting = self.bodies.waiting.try_borrow_mut().map_err(|_| Reason::Internal)?;
        if !self.has_room(waiting.len()) {
            return Err(Reason::Overloaded);
        }
        waiting.push((now.millis.saturating_add(BODY_WAIT_MILLIS), waiter));
        Ok(())
    }

    /// A held request's body has begun.
    pub(crate) fn body_comes(&self) {
        if !self.bodies.come.replace(true)
            && let Ok(mut waiting) = self.bodies.waiting.try_borrow_mut()
        {
            waiting.clear();
        }
    }

    /// Refuses what has waited too long for its body.
    pub(crate) fn expire_bodies(&self, now: Now) {
        let expired: Vec<_> = match self.bodies.waiting.try_borrow_mut() {
            Ok(mut waiting) => waiting.extract_if(.., |(until, _)| *until <= now.millis).collect(),
            Err(_) => return,
        };
        if !expired.is_empty() && !self.bodies.told.replace(true) {
            let missing = "the plugin's configuration needs allow_on_headers_stop_iteration: true";
            host::log(
                LogLevel::Critical,
                &format!("obolus: a request's body does not come: {missing}"),
            );
        }
        let expired = expired.into_iter().map(|(_, waiter)| waiter).collect();
        self.act_for(expired, |request| request.refuse(&Reason::BodyNotHeld.into()));
    }
}
