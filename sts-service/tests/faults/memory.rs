//! Refusals that are repeated from memory, and tokens that are asked for before they end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::ensure;
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::idp::claims_of;
use obolus_tests::pki::Authority;
use serde_json::{Value, json};

use crate::idp::{Does, Running};
use crate::world::{SOON, World, configuration, granted, outcome, refused};

#[tokio::test]
async fn a_refusal_is_repeated_for_a_while_and_then_asked_for_again() {
    let world = World::start_with(|_| {}, "refusals_max_age_seconds = 2").await;
    let alice = world.idp().token("alice");
    world.idp().at("/token", Does::json(403, json!({"error": "access_denied"})));
    assert_eq!(world.exchange(&alice).await, refused(403, "exchange_denied"));
    world.idp().honest_at("/token");
    // Mended: for another token of hers, another target and another person at once.
    assert_eq!(world.exchange(&alice).await, refused(403, "exchange_denied"));
    assert_eq!(world.running.calls("/token"), 1);
    let mut claims = world.idp().claims("alice");
    claims["jti"] = json!("another");
    assert_eq!(world.exchange(&world.idp().key().sign(&claims).unwrap()).await, granted());
    let second = world.request_as(crate::world::CREDENTIAL, &alice, "second", None);
    assert_eq!(outcome(second.send().await.unwrap()).await.0, granted());
    assert_eq!(world.exchange_for("bob").await, granted());
    assert!(world.metric("obolus_sts_negative_hits_total").await >= 1);
    eventually("the end of the refusal", Duration::from_secs(4), || async {
        let seen = world.exchange(&alice).await;
        ensure!(seen == granted(), "{seen:?}");
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_loop_of_refused_requests_is_one_request_for_the_provider_and_an_outage_is_none_to_remember()
 {
    let world = World::start().await;
    let alice = world.idp().token("alice");
    world.idp().at("/token", Does::json(403, json!({"error": "access_denied"})));
    let many: Vec<_> = (0..50).map(|_| tokio::spawn(world.request(&alice).send())).collect();
    for request in many {
        let (seen, _) = outcome(request.await.unwrap().unwrap()).await;
        assert_eq!(seen, refused(403, "exchange_denied"));
    }
    assert_eq!(world.running.calls("/token"), 1);

    let bob = world.idp().token("bob");
    world.idp().at("/token", Does::json(503, json!({})));
    assert_eq!(world.exchange(&bob).await, refused(503, "idp_unavailable"));
    world.idp().honest_at("/token");
    assert_eq!(world.exchange(&bob).await, granted());
}

/// An agent's loop over one target that is not set up would end in a throttled client.
#[tokio::test]
async fn a_loop_of_answers_that_we_refuse_is_one_request_for_the_provider_too() {
    let world = World::start().await;
    for (claims, answer, reason) in [
        (json!({"aud": "other"}), json!({}), "exchanged_audience_mismatch"),
        (json!({"sub": "mallory"}), json!({}), "exchanged_identity_mismatch"),
        (json!({"exp": null}), json!({}), "exchanged_malformed"),
        (json!({}), json!({"access_token": null}), "exchanged_malformed"),
        (json!({}), json!({"expires_in": 0}), "exchanged_expired"),
    ] {
        let before = world.running.calls("/token");
        let alice = world.idp().token(&format!("alice {claims} {answer}"));
        world.idp().at("/token", Does::exchanges(claims, answer));
        for _ in 0..20 {
            assert_eq!(world.exchange(&alice).await, refused(502, reason));
        }
        assert_eq!(world.running.calls("/token") - before, 1, "{reason}");
        world.idp().honest_at("/token");
        assert_eq!(world.exchange(&alice).await, refused(502, reason), "for a while");
        // Nobody else's, and no other token's.
        assert_eq!(world.exchange_for(&format!("bob after {reason} {before}")).await, granted());
    }
}

#[tokio::test]
async fn a_refusal_ends_with_the_credential_that_it_was_given_to() {
    let world = World::start_with(|_| {}, "refusals_max_age_seconds = 120").await;
    let alice = world.idp().token("alice");
    world.idp().wants_secret("the-next-secret");
    assert_eq!(world.exchange(&alice).await, refused(500, "exchange_misconfigured"));
    std::fs::write(world.path().join("secret"), "the-next-secret").unwrap();
    eventually("the new secret", SOON, || async {
        let seen = world.exchange(&alice).await;
        ensure!(seen == granted(), "{seen:?}");
        Ok(())
    })
    .await
    .unwrap();
}

/// Tokens are remembered for twenty seconds, and asked for anew in the last five.
async fn brief() -> World {
    World::start_with(|_| {}, "cache_max_age_seconds = 20").await
}

/// Asks for alice's token until `until`; each answer is a token of hers.
async fn use_until(world: &World, token: &str, until: impl AsyncFn(&Value) -> bool) {
    eventually("the refresh", Duration::from_secs(40), || async {
        let (seen, body) = outcome(world.request(token).send().await?).await;
        let done = until(&body).await;
        if body.get("access_token").is_some() {
            assert_eq!(claims_of(body["access_token"].as_str().unwrap()).unwrap()["sub"], "alice");
        }
        ensure!(done, "{seen:?}");
        Ok(())
    })
    .await
    .unwrap();
}

/// Each token has a number.
fn numbered() -> Does {
    let calls = Arc::new(AtomicUsize::new(0));
    Does::answers(move |idp, request| {
        let number = calls.fetch_add(1, Ordering::Relaxed);
        idp.exchange(request, &json!({"jti": number.to_string()}), &json!({}))
    })
}

fn number(body: &Value) -> String {
    let claims = claims_of(body["access_token"].as_str().unwrap()).unwrap();
    claims["jti"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_token_in_use_is_asked_for_anew_before_it_ends_and_nobody_waits() {
    let world = brief().await;
    world.idp().at("/token", numbered());
    let alice = world.idp().token("alice");
    let (_, body) = outcome(world.request(&alice).send().await.unwrap()).await;
    // Who keeps it is to come back when the next one is asked for.
    let told = body["expires_in"].as_u64().unwrap();
    assert!((14..=15).contains(&told), "{told}");
    use_until(&world, &alice, async |body| number(body) == "1").await;
    assert_eq!(world.running.calls("/token"), 2);
    assert_eq!(world.metric("obolus_sts_cache_lookups_total{result=\"miss\"}").await, 1);
    assert_eq!(world.metric("obolus_sts_refreshes_total").await, 1);
}

#[tokio::test]
async fn an_outage_leaves_the_old_token_to_its_end_and_is_not_asked_without_pause() {
    let world = brief().await;
    let alice = world.idp().token("alice");
    assert_eq!(world.exchange(&alice).await, granted());
    world.idp().at("/token", Does::json(500, json!({})));
    // Fifteen seconds until the first attempt; then the token is served on.
    let failed = "obolus_sts_refreshes_total{target=\"kubernetes\",outcome=\"failed\"}";
    use_until(&world, &alice, async |_| world.metric(failed).await == 1).await;
    assert_eq!(world.exchange(&alice).await, granted());
    assert_eq!(world.running.calls("/token"), 3, "one, and a refresh of two attempts");
}

#[tokio::test]
async fn a_refusal_of_the_refresh_ends_the_old_token_at_once() {
    let world = brief().await;
    let alice = world.idp().token("alice");
    assert_eq!(world.exchange(&alice).await, granted());
    world.idp().at("/token", Does::json(400, json!({"error": "invalid_grant"})));
    let refused_one = "obolus_sts_refreshes_total{target=\"kubernetes\",outcome=\"refused\"}";
    use_until(&world, &alice, async |_| world.metric(refused_one).await == 1).await;
    assert_eq!(world.exchange(&alice).await, refused(401, "subject_token_refused"));
    assert_eq!(world.running.calls("/token"), 2);
    // For her: it is remembered, too.
    assert_eq!(world.exchange(&alice).await, refused(401, "subject_token_refused"));
    world.idp().honest_at("/token");
    assert_eq!(world.exchange_for("bob").await, granted());
}

#[tokio::test]
async fn a_refresh_that_brings_somebody_elses_token_brings_nothing() {
    let world = brief().await;
    let alice = world.idp().token("alice");
    assert_eq!(world.exchange(&alice).await, granted());
    world.idp().at("/token", Does::exchanges(json!({"sub": "mallory"}), json!({})));
    let failed = "obolus_sts_refreshes_total{target=\"kubernetes\",outcome=\"failed\"}";
    use_until(&world, &alice, async |_| world.metric(failed).await == 1).await;
    let (seen, body) = outcome(world.request(&alice).send().await.unwrap()).await;
    assert_eq!(seen, granted());
    assert_eq!(claims_of(body["access_token"].as_str().unwrap()).unwrap()["sub"], "alice");
}

#[tokio::test]
async fn limits_that_are_out_of_range_are_all_told() {
    let authority = Authority::new("limits").unwrap();
    let running = Running::start(&authority).await;
    let folder = tempfile::tempdir().unwrap();
    let limits = "refusals_max_age_seconds = 121\ncached_bytes = 1000";
    let text = configuration(&running.idp.issuer(), limits);
    let problems = obolus_sts::config::Config::parse(&text, folder.path()).unwrap_err().to_string();
    for key in ["limits.refusals_max_age_seconds", "limits.cached_bytes"] {
        assert!(problems.contains(key), "{problems}");
    }
}
