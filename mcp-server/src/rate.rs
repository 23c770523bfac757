//! How often one person may come: `[http] rate_limit_rps` and `rate_limit_burst`.
//!
//! `kubernetes-mcp-server` counts by session, so that a new one begins anew. Here it is by person.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use obolus_core::Reason;
use tokio::time::Instant;

use crate::front::refusal;
use crate::metrics::Metrics;
use crate::person::Person;
use crate::user_token::UserToken;

/// People who are remembered. Whoever comes when all are busy is served from a bucket that all the others share.
const MAX_PEOPLE: usize = 16 * 1024;

/// So many requests in a second, and so many at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateLimit {
    /// More than 0.
    pub per_second: f64,
    /// At least 1.
    pub burst: u32,
}

/// How much everybody has left.
#[derive(Debug, Default)]
pub(crate) struct Rates(Mutex<HashMap<Option<Person>, Bucket>>);

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Rates {
    /// Takes one, or says after which time there is one.
    fn take(&self, person: Person, limit: RateLimit, now: Instant) -> Result<(), Duration> {
        let full = f64::from(limit.burst);
        let filled = |bucket: &Bucket| {
            let since = now.saturating_duration_since(bucket.at).as_secs_f64();
            full.min(bucket.left + since * limit.per_second)
        };
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = Some(person);
        if buckets.len() >= MAX_PEOPLE && !buckets.contains_key(&key) {
            // A full bucket says what no bucket does.
            buckets.retain(|_, bucket| filled(bucket) < full);
            if buckets.len() >= MAX_PEOPLE {
                key = None;
            }
        }
        let bucket = buckets.entry(key).or_insert(Bucket { left: full, at: now });
        let left = filled(bucket);
        let missing = 1.0 - left;
        let is_there = missing <= 0.0;
        *bucket = Bucket { left: if is_there { left - 1.0 } else { left }, at: now };
        if is_there {
            return Ok(());
        }
        Err(Duration::try_from_secs_f64(missing / limit.per_second).unwrap_or(Duration::MAX))
    }
}

/// Lets a request pass if its person has one left, or refuses it with the time after which they have.
pub(crate) async fn hold_rates(
    State((rates, limit, metrics)): State<(Arc<Rates>, RateLimit, Arc<Metrics>)>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let Some(person) = request.extensions().get::<UserToken>().map(UserToken::person) else {
        return refusal(Reason::TokenMissing);
    };
    match rates.take(person, limit, Instant::now()) {
        Ok(()) => next.run(request).await,
        Err(after) => {
            metrics.refused(Reason::Overloaded);
            tracing::info!(reason = Reason::Overloaded.as_str(), "request refused: rate limit");
            let mut response = refusal(Reason::Overloaded);
            *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
            let seconds = after.as_secs_f64().ceil().clamp(1.0, 3600.0);
            if let Ok(value) = HeaderValue::from_str(&format!("{seconds}")) {
                response.headers_mut().insert(RETRY_AFTER, value);
            }
            response
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: RateLimit = RateLimit { per_second: 2.0, burst: 3 };

    fn person(name: &str) -> Person {
        Person::of_token(name)
    }

    #[tokio::test(start_paused = true)]
    async fn a_person_has_a_burst_and_then_a_rate_and_others_have_their_own() {
        let rates = Rates::default();
        let now = Instant::now();
        for _ in 0..3 {
            assert_eq!(rates.take(person("alice"), LIMIT, now), Ok(()));
        }
        let wait = rates.take(person("alice"), LIMIT, now).unwrap_err();
        assert_eq!(wait, Duration::from_millis(500));
        assert_eq!(rates.take(person("bob"), LIMIT, now), Ok(()));
        let later = now + Duration::from_millis(500);
        assert_eq!(rates.take(person("alice"), LIMIT, later), Ok(()));
        assert!(rates.take(person("alice"), LIMIT, later).is_err());
        let much_later = now + Duration::from_secs(3600);
        for _ in 0..3 {
            assert_eq!(rates.take(person("alice"), LIMIT, much_later), Ok(()));
        }
        assert!(rates.take(person("alice"), LIMIT, much_later).is_err(), "no more than a burst");
    }

    #[tokio::test(start_paused = true)]
    async fn strangers_cannot_fill_the_memory_nor_be_without_limit_when_it_is_full() {
        let rates = Rates::default();
        let now = Instant::now();
        for index in 0..MAX_PEOPLE {
            rates.take(person(&index.to_string()), LIMIT, now).unwrap();
        }
        for _ in 0..3 {
            rates.take(person("one more"), LIMIT, now).unwrap();
        }
        assert!(rates.take(person("and another"), LIMIT, now).is_err(), "they share a bucket");
        assert!(rates.0.lock().unwrap().len() <= MAX_PEOPLE + 1);
        let later = now + Duration::from_secs(60);
        assert_eq!(
            rates.take(person("and another"), LIMIT, later),
            Ok(()),
            "the idle are forgotten"
        );
    }
}
