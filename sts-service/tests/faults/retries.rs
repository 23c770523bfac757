//! The second attempt, and who is told to come later.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use anyhow::ensure;
use axum::Json;
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{Html, IntoResponse as _};
use obolus_tests::deadline::eventually;
use serde_json::json;

use crate::idp::Does;
use crate::world::{SOON, World, granted, outcome, refused};

/// Does this the first time, and is honest afterwards.
fn first(does: Does) -> Does {
    let calls = Arc::new(AtomicUsize::new(0));
    Does::chooses(move || (calls.fetch_add(1, Ordering::Relaxed) == 0).then(|| does.clone()))
}

fn throttled(status: u16, retry_after: impl Fn() -> String + Send + Sync + 'static) -> Does {
    Does::answers(move |_, _| {
        let status = StatusCode::from_u16(status).unwrap();
        (status, [(RETRY_AFTER, retry_after())], "come later").into_response()
    })
}

/// A status that is the client's, and an error that is not.
fn busy(retry_after: &'static str) -> Does {
    Does::answers(move |_, _| {
        let body = Json(json!({"error": "temporarily_unavailable"}));
        (StatusCode::BAD_REQUEST, [(RETRY_AFTER, retry_after)], body).into_response()
    })
}

#[tokio::test]
async fn what_may_pass_is_asked_for_once_more_after_a_second_and_what_may_not_is_not() {
    for (what, does, expected, calls) in [
        ("500", Does::json(500, json!({})), granted(), 2),
        (
            "502 HTML",
            Does::answers(|_, _| (StatusCode::BAD_GATEWAY, Html("x")).into_response()),
            granted(),
            2,
        ),
        ("503", Does::json(503, json!({"error": "temporarily_unavailable"})), granted(), 2),
        ("400", Does::json(400, json!({"error": "temporarily_unavailable"})), granted(), 2),
        ("no answer", Does::Hangs, granted(), 2),
        (
            "404 HTML",
            Does::answers(|_, _| (StatusCode::NOT_FOUND, Html("x")).into_response()),
            refused(503, "idp_unavailable"),
            1,
        ),
        ("429", Does::json(429, json!({})), refused(503, "idp_unavailable"), 1),
        (
            "a refusal",
            Does::json(400, json!({"error": "invalid_grant"})),
            refused(401, "subject_token_refused"),
            1,
        ),
        (
            "slow_down",
            Does::json(400, json!({"error": "slow_down"})),
            refused(503, "idp_unavailable"),
            1,
        ),
        ("400, later", busy("2"), refused(503, "idp_unavailable"), 1),
        ("503, later", throttled(503, || "2".to_owned()), refused(503, "idp_unavailable"), 1),
        ("500, later", throttled(500, || "2".to_owned()), refused(503, "idp_unavailable"), 1),
    ] {
        let world = World::start().await;
        world.idp().at("/token", first(does));
        let begun = Instant::now();
        assert_eq!(world.exchange_for("alice").await, expected, "{what}");
        assert_eq!(world.running.calls("/token"), calls, "{what}");
        assert!(calls == 1 || begun.elapsed() >= Duration::from_secs(1), "{what}: at once");
        let retries = world.metric("obolus_sts_upstream_retries_total").await;
        assert_eq!(retries, u64::from(calls == 2), "{what}");
    }
}

#[tokio::test]
async fn two_failures_are_the_end_of_it_within_the_time_of_one_exchange() {
    let world = World::start_with(|_| {}, "idp_timeout_ms = 2500").await;
    for (does, calls) in [(Does::json(500, json!({})), 2), (Does::Hangs, 4)] {
        world.idp().at("/token", does);
        let begun = Instant::now();
        assert_eq!(world.exchange_for("alice").await, refused(503, "idp_unavailable"));
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
        assert_eq!(world.running.calls("/token"), calls);
    }
}

#[tokio::test]
async fn an_answer_that_is_only_slow_is_taken_though_another_was_asked_for() {
    let world = World::start_with(|_| {}, "idp_timeout_ms = 8000").await;
    world.idp().at("/token", first(Does::Waits));
    // The second one waits for ever.
    let calls = Arc::new(AtomicUsize::new(0));
    world.idp().at(
        "/token",
        Does::chooses(move || {
            Some(if calls.fetch_add(1, Ordering::Relaxed) == 0 { Does::Waits } else { Does::Hangs })
        }),
    );
    let request = tokio::spawn(world.request(&world.idp().token("alice")).send());
    eventually("the second attempt", SOON, || async {
        ensure!(world.running.calls("/token") == 2);
        Ok(())
    })
    .await
    .unwrap();
    world.idp().let_go(1);
    assert_eq!(outcome(request.await.unwrap().unwrap()).await.0, granted());
}

