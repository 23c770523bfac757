//! An identity provider that does not answer is left alone, but for a probe now and then; and one that hangs takes no
//! other along.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::idp::{Key, claims_of};
use obolus_tests::pki::Authority;
use serde_json::json;

use crate::idp::{Does, Running, form};
use crate::tenants::{
    A, B, ENDPOINTS, KEYS_OF_A, KEYS_OF_B, SERVER, claims, configuration, exchange, of, set,
};
use crate::world::{SOON, World, granted, outcome, refused};

const STATE: &str = "obolus_sts_circuit_state";

/// Asks for people, one after another, until the provider is given up.
async fn give_up(world: &World) -> usize {
    let mut asked = 0;
    while world.metric(STATE).await == 0 {
        asked += 1;
        assert!(asked < 20, "never given up");
        let seen = world.exchange_for(&format!("person-{asked}")).await;
        assert_eq!(seen, refused(503, "idp_unavailable"));
    }
    asked
}

#[tokio::test]
async fn a_provider_that_fails_is_given_up_then_probed_and_back_with_the_first_answer() {
    // Too little time for second attempts.
    let world = World::start_with(|_| {}, "idp_timeout_ms = 1200").await;
    let warm = world.idp().token("warm");
    assert_eq!(world.exchange(&warm).await, granted());
    world.idp().at("/token", Does::json(500, json!({})));
    assert_eq!(give_up(&world).await, 5);
    let asked = world.running.calls("/token");

    // Everybody is told at once, and when to come back; who is warm notices nothing.
    let begun = Instant::now();
    let mut refusals = 0;
    while begun.elapsed() < Duration::from_secs(4) {
        let at = Instant::now();
        refusals += 1;
        let (seen, after) = world.told(&format!("cold-{refusals}")).await;
        assert_eq!(seen, refused(503, "idp_unavailable"));
        assert!((1..=5).contains(&after.unwrap()), "{after:?}");
        assert!(at.elapsed() < Duration::from_secs(1), "{:?}", at.elapsed());
        assert_eq!(world.exchange(&warm).await, granted());
    }
    let probes = world.running.calls("/token") - asked;
    assert!((1..=3).contains(&probes) && refusals > 10, "{probes} probes, {refusals} refusals");

    world.idp().honest_at("/token");
    let before = world.running.calls("/token");
    eventually("its return", SOON, || async {
        let seen = world.exchange_for("back").await;
        ensure!(seen == granted(), "{seen:?}");
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(world.running.calls("/token"), before + 1, "one probe");
    assert_eq!(world.metric(STATE).await, 0);
    assert_eq!(world.exchange_for("next").await, granted());
}

#[tokio::test]
async fn a_refusal_is_an_answer_and_closes_it_too() {
    let world = World::start_with(|_| {}, "idp_timeout_ms = 1200").await;
    world.idp().at("/token", Does::json(500, json!({})));
    give_up(&world).await;
    world.idp().at("/token", Does::json(403, json!({"error": "access_denied"})));
    eventually("its return", SOON, || async {
        let seen = world.exchange_for("back").await;
        ensure!(seen == refused(403, "exchange_denied"), "{seen:?}");
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(world.metric(STATE).await, 0);
}

#[tokio::test]
async fn one_person_over_whom_the_provider_breaks_is_nobody_elses_outage() {
    let world = World::start_with(|_| {}, "idp_timeout_ms = 1200").await;
    world.idp().at(
        "/token",
        Does::answers(|idp, request| {
            let subject = claims_of(&form(request)["subject_token"]).unwrap();
            match subject["sub"].as_str() {
                Some("poison") => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
                _ => idp.exchange(request, &json!({}), &json!({})),
            }
        }),
    );
    for number in 0..12 {
        let mut claims = world.idp().claims("poison");
        claims["jti"] = json!(format!("poison-{number}"));
        let token = world.idp().key().sign(&claims).unwrap();
        assert_eq!(world.exchange(&token).await, refused(503, "idp_unavailable"));
    }
    assert_eq!(world.metric(STATE).await, 0);
    assert_eq!(world.exchange_for("alice").await, granted());
}

/// Who is nobody, or brings nobody's token, must not decide whether others are served.
#[tokio::test]
async fn a_stranger_opens_no_circuit_fills_no_memory_and_takes_no_place() {
    let world = World::start_with(|_| {}, "idp_timeout_ms = 1200\nexchanges_in_flight = 1").await;
    let forger = Key::new("ES256", "first").unwrap();
    world.idp().at("/token", Does::json(500, json!({})));
    for number in 0..10 {
        let forged = forger.sign(&world.idp().claims(&format!("forged-{number}"))).unwrap();
        assert_eq!(world.exchange(&forged).await, refused(401, "signature_invalid"));
        let good = world.idp().token(&format!("unknown-{number}"));
        let wrong = world.request_as("wrong", &good, "kubernetes", None);
        let (seen, _) = outcome(wrong.send().await.unwrap()).await;
        assert_eq!(seen, refused(401, "caller_unauthenticated"));
        let ungranted = world.request_as(crate::world::CREDENTIAL, &good, "ungranted", None);
        let (seen, _) = outcome(ungranted.send().await.unwrap()).await;
        assert_eq!(seen, refused(403, "target_not_granted"));
    }
    assert_eq!(world.running.calls("/token"), 0);
    assert_eq!(world.metric(STATE).await, 0);
    assert_eq!(world.metric("obolus_sts_cached_refusals").await, 0);
    world.idp().honest_at("/token");
    assert_eq!(world.exchange_for("alice").await, granted());
    // The control: who may ask, opens it.
    world.idp().at("/token", Does::json(500, json!({})));
    assert_eq!(give_up(&world).await, 5);
}

#[tokio::test]
async fn a_tenant_that_hangs_takes_neither_the_others_places_nor_their_answers() {
    let authority = Authority::new("hung tenant").unwrap();
    let running = Running::start(&authority).await;
    let host = running.idp.issuer();
    let [a, b] = ["a", "b"].map(|id| Key::new("RS256", id).unwrap());
    running.idp.at(KEYS_OF_A, set(&[of(&a, &host, A)]));
    running.idp.at(KEYS_OF_B, set(&[of(&b, &host, B)]));
    running.idp.at(ENDPOINTS[0], exchange(a.clone()));
    running.idp.at(ENDPOINTS[1], Does::Hangs);
    // Four places: one for each, and two for anybody.
    let limits = "[limits]\nexchanges_in_flight = 4\nidp_timeout_ms = 1500\n";
    let config = configuration(&host, &[A, B]) + limits;
    let world = World::start_configured(&authority, running, |_| config).await;
    let world = Arc::new(world);
    let token = |key: &Key, tenant: &str, person: &str| {
        let mut claims = claims(&host, tenant, SERVER);
        claims["oid"] = json!(person);
        key.sign(&claims).unwrap()
    };
    let hung: Vec<_> = (0..3)
        .map(|number| {
            let token = token(&b, B, &format!("hung-{number}"));
            tokio::spawn(world.request(&token).send())
        })
        .collect();
    eventually("three that hang", SOON, || async {
        ensure!(world.running.calls(ENDPOINTS[1]) == 3);
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(world.exchange(&token(&b, B, "one-more")).await, refused(503, "overloaded"));
    assert_eq!(world.exchange(&token(&a, A, &"0".repeat(36))).await, granted());
    for request in hung {
        let (seen, _) = outcome(request.await.unwrap().unwrap()).await;
        assert_eq!(seen, refused(503, "idp_unavailable"));
    }
    // Two more, and B is given up; A is not.
    for number in 3..5 {
        let token = token(&b, B, &format!("hung-{number}"));
        assert_eq!(world.exchange(&token).await, refused(503, "idp_unavailable"));
    }
    let begun = Instant::now();
    assert_eq!(world.exchange(&token(&b, B, "late")).await, refused(503, "idp_unavailable"));
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert_eq!(world.exchange(&token(&a, A, &"0".repeat(36))).await, granted());
}
