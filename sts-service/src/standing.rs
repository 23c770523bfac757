//! How long a connection may stay: strangers shortly, and who has shown to be of use until it is quiet for long.
//!
//! Counted from answers, not from bytes: HTTP/2 has pings, and heads can be sent a byte at a time.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use tokio::time::{Instant, sleep, sleep_until};

use crate::guesses::Visitor;

/// For whatever a connection is of use for, above all its first request's head. Requests of strangers do not
/// prolong it.
const STRANGER: Duration = Duration::from_secs(10);
/// For a connection that is kept for the next request. A client that keeps connections has to let go of them sooner, or
/// it may send a request just when we do.
pub(crate) const SILENCE: Duration = Duration::from_secs(75);
/// Requests under way are left to their own limits.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// On an answer to a caller that has authenticated itself, whatever the answer is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KnownCaller;

/// See the module.
pub(crate) struct Standing {
    address: IpAddr,
    /// Whether the last request that was judged came from a known caller.
    is_known: AtomicBool,
    until: Mutex<Instant>,
    under_way: AtomicUsize,
}

/// A request, until it is answered or given up.
struct UnderWay(Arc<Standing>);

impl Standing {
    /// Of a connection from there.
    pub(crate) fn new(address: IpAddr) -> Self {
        Self {
            address,
            is_known: AtomicBool::new(false),
            until: Mutex::new(Instant::now() + STRANGER),
            under_way: AtomicUsize::new(0),
        }
    }

    /// The same routes for this connection, with an eye on what it gets.
    pub(crate) fn watch(self: &Arc<Self>, routes: Router) -> Router {
        let standing = Arc::clone(self);
        routes.layer(from_fn(move |mut request: Request, next: Next| {
            let is_known = standing.is_known.load(Ordering::Relaxed);
            request.extensions_mut().insert(Visitor { address: standing.address, is_known });
            standing.under_way.fetch_add(1, Ordering::Relaxed);
            let under_way = UnderWay(Arc::clone(&standing));
            async move {
                let response = next.run(request).await;
                let known = response.extensions().get::<KnownCaller>().is_some();
                if known || response.status() == StatusCode::UNAUTHORIZED {
                    under_way.0.is_known.store(known, Ordering::Relaxed);
                }
                if known || response.status().is_success() {
                    let mut until =
                        under_way.0.until.lock().unwrap_or_else(PoisonError::into_inner);
                    *until = Instant::now() + SILENCE;
                }
                response
            }
        }))
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
