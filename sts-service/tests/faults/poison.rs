//! One account over which the provider breaks, or two, whose clients ask without a pause: that is not everybody else's
//! outage, also not when one has just ended.

use std::time::{Duration, Instant};

use anyhow::ensure;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::idp::claims_of;
use obolus_tests::fixtures::recorder::Recorded;
use serde_json::json;

use crate::idp::{Does, form};
use crate::world::{World, granted, refused};

const STATE: &str = "obolus_sts_circuit_state";
const LONG: Duration = Duration::from_secs(60);

/// Whose token is to be exchanged.
fn subject(request: &Recorded) -> String {
    let claims = claims_of(&form(request)["subject_token"]).unwrap();
    claims["sub"].as_str().unwrap().to_owned()
}

/// Breaks over whom it is named so, and is honest to everybody else.
fn breaks_over_poison() -> Does {
    Does::answers(|idp, request| {
        if subject(request).starts_with("poison") {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        idp.exchange(request, &json!({}), &json!({}))
    })
}

/// Too little time for second attempts.
async fn start() -> World {
    World::start_with(|_| {}, "idp_timeout_ms = 1200").await
}

/// Asks with these people's tokens and never stops.
async fn hammer(world: &World, who: &[&str]) {
    let tokens: Vec<_> = who.iter().map(|who| world.idp().token(who)).collect();
    loop {
        for token in &tokens {
            assert_eq!(world.exchange(token).await, refused(503, "idp_unavailable"));
        }
    }
}

/// What `others` see while four clients do that.
async fn meanwhile(world: &World, who: &[&str], others: impl Future<Output = ()>) {
    let all = async { tokio::join!(hammer(world, who), hammer(world, who), hammer(world, who)) };
    tokio::select! {
        _ = all => unreachable!(),
        () = others => {}
    }
}

#[tokio::test]
async fn two_accounts_over_which_the_provider_breaks_shut_nobody_out() {
    let world = start().await;
    world.idp().at("/token", breaks_over_poison());
    meanwhile(&world, &["poison-1", "poison-2"], async {
        let begun = Instant::now();
        let mut served = 0;
        // Now and then, so that theirs are many in a row.
        while served < 20 || begun.elapsed() < Duration::from_secs(5) {
            served += 1;
            assert_eq!(world.exchange_for(&format!("person-{served}")).await, granted());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    })
    .await;
    assert_eq!(world.metric("obolus_sts_circuit_openings_total").await, 0);
    // The control: three people more, and it is the provider's.
    world.idp().at("/token", Does::json(500, json!({})));
    for number in 0..5 {
        let seen = world.exchange_for(&format!("cold-{number}")).await;
        assert_eq!(seen, refused(503, "idp_unavailable"));
    }
    assert_ne!(world.metric(STATE).await, 0);
}

#[tokio::test]
async fn an_outage_that_is_over_is_not_prolonged_by_two_accounts_over_which_the_provider_breaks() {
    for who in [&["poison-1"][..], &["poison-1", "poison-2"]] {
        let world = start().await;
        world.idp().at("/token", Does::json(500, json!({})));
        for number in 0..8 {
            let seen = world.exchange_for(&format!("outage-{number}")).await;
            assert_eq!(seen, refused(503, "idp_unavailable"));
        }
        assert_ne!(world.metric(STATE).await, 0, "the control: given up");
        world.idp().at("/token", breaks_over_poison());
        // Until they have been the probe.
        let before = world.running.calls("/token");
        meanwhile(&world, who, async {
            eventually("their probes", LONG, || async {
                let probes = world.running.calls("/token") - before;
                ensure!(probes >= who.len(), "{probes}");
                Ok(())
            })
            .await
            .unwrap();
            // One who asks every second, as a client does that is told to.
            eventually("somebody else's turn", LONG, || async {
                let seen = world.exchange_for("victim").await;
                tokio::time::sleep(Duration::from_millis(500)).await;
                ensure!(seen == granted(), "{seen:?}");
                Ok(())
            })
            .await
            .unwrap();
            let asked = world.running.recorder.requests();
            let asked = asked.iter().filter(|request| request.uri.path() == "/token").skip(before);
            let theirs = asked.take_while(|request| subject(request) != "victim").count();
            assert!(theirs <= who.len() + 1, "{theirs} before anybody else's turn");
            for number in 0..10 {
                assert_eq!(world.exchange_for(&format!("person-{number}")).await, granted());
            }
        })
        .await;
    }
}
