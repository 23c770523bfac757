//! Secrets that are replaced while the STS runs.

use std::path::Path;

use anyhow::ensure;
use obolus_tests::deadline::eventually;
use obolus_tests::pki::Authority;

use crate::idp::Running;
use crate::world::{CREDENTIAL, Outcome, SOON, World, configuration, granted, outcome, refused};

#[tokio::test]
async fn a_callers_new_credential_counts_at_once_and_the_old_one_soon_no_longer() {
    let world = World::start().await;
    let alice = world.idp().token("alice");
    assert_eq!(world.exchange(&alice).await, granted());
    let new = "another-credential-of-the-gateway";
    std::fs::write(world.path().join("credential"), new).unwrap();
    assert_eq!(ask(&world, new, &alice).await, granted());
    assert_eq!(world.exchange(&alice).await, refused(401, "caller_unauthenticated"));
    for useless in ["", "short"] {
        std::fs::write(world.path().join("credential"), useless).unwrap();
        comes_in_no_more(&world, new, &alice).await;
        for credential in [useless, CREDENTIAL] {
            let answer = ask(&world, credential, &alice).await;
            assert_eq!(answer, refused(401, "caller_unauthenticated"));
        }
    }
}

async fn ask(world: &World, credential: &str, token: &str) -> Outcome {
    let request = world.request_as(credential, token, "kubernetes", None);
    outcome(request.send().await.unwrap()).await.0
}

async fn comes_in_no_more(world: &World, credential: &str, token: &str) {
    eventually("the end of a credential", SOON, || async {
        let answer = ask(world, credential, token).await;
        ensure!(answer == refused(401, "caller_unauthenticated"), "{answer:?}");
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_credential_that_is_withdrawn_raises_the_metric_only_when_nobody_can_come_in() {
    const STATE: &str = "obolus_sts_material_state{kind=\"caller_credential\"";
    const BROKEN: &str = "obolus_sts_material_broken_seconds{kind=\"caller_credential\"";
    let authority = Authority::new("withdrawn").unwrap();
    let running = Running::start(&authority).await;
    let two = configuration(&running.idp.issuer(), "")
        .replace("[\"credential\"]", "[\"credential\", \"next\"]");
    let write = |folder: &Path| std::fs::write(folder.join("next"), "").unwrap();
    let world = World::start_configured(&authority, running, |folder| {
        write(folder);
        two
    })
    .await;
    let alice = world.idp().token("alice");
    assert_eq!(world.exchange(&alice).await, granted());
    assert_eq!((world.metric(STATE).await, world.metric(BROKEN).await), (0, 0));
    // The next one comes, and the old one goes.
    let next = "another-credential-of-the-gateway";
    std::fs::write(world.path().join("next"), next).unwrap();
    std::fs::remove_file(world.path().join("credential")).unwrap();
    assert_eq!(ask(&world, next, &alice).await, granted());
    comes_in_no_more(&world, CREDENTIAL, &alice).await;
    assert_eq!((world.metric(STATE).await, world.metric(BROKEN).await), (0, 0));
    // Nobody is left.
    write(world.path());
    comes_in_no_more(&world, next, &alice).await;
    assert_eq!(world.metric(STATE).await, 4);
}

#[tokio::test]
async fn our_own_new_secret_is_used_for_all_and_nobody_who_is_warm_waits_or_fails_for_it() {
    let world = World::start().await;
    let alice = world.idp().token("alice");
    assert_eq!(world.exchange(&alice).await, granted());
    world.idp().wants_secret("another-secret");
    // From memory; whatever is asked for now is refused.
    assert_eq!(world.exchange(&alice).await, granted());
    assert_eq!(world.exchange_for("bob").await, refused(500, "exchange_misconfigured"));
    // One that is wrong: asked with for her, too, and to no harm of hers.
    let renewed = async |outcome: &str| {
        let line =
            format!("obolus_sts_refreshes_total{{target=\"kubernetes\",outcome=\"{outcome}\"}}");
        eventually("a token by the new secret", SOON * 3, || async {
            assert_eq!(world.exchange(&alice).await, granted());
            ensure!(world.metric(&line).await > 0);
            Ok(())
        })
        .await
        .unwrap();
    };
    std::fs::write(world.path().join("secret"), "a-wrong-secret").unwrap();
    renewed("failed").await;
    assert_eq!(world.exchange_for("bob").await, refused(500, "exchange_misconfigured"));
    std::fs::write(world.path().join("secret"), "another-secret").unwrap();
    renewed("renewed").await;
    assert_eq!(world.exchange_for("bob").await, granted());
    // A file that is being written keeps nobody waiting.
    std::fs::write(world.path().join("secret"), "").unwrap();
    assert_eq!(world.exchange_for("carol").await, granted());
}
