//! The configuration file, replaced while the STS runs: callers and targets are taken whole, a file with a problem not
//! at all, and what needs a restart is said.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::entra::{CLUSTER, Style};

use crate::replaced::{BOTH, State};
use crate::world::{Outcome, World, granted, refused, target};

const SOON: Duration = Duration::from_secs(15);
const FILE: &str = "sts.toml";
const RESTART: &str = "obolus_sts_configuration_needs_restart";

async fn comes_to(world: &World, name: &str, wanted: Outcome) {
    let token = world.token("alice").await;
    eventually(&format!("{name}: {wanted:?}"), SOON, || async {
        let seen = world.exchange(&token, name).await;
        ensure!(seen == wanted, "{seen:?}");
        Ok(())
    })
    .await
    .with_context(|| world.sts.log())
    .unwrap();
}

async fn says(world: &World, text: &str) {
    eventually(text, SOON, || async {
        ensure!(world.sts.log().contains(text), "{}", world.sts.log());
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_and_grants_come_and_go_and_a_bad_file_changes_nothing() {
    let world = World::start().await.unwrap();
    let (old, new) = (Style::SecretPost.name(), "second");
    let first = std::fs::read_to_string(world.file(FILE)).unwrap();
    let more = first.clone() + &world.configured(&target(new, CLUSTER));
    for how in BOTH {
        comes_to(&world, new, refused(400, "target_unknown")).await;
        // Two problems, and something good beside them that must not count.
        let bad = more.replacen("provider = \"entra\"", "provider = \"entra-id\"", 1).replacen(
            "[[callers]]",
            "[[callers]]\nsecret_files = []",
            1,
        );
        world.replace(how, FILE, &bad);
        world.stands("configuration", "", State::LastGood).await;
        says(&world, "callers[0].secret_files").await;
        says(&world, "targets[0].provider").await;
        comes_to(&world, new, refused(400, "target_unknown")).await;
        comes_to(&world, old, granted()).await;
        world.replace(how, FILE, &more);
        comes_to(&world, new, granted()).await;
        world.stands("configuration", "", State::Current).await;
        // A grant that is gone counts for what is remembered, too.
        let ungranted =
            more.replace(&format!("targets = [\"{new}\"]"), &format!("targets = [\"{old}\"]"));
        world.replace(how, FILE, &ungranted);
        comes_to(&world, new, refused(403, "target_not_granted")).await;
        comes_to(&world, old, granted()).await;
        world.replace(how, FILE, &first);
    }
    assert_eq!(world.measured(RESTART).await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_a_restart_is_said_and_the_rest_counts_unless_the_issuers_are_others() {
    let world = World::start().await.unwrap();
    let new = "second";
    let first = std::fs::read_to_string(world.file(FILE)).unwrap();
    let more = first.clone() + &world.configured(&target(new, CLUSTER));
    let other_issuers = more.replace("keys_refresh_seconds = 1", "keys_refresh_seconds = 2");
    assert_ne!(other_issuers, more);
    world.replace(BOTH[0], FILE, &other_issuers);
    says(&world, "\"needs_restart\":\"issuers\"").await;
    comes_to(&world, new, refused(400, "target_unknown")).await;
    assert_eq!(world.measured(RESTART).await, Some(1));
    world.replace(BOTH[0], FILE, &(more.clone() + "\n[limits]\ncached_tokens = 7\n"));
    says(&world, "\"needs_restart\":\"limits\"").await;
    comes_to(&world, new, granted()).await;
    assert_eq!(world.measured(RESTART).await, Some(1));
    world.replace(BOTH[0], FILE, &more);
    eventually("nothing waits for a restart", SOON, || async {
        ensure!(world.measured(RESTART).await == Some(0));
        Ok(())
    })
    .await
    .unwrap();
    comes_to(&world, new, granted()).await;
}
