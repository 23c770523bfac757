//! How long a connection may stay: strangers shortly, and who has shown to be of use until it is quiet for long.
//!
//! Counted from answers, not from bytes: HTTP/2 has pings, and heads can be sent a byte at a time.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use tokio::time::{Instant, sleep, sleep_until};

use crate::guesses::Visitor;

/// For whatever a connection is of use for, above all its first request's head. Requests of strangers do not
/// prolong it.
const STRANGER: Duration = Duration::from_secs(10);
/// For a connection that is kept for the next request. A client that keeps connections has to let go of them sooner, or
/// it may send a request just when we do.
pub(crate) const SILENCE: Duration = Duration::from_secs(75);
/// For one that never shows a caller's credential, whatever it is of use for.
const NAMELESS: Duration = Duration::from_secs(300);
/// Requests under way are left to their own limits.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// On an answer to a caller that has authenticated itself, whatever the answer is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KnownCaller;

/// See the module.
pub(crate) struct Standing {
    address: IpAddr,
    begun: Instant,
    until: Mutex<Instant>,
    under_way: AtomicUsize,
}

/// A request, until it is answered or given up.
struct UnderWay(Arc<Standing>);

impl Standing {
    /// Of a connection from there.
    pub(crate) fn new(address: IpAddr) -> Self {
        let begun = Instant::now();
        Self { address, begun, until: Mutex::new(begun + STRANGER), under_way: AtomicUsize::new(0) }
    }

    /// The same routes for this connection, with an eye on what it gets.
    pub(crate) fn watch(self: &Arc<Self>, routes: Router) -> Router {
        let standing = Arc::clone(self);
        routes.layer(from_fn(move |mut request: Request, next: Next| {
            request.extensions_mut().insert(Visitor { address: standing.address });
            standing.under_way.fetch_add(1, Ordering::Relaxed);
            let under_way = UnderWay(Arc::clone(&standing));
            async move {
                let response = next.run(request).await;
                let known = response.extensions().get::<KnownCaller>().is_some();
                if known || response.status().is_success() {
                    under_way.0.prolong(known);
                }
                response
            }
        }))
    }

    /// What anybody may have, such as keys, is no reason to keep a connection for ever: who never says who they are
    /// would have it from those who do.
    fn prolong(&self, known: bool) {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let longer = Instant::now() + SILENCE;
        let longer = if known { longer } else { longer.min(self.begun + NAMELESS) };
        *until = longer.max(*until);
    }

    /// Returns when the connection has stayed too long.
    pub(crate) async fn lost(&self) {
        loop {
            let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
            if Instant::now() < until {
                sleep_until(until).await;
            } else if self.under_way.load(Ordering::Relaxed) > 0 {
                sleep(LOOK_AGAIN).await;
            } else {
                return;
            }
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_never_says_who_they_are_stays_for_minutes_and_a_known_caller_for_as_long_as_it_asks() {
        let standing = Standing::new("192.0.2.1".parse().unwrap());
        let until = || *standing.until.lock().unwrap();
        assert_eq!(until(), standing.begun + STRANGER);
        standing.prolong(false);
        assert!(until() >= standing.begun + SILENCE);
        // The same, five minutes after the beginning.
        let late = Standing { begun: standing.begun.checked_sub(NAMELESS).unwrap(), ..standing };
        let until = || *late.until.lock().unwrap();
        let before = until();
        late.prolong(false);
        assert_eq!(until(), before, "no longer than it had");
        *late.until.lock().unwrap() = late.begun;
        late.prolong(false);
        assert_eq!(until(), late.begun + NAMELESS, "which is over");
        late.prolong(true);
        assert!(until() >= late.begun + NAMELESS + SILENCE, "but for a caller");
    }
}
