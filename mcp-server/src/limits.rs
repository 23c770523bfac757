//! How many requests are served at a time: of everybody, and of one caller.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use hyper::body::{Frame, SizeHint};
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
/// Streams of everybody, and of one caller: fewer than there are places, because they keep theirs for minutes. They are
/// few enough, with all other requests, for one connection to the API server, which has room for 100.
const STREAMS_OF_ALL: usize = 32;
const STREAMS_OF_ONE: usize = 8;
/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(1);

/// The requests under way.
#[derive(Debug)]
pub(crate) struct Limits {
    all: Arc<Semaphore>,
    of_one: usize,
    callers: Mutex<HashMap<TokenDigest, Arc<Semaphore>>>,
}

/// A caller's place, free again when dropped. The last one takes the caller out of the map.
#[derive(Debug)]
struct Place {
    limits: Arc<Limits>,
    caller: TokenDigest,
    permit: Option<OwnedSemaphorePermit>,
}

/// A place among those that last, free again when dropped.
#[derive(Debug)]
pub(crate) struct StreamPlace {
    _own: Place,
    _one_of_all: OwnedSemaphorePermit,
}

/// Everybody's place, for as long as anybody holds it.
#[derive(Debug, Clone)]
struct OneOfAll {
    _permit: Arc<OwnedSemaphorePermit>,
}

impl Limits {
    pub(crate) fn new() -> Arc<Self> {
        Self::of(OF_ALL, OF_ONE)
    }

    /// For what lasts longer than a request.
    pub(crate) fn of_streams() -> Arc<Self> {
        Self::of(STREAMS_OF_ALL, STREAMS_OF_ONE)
    }

    fn of(all: usize, of_one: usize) -> Arc<Self> {
        Arc::new(Self { all: Arc::new(Semaphore::new(all)), of_one, callers: Mutex::default() })
    }

    /// A place among those that last, when there is one.
    pub(crate) async fn stream(self: &Arc<Self>, caller: TokenDigest) -> Option<StreamPlace> {
        let own = self.place(caller).await?;
        let one_of_all = turn(Arc::clone(&self.all)).await?;
        Some(StreamPlace { _own: own, _one_of_all: one_of_all })
    }

    async fn place(self: &Arc<Self>, caller: TokenDigest) -> Option<Place> {
        // Before the semaphore, so that it is dropped after it.
        let mut place = Place { limits: Arc::clone(self), caller, permit: None };
        let semaphore = {
            let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
            let new = || Arc::new(Semaphore::new(self.of_one));
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
/// Everybody's place is free again when the work is done and there is an answer, the caller's own when it has been
/// sent: who reads slowly is in nobody's way but their own. Work goes on behind an answer that has begun as a stream,
/// so the place travels with the request, too.
pub(crate) async fn take_turns(
    State((limits, metrics)): State<(Arc<Limits>, Arc<Metrics>)>,
    mut request: Request<Body>,
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
    let Some(permit) = turn(Arc::clone(&limits.all)).await else { return overloaded() };
    let one_of_all = OneOfAll { _permit: Arc::new(permit) };
    request.extensions_mut().insert(one_of_all.clone());
    let response = next.run(request).await;
    drop(one_of_all);
    response.map(|body| Body::new(Held { body, _place: place }))
}

/// An answer that keeps its caller's place until it is sent. How long it is stays known.
struct Held {
    body: Body,
    _place: Place,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
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
    #[tokio::test(start_paused = true)]
    async fn streams_leave_places_to_others_and_one_callers_leave_streams_to_others() {
        const { assert!(STREAMS_OF_ALL < OF_ALL && STREAMS_OF_ONE < OF_ONE) };
        let streams = Limits::of_streams();
        let mut open = Vec::new();
        for caller in 0..STREAMS_OF_ALL / STREAMS_OF_ONE {
            let caller = TokenDigest::of(&caller.to_string());
            for _ in 0..STREAMS_OF_ONE {
                open.push(streams.stream(caller.clone()).await.unwrap());
            }
            assert!(streams.stream(caller).await.is_none());
        }
        let late = TokenDigest::of("late");
        assert!(streams.stream(late.clone()).await.is_none());
        open.pop();
        let place = streams.stream(late).await;
        assert!(place.is_some());
        drop((open, place));
        assert!(streams.callers.lock().unwrap().is_empty());
    }
}
