//! Keycloak is not there when everything else starts.

use std::time::{Duration, Instant};

use anyhow::ensure;
use obolus_tests::deadline::{eventually, hopeless};
use obolus_tests::https;

use crate::world::{Before, World};

/// The STS tries again after at most five seconds, the filter after one; the rest is for a busy machine.
const FOUND_WITHIN: Duration = Duration::from_secs(5 + 1 + 9);

pub(crate) async fn at_the_start_and_found_when_it_comes() -> World {
    // There is no other way to have a token while Keycloak is away.
    let mut before = Before::new().await.unwrap();
    let token = before.keycloak.token("alice", "alice", "mcp:tools").await.unwrap();
    before.keycloak.stop().unwrap();

    let mut world = before.start().await.unwrap();
    let pids = (world.sts.pid(), world.gateway.envoy.pid());
    for _ in 0..3 {
        let told = world.is_refused(&token, (503, "keys_unavailable")).await;
        assert!(told.retry_after.is_some_and(|seconds| seconds > 0), "{told:?}");
        // Who brings no token learns where to get one all the same.
        let told = world.call(None).await;
        assert_eq!(told.verdict(), (401, "token_missing"));
        assert!(told.challenge.contains("resource_metadata="), "{told:?}");
    }
    assert_eq!(ready(&world).await, 503);

    world.keycloak.start_again().await.unwrap();
    let since = Instant::now();
    eventually("a call that passes", FOUND_WITHIN, || async {
        let told = world.call(Some(&token)).await;
        match told.verdict() {
            (200, _) => Ok(()),
            (503, "keys_unavailable") => anyhow::bail!("{told:?}"),
            _ => Err(hopeless(format!("{told:?}"))),
        }
    })
    .await
    .unwrap();
    println!("the first call passed {:.1?} after Keycloak's start", since.elapsed());
    assert_eq!(world.arrived(), ["\"alice\""]);
    eventually("the STS's readiness", FOUND_WITHIN, || async {
        ensure!(ready(&world).await == 200);
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!((world.sts.pid(), world.gateway.envoy.pid()), pids);
    world
}

async fn ready(world: &World) -> u16 {
    let url = format!("{}/readyz", world.sts.operations_url());
    https::plain_client().unwrap().get(url).send().await.unwrap().status().as_u16()
}