#[tokio::test]
async fn who_is_told_to_come_later_does_whoever_asks_and_is_told_how_long() {
    let in_three_seconds = || httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(4));
    for (what, does) in [
        ("429 in seconds", throttled(429, || "3".to_owned())),
        ("429 by date", throttled(429, in_three_seconds)),
        ("503 in seconds", throttled(503, || "3".to_owned())),
        ("400 in seconds", busy("3")),
    ] {
        let world = World::start().await;
        world.idp().at("/token", first(does));
        for person in ["alice", "bob"] {
            let (seen, after) = world.told(person).await;
            assert_eq!(seen, refused(503, "idp_unavailable"), "{what} {person}");
            assert!((1..=4).contains(&after.unwrap()), "{what} {person}: {after:?}");
        }
        assert_eq!(world.running.calls("/token"), 1, "{what}");
        assert_eq!(world.metric("obolus_sts_held_back_total").await, 1, "{what}");
        // Another target is another matter, also for the same client.
        let alice = world.idp().token("alice");
        let second = world.request_as(crate::world::CREDENTIAL, &alice, "second", None);
        assert_eq!(outcome(second.send().await.unwrap()).await.0, granted(), "{what}");
        eventually("the end of it", SOON, || async {
            let seen = world.exchange_for("bob").await;
            ensure!(seen == granted(), "{seen:?}");
            Ok(())
        })
        .await
        .unwrap();
        assert_eq!(world.running.calls("/token"), 3, "{what}");
    }
}

#[tokio::test]
async fn who_is_throttled_without_a_time_stays_away_for_one_that_doubles() {
    let world = World::start().await;
    world.idp().at("/token", Does::json(429, json!({"error": "slow_down"})));
    for (calls, most) in [(1, 5), (2, 10)] {
        eventually("the next call", SOON, || async {
            let (seen, after) = world.told("alice").await;
            assert_eq!(seen, refused(503, "idp_unavailable"));
            assert!((1..=most).contains(&after.unwrap()), "{after:?}");
            ensure!(world.running.calls("/token") == calls);
            Ok(())
        })
        .await
        .unwrap();
        for person in 0..10 {
            let (seen, after) = world.told(&format!("person-{person}")).await;
            assert_eq!(seen, refused(503, "idp_unavailable"));
            assert!((most / 2..=most).contains(&after.unwrap()), "{after:?}");
        }
        assert_eq!(world.running.calls("/token"), calls);
    }
    world.idp().honest_at("/token");
    eventually("the end of it", SOON * 3, || async {
        let seen = world.exchange_for("alice").await;
        ensure!(seen == granted(), "{seen:?}");
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(world.running.calls("/token"), 3);
    assert_eq!(world.exchange_for("bob").await, granted());
}

#[tokio::test]
async fn a_hold_that_comes_while_another_pauses_is_for_its_second_attempt_too() {
    for (held, expected, calls) in
        [(true, refused(503, "idp_unavailable"), 2), (false, granted(), 3)]
    {
        let world = World::start().await;
        let asked = Arc::new(AtomicUsize::new(0));
        let does = move || match asked.fetch_add(1, Ordering::Relaxed) {
            0 => Some(Does::json(500, json!({}))),
            1 if held => Some(throttled(429, || "60".to_owned())),
            _ => None,
        };
        world.idp().at("/token", Does::chooses(does));
        let bob = async {
            eventually("the first attempt", SOON, || async {
                ensure!(world.running.calls("/token") == 1);
                Ok(())
            })
            .await
            .unwrap();
            world.told("bob").await
        };
        let ((alices, after), (bobs, _)) = tokio::join!(world.told("alice"), bob);
        assert_eq!((&alices, &bobs), (&expected, &expected));
        assert!(!held || after.is_some_and(|after| (30..=60).contains(&after)), "{after:?}");
        assert_eq!(world.running.calls("/token"), calls);
    }
}

#[tokio::test]
async fn nobody_is_sent_away_for_more_than_an_hour() {
    let world = World::start().await;
    world.idp().at("/token", throttled(429, || "999999999999".to_owned()));
    let (seen, after) = world.told("alice").await;
    assert_eq!(seen, refused(503, "idp_unavailable"));
    assert_eq!(after, Some(3600));
}

#[tokio::test]
async fn a_connection_that_hangs_takes_nobody_along() {
    let world = World::start().await;
    // Warm: everybody's requests go over one connection.
    assert_eq!(world.exchange_for("zoe").await, granted());
    let people: Vec<_> = (0..8).map(|number| format!("person-{number}")).collect();
    let calls = Arc::new(AtomicUsize::new(0));
    let first_ones = people.len();
    world.idp().at(
        "/token",
        Does::chooses(move || {
            (calls.fetch_add(1, Ordering::Relaxed) < first_ones).then_some(Does::Hangs)
        }),
    );
    let requests: Vec<_> = people
        .iter()
        .map(|person| tokio::spawn(world.request(&world.idp().token(person)).send()))
        .collect();
    for request in requests {
        assert_eq!(outcome(request.await.unwrap().unwrap()).await.0, granted());
    }
}
