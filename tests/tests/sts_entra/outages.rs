//! An Entra that throttles, stumbles, hangs or goes away: who is asked again, who waits, and who notices nothing.

use std::time::{Duration, Instant};

use anyhow::ensure;
use obolus_tests::deadline::eventually;
use obolus_tests::entra::{Body, Fault, RetryAfter, What};
use obolus_tests::fixtures::entra::Style;

use crate::world::{World, granted, refused};

const SOON: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread")]
async fn a_second_attempt_brings_a_new_proof_and_the_same_person() {
    let world = World::start().await.unwrap();
    for style in [Style::CertificatePs256, Style::SecretPost] {
        for what in [
            What::Html { status: 502 },
            What::Unavailable { retry_after: RetryAfter::Absent },
            What::Reset,
            What::Truncated,
            What::Hang,
        ] {
            let told = format!("{style:?} {what:?}");
            let (token, before) = (world.token("alice").await, world.asked().len());
            world.entra.emulator.faults().add(Fault::new(what).user("alice").times(1));
            let claims = world.claims(&token, style.name()).await;
            assert_eq!(claims["oid"], world.entra.object_id("alice"), "{told}");
            let asked = world.asked();
            // One that is reset has perhaps not been read.
            assert!((1..=2).contains(&(asked.len() - before)), "{told}");
            assert!(asked.iter().all(|request| !request.jti_reused), "{told}");
            world.entra.emulator.faults().clear();
        }
    }
    assert_eq!(retries(&world).await, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_client_is_silent_for_its_target_until_the_time_is_over() {
    let world = World::start().await.unwrap();
    for (body, retry_after) in
        [(Body::Text, RetryAfter::Seconds(3)), (Body::Json, RetryAfter::Date(4))]
    {
        let told = format!("{body:?} {retry_after:?}");
        let (alice, bob) = (world.token("alice").await, world.token("bob").await);
        // Warm: nothing of this is bob's affair, with a token of his.
        assert_eq!(world.exchange(&bob, Style::SecretPost.name()).await, granted(), "{told}");
        let throttled = What::Throttled { body, retry_after };
        world.entra.emulator.faults().add(Fault::new(throttled).times(1));
        let begun = Instant::now();
        let response = world.request(&alice, Style::SecretPost.name()).send().await.unwrap();
        let after: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((2..=4).contains(&after), "{told}: {after}");
        let before = world.asked().len();
        let cold = world.token("bob").await;
        for token in [&alice, &cold] {
            let seen = world.exchange(token, Style::SecretPost.name()).await;
            assert_eq!(seen, refused(503, "idp_unavailable"), "{told}");
        }
        assert_eq!(world.exchange(&bob, Style::SecretPost.name()).await, granted(), "{told}");
        assert_eq!(world.asked().len(), before, "{told}: asked all the same");
        // Another target is not throttled.
        assert_eq!(world.exchange(&alice, Style::SecretBasic.name()).await, granted(), "{told}");
        eventually("the end of it", SOON, || async {
            let seen = world.exchange(&alice, Style::SecretPost.name()).await;
            ensure!(seen == granted(), "{seen:?}");
            Ok(())
        })
        .await
        .unwrap();
        assert!(begun.elapsed() >= Duration::from_secs(2), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entra_that_fails_for_everybody_is_given_up_and_found_again_while_a_warm_token_serves() {
    let world = World::start().await.unwrap();
    let warm = world.token("alice").await;
    let target = Style::SecretPost.name();
    assert_eq!(world.exchange(&warm, target).await, granted());
    let later = refused(503, "idp_unavailable");
    // Two alone would not be believed.
    let colds = [world.token("alice").await, world.token("bob").await, world.token("carol").await];
    world.entra.emulator.faults().everybody(What::Html { status: 503 });
    for token in colds.iter().cycle().take(8) {
        assert_eq!(world.exchange(token, target).await, later);
        assert_eq!(world.exchange(&warm, target).await, granted());
    }
    let metrics = world.sts.metrics().await.unwrap();
    assert!(metrics.contains("obolus_sts_circuit_openings_total"), "{metrics}");
    let asked = world.entra.emulator.requests().last_token().unwrap().number;
    for _ in 0..20 {
        let begun = Instant::now();
        assert_eq!(world.exchange(&colds[0], target).await, later);
        ensure_fast(begun);
    }
    world.entra.emulator.faults().clear();
    eventually("its return", SOON, || async {
        let seen = world.exchange(&colds[0], target).await;
        ensure!(seen == granted(), "{seen:?}");
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(world.exchange(&colds[1], target).await, granted());
    assert!(world.entra.emulator.requests().last_token().unwrap().number > asked);
    assert!(!world.sts.log().contains("panicked"), "{}", world.sts.log());
}

/// Requests share a connection, and Entra ends it under one of them again and again.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_one_person_loses_is_not_the_others_exchange() {
    let world = World::start().await.unwrap();
    let target = Style::SecretPost.name();
    assert_eq!(world.exchange(&world.token("bob").await, target).await, granted());
    let alice = world.token("alice").await;
    let mut bobs = Vec::new();
    for _ in 0..8 {
        bobs.push(world.token("bob").await);
    }
    world.entra.emulator.faults().add(Fault::new(What::Reset).user("alice"));
    // So that bob's are under way when alice's is lost.
    world.entra.emulator.faults().add(Fault::new(What::Delay { milliseconds: 300 }).user("bob"));
    let request = |token: &String| tokio::spawn(world.request(token, target).send());
    let his: Vec<_> = bobs.iter().map(request).collect();
    assert_eq!(world.exchange(&alice, target).await, refused(503, "idp_unavailable"));
    for response in his {
        assert_eq!(response.await.unwrap().unwrap().status(), 200);
    }
    // The control: hers was not the only one that was lost.
    assert!(retries(&world).await > 1);
}

async fn retries(world: &World) -> u64 {
    let metrics = world.sts.metrics().await.unwrap();
    let mut lines = metrics.lines();
    let line = lines.find(|line| line.starts_with("obolus_sts_upstream_retries_total"));
    line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
}

#[track_caller]
fn ensure_fast(begun: Instant) {
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

/// Alice's session ends while her token is in memory, and in use.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_is_noticed_by_the_refresh_and_not_only_at_the_end() {
    let world = World::start_with(&[], |options| {
        options.more += "\n[limits]\ncache_max_age_seconds = 40\n";
    })
    .await
    .unwrap();
    let target = Style::SecretPost.name();
    let (alice, bob) = (world.token("alice").await, world.token("bob").await);
    let begun = Instant::now();
    for token in [&alice, &bob] {
        assert_eq!(world.exchange(token, target).await, granted());
    }
    world.entra.emulator.revoke_sessions("alice");
    eventually("the end of her token", Duration::from_secs(60), || async {
        let seen = world.exchange(&alice, target).await;
        ensure!(seen == refused(401, "subject_token_refused"), "{seen:?}");
        Ok(())
    })
    .await
    .unwrap();
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
    assert_eq!(world.exchange(&bob, target).await, granted());
}
