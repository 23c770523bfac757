//! How the program leaves: told to others first, and no request lost.

use std::time::Duration;

use anyhow::{Result, ensure};
use obolus_tests::deadline::eventually;
use obolus_tests::https;
use reqwest::Response;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::idp::Does;
use crate::world::{World, granted, outcome};

const SOON: Duration = Duration::from_secs(30);

/// Status and body of `/readyz`.
async fn ready(world: &World) -> Result<(u16, Value)> {
    let answer = https::plain_client()?.get(world.operations("/readyz")).send().await?;
    Ok((answer.status().as_u16(), answer.json().await?))
}

/// A client that has no connection yet.
fn newcomer(world: &World) -> reqwest::Client {
    let authority = std::fs::read_to_string(world.path().join("authority.crt")).unwrap();
    https::client(&authority).unwrap()
}

#[tokio::test]
async fn who_is_to_end_says_so_first_then_takes_nobody_and_answers_who_is_there() {
    let mut world = World::start_with(|_| {}, "idp_timeout_ms = 30000").await;
    world.has_keys().await;
    assert_eq!(ready(&world).await.unwrap().0, 200);
    let sts = world.sts.take().unwrap();
    sts.leave();
    let (status, body) = ready(&world).await.unwrap();
    assert_eq!((status, &body["ending"]), (503, &true.into()));
    // Who has not heard of it yet is still served.
    let carol = world.request(&world.idp().token("carol")).build().unwrap();
    assert_eq!(outcome(newcomer(&world).execute(carol).await.unwrap()).await.0, granted());

    let alice = under_way(&world).await;
    let stopped = tokio::spawn(sts.stop());
    eventually("nobody else is taken", SOON, || async {
        ensure!(newcomer(&world).get(world.url("/keys/idp")).send().await.is_err());
        Ok(())
    })
    .await
    .unwrap();
    // The operations port is there for as long as somebody is.
    assert_eq!(ready(&world).await.unwrap().0, 503);
    world.idp().let_go(1);
    assert_eq!(outcome(alice.await.unwrap().unwrap()).await.0, granted());
    stopped.await.unwrap();
    assert!(ready(&world).await.is_err());
}

#[tokio::test]
async fn a_program_that_is_terminated_leaves_in_this_way_and_without_a_wait_when_it_is_asked_twice()
{
    for signals in [1, 2] {
        let (world, mut process) = World::start_program("idp_timeout_ms = 30000").await;
        let alice = under_way(&world).await;
        for _ in 0..signals {
            process.signal("TERM").unwrap();
            eventually("not ready", SOON, || async {
                let (status, body) = ready(&world).await?;
                ensure!(status == 503 && body["ending"] == true, "{status} {body}");
                Ok(())
            })
            .await
            .unwrap();
        }
        world.idp().let_go(1);
        assert_eq!(outcome(alice.await.unwrap().unwrap()).await.0, granted());
        assert_eq!(process.wait(SOON).unwrap(), 0, "{}", process.log());
        assert!(process.log().contains("no more requests are taken"));
    }
}

/// A request that waits for the identity provider.
async fn under_way(world: &World) -> JoinHandle<reqwest::Result<Response>> {
    world.idp().at("/token", Does::Waits);
    let before = world.running.calls("/token");
    let alice = world.request(&world.idp().token("alice")).build().unwrap();
    let alice = tokio::spawn(newcomer(world).execute(alice));
    eventually("a request under way", SOON, || async {
        ensure!(world.running.calls("/token") > before);
        Ok(())
    })
    .await
    .unwrap();
    alice
}
