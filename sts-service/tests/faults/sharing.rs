//! What is remembered, and what is asked for once for all.

use anyhow::ensure;
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::idp::now;
use serde_json::json;

use crate::idp::Does;
use crate::world::{SOON, World, granted, outcome, refused};

#[tokio::test]
async fn fifty_requests_make_one_exchange_even_if_the_first_goes_away() {
    let world = World::start().await;
    let alice = world.idp().token("alice");
    world.idp().at("/token", Does::Waits);
    let first = tokio::spawn(world.request(&alice).send());
    eventually("the first exchange", SOON, || async {
        ensure!(world.running.calls("/token") == 1);
        Ok(())
    })
    .await
    .unwrap();
    let others: Vec<_> = (0..50).map(|_| tokio::spawn(world.request(&alice).send())).collect();
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    world.idp().let_go(100);
    for other in others {
        assert_eq!(outcome(other.await.unwrap().unwrap()).await.0, granted());
    }
    assert_eq!(world.running.calls("/token"), 1);
    // The first one's exchange went on without it, and is counted when it has ended.
    eventually("the miss", SOON, || async {
        let misses = world.metric("obolus_sts_cache_lookups_total{result=\"miss\"}").await;
        ensure!(misses == 1, "{misses}");
        Ok(())
    })
    .await
    .unwrap();
    // Bob is another matter.
    assert_eq!(world.exchange_for("bob").await, granted());
    assert_eq!(world.running.calls("/token"), 2);
}

#[tokio::test]
async fn what_went_wrong_is_not_remembered_and_what_went_well_is() {
    let world = World::start().await;
    let alice = world.idp().token("alice");
    world.idp().at("/token", Does::json(500, json!({})));
    assert_eq!(world.exchange(&alice).await, refused(503, "idp_unavailable"));
    world.idp().honest_at("/token");
    assert_eq!(world.exchange(&alice).await, granted());
    world.idp().at("/token", Does::json(500, json!({})));
    assert_eq!(world.exchange(&alice).await, granted());
    // What went wrong was tried twice.
    assert_eq!(world.running.calls("/token"), 3);
    assert_eq!(world.exchange_for("bob").await, refused(503, "idp_unavailable"));
}

#[tokio::test]
async fn memory_helps_nobody_whose_token_is_no_longer_good() {
    let world = World::start().await;
    let mut claims = world.idp().claims("alice");
    claims["exp"] = json!(now() + 12);
    let short = world.idp().key().sign(&claims).unwrap();
    let long = world.idp().token("bob");
    assert_eq!(world.exchange(&short).await, granted());
    assert_eq!(world.exchange(&long).await, granted());
    eventually("the token's end", SOON * 2, || async {
        let seen = world.exchange(&short).await;
        ensure!(seen == refused(401, "token_expired"), "{seen:?}");
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(world.exchange(&long).await, granted());
    world.idp().publish(vec![]);
    eventually("the key's removal", SOON, || async {
        let seen = world.exchange(&long).await;
        ensure!(seen == refused(401, "key_unknown"), "{seen:?}");
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn an_age_limit_forgets_and_a_full_house_is_told_to_come_back() {
    let limits = "cache_max_age_seconds = 0\nexchanges_in_flight = 1";
    let world = World::start_with(|_| {}, limits).await;
    let alice = world.idp().token("alice");
    for calls in 1..=3 {
        assert_eq!(world.exchange(&alice).await, granted());
        assert_eq!(world.running.calls("/token"), calls);
    }
    world.idp().at("/token", Does::Waits);
    let first = tokio::spawn(world.request(&alice).send());
    eventually("the first exchange", SOON, || async {
        ensure!(world.running.calls("/token") == 4);
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(world.exchange_for("bob").await, refused(503, "overloaded"));
    world.idp().let_go(2);
    assert_eq!(outcome(first.await.unwrap().unwrap()).await.0, granted());
    assert_eq!(world.exchange_for("bob").await, granted());
}

#[tokio::test]
async fn an_exchanged_token_that_ends_soon_is_not_handed_out_to_the_last() {
    let world = World::start().await;
    let alice = world.idp().token("alice");
    world.idp().at(
        "/token",
        Does::answers(|idp, request| idp.exchange(request, &json!({"exp": now() + 7}), &json!({}))),
    );
    eventually("another exchange", SOON, || async {
        let (seen, body) = outcome(world.request(&alice).send().await?).await;
        assert_eq!(seen, granted());
        let life = body["expires_in"].as_u64().unwrap();
        assert!(life >= 4, "{life}");
        ensure!(world.running.calls("/token") == 2);
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn whoever_keeps_the_token_is_told_what_is_left_of_our_own_time() {
    let world = World::start_with(|_| {}, "cache_max_age_seconds = 20").await;
    let alice = world.idp().token("alice");
    let life = async || {
        let (seen, body) = outcome(world.request(&alice).send().await.unwrap()).await;
        assert_eq!(seen, granted());
        body["expires_in"].as_u64().unwrap()
    };
    // Until the last quarter, in which another one is asked for.
    let first = life().await;
    assert!((13..=15).contains(&first), "{first}");
    eventually("a remembered token's age", SOON, || async {
        let left = life().await;
        ensure!(left < first, "{left}");
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(world.running.calls("/token"), 1);
    let world = World::start_with(|_| {}, "cache_max_age_seconds = 0").await;
    let (_, body) = outcome(world.request(&world.idp().token("alice")).send().await.unwrap()).await;
    assert_eq!(body["expires_in"], 5);
}
