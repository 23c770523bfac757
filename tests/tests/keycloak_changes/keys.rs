//! The administrator adds a key, and takes the old one away.

use std::time::{Duration, Instant};

use anyhow::ensure;
use obolus_tests::deadline::{eventually, hopeless};
use obolus_tests::fixtures::keycloak::header;

use crate::world::{REFRESH_SECONDS, World};

const FOLLOWED_WITHIN: Duration = Duration::from_secs(5);
/// What is stated: one refresh of the STS and one of the filter, and two seconds for the fetches themselves.
const REMOVED_WITHIN: Duration = Duration::from_secs(2 * REFRESH_SECONDS + 2);

fn key_of(token: &str) -> String {
    header(token).unwrap()["kid"].as_str().unwrap().to_owned()
}

pub(crate) async fn a_new_key_is_followed_and_a_removed_one_counts_no_more(world: &World) {
    let admin = world.keycloak.admin();
    let warm = world.token("alice").await;
    let unseen = [world.token("alice").await, world.token("bob").await];
    world.passes(&warm).await;

    admin.add_key("RS256", 200).await.unwrap();
    let new = world.token("bob").await;
    assert_ne!(key_of(&new), key_of(&warm));
    let since = Instant::now();
    // It waits for the key instead of being refused.
    world.passes(&new).await;
    let followed = since.elapsed();
    println!("the first token of the new key passed after {followed:.1?}");
    assert!(followed < FOLLOWED_WITHIN, "{followed:?}");
    world.passes(&warm).await;
    world.passes(&unseen[0]).await;

    let keys = admin.keys("RS256").await.unwrap();
    let old = keys.iter().find(|key| key.kid == key_of(&warm)).expect("the old key");
    admin.remove_key(&old.provider_id).await.unwrap();
    let since = Instant::now();
    eventually("the old key's end", REMOVED_WITHIN, || async {
        let told = world.call(Some(&warm)).await;
        if !matches!(told.verdict(), (200, _) | (401, "key_unknown")) {
            return Err(hopeless(format!("{told:?}")));
        }
        ensure!(told.status == 401, "it counts still");
        Ok(())
    })
    .await
    .unwrap();
    println!("tokens of the removed key were refused after {:.1?}", since.elapsed());
    for token in [&warm, &unseen[0], &unseen[1]] {
        let told = world.is_refused(token, (401, "key_unknown")).await;
        assert!(told.challenge.contains(r#"error="invalid_token""#), "{told:?}");
        world.passes(&new).await;
    }
}
