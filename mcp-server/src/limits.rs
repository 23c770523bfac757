//! How many requests are served at a time: of everybody, and of one caller.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::BodyExt as _;
use obolus_core::Reason;
use obolus_core::token::TokenDigest;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::front::refusal;
use crate::metrics::Metrics;
use crate::user_token::UserToken;

/// Requests of everybody. Each may hold an answer of the API server, which is what memory is planned for.
const OF_ALL: usize = 64;
/// Requests with one token, so that one slow caller cannot take all.
const OF_ONE: usize = 16;
/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(1);

/// The requests under way.
#[derive(Debug)]
pub(crate) struct Limits {
    all: Arc<Semaphore>,
    callers: Mutex<HashMap<TokenDigest, Arc<Semaphore>>>,
}

/// A caller's place, free again when dropped. The last one takes the caller out of the map.
struct Place {
    limits: Arc<Limits>,
    caller: TokenDigest,
    permit: Option<OwnedSemaphorePermit>,
}

impl Limits {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { all: Arc::new(Semaphore::new(OF_ALL)), callers: Mutex::default() })
    }

    async fn place(self: &Arc<Self>, caller: TokenDigest) -> Option<Place> {
        // Before the semaphore, so that it is dropped after it.
        let mut place = Place { limits: Arc::clone(self), caller, permit: None };
        let semaphore = {
            let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
            let new = || Arc::new(Semaphore::new(OF_ONE));
            Arc::clone(callers.entry(place.caller.clone()).or_insert_with(new))
        };
        place.permit = Some(turn(semaphore).await?);
        Some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.permit.take());
        let mut callers = self.limits.callers.lock().unwrap_or_else(PoisonError::into_inner);
        // Others are made under this lock only.
        if callers.get(&self.caller).is_some_and(|semaphore| Arc::strong_count(semaphore) == 1) {
            callers.remove(&self.caller);
        }
    }
}

async fn turn(semaphore: Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    timeout(PATIENCE, semaphore.acquire_owned()).await.ok()?.ok()
}

/// Lets a request pass when it is its turn, or refuses it.
///
/// Everybody's place is free again when there is an answer, the caller's own when it has been sent: who reads slowly
/// is in nobody's way but their own.
pub(crate) async fn take_turns(
    State((limits, metrics)): State<(Arc<Limits>, Arc<Metrics>)>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let overloaded = || {
        metrics.refused(Reason::Overloaded);
        tracing::info!(reason = Reason::Overloaded.as_str(), "request refused");
        refusal(Reason::Overloaded)
    };
    let Some(caller) = request.extensions().get::<UserToken>().map(UserToken::digest) else {
        return refusal(Reason::TokenMissing);
    };
    let Some(place) = limits.place(caller).await else { return overloaded() };
    let Some(one_of_all) = turn(Arc::clone(&limits.all)).await else { return overloaded() };
    let response = next.run(request).await;
    drop(one_of_all);
    response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            let _held = &place;
            frame
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_caller_has_so_many_places_and_is_forgotten_after_the_last() {
        let limits = Limits::new();
        let alice = TokenDigest::of("alice");
        let mut places = Vec::new();
        for _ in 0..OF_ONE {
            places.push(limits.place(alice.clone()).await.unwrap());
        }
        assert!(limits.place(alice.clone()).await.is_none());
        let bob = limits.place(TokenDigest::of("bob")).await.unwrap();
        places.pop();
        places.push(limits.place(alice.clone()).await.unwrap());
        assert!(limits.place(alice).await.is_none());
        drop(places);
        drop(bob);
        assert!(limits.callers.lock().unwrap().is_empty());
    }
}
