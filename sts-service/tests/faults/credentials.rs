//! Secrets that are replaced while the STS runs.

use anyhow::ensure;
use obolus_tests::deadline::eventually;

use crate::world::{CREDENTIAL, SOON, World, granted, outcome, refused};

#[tokio::test]
async fn a_callers_new_credential_counts_at_once_and_the_old_one_no_longer() {
    let world = World::start().await;
    let alice = world.idp().token("alice");
    assert_eq!(world.exchange(&alice).await, granted());
    let new = "another-credential-of-the-gateway";
    std::fs::write(world.path().join("credential"), new).unwrap();
    assert_eq!(world.exchange(&alice).await, refused(401, "caller_unauthenticated"));
    let ask = async |credential| {
        outcome(world.request_as(credential, &alice, "kubernetes", None).send().await.unwrap())
            .await
            .0
    };
    assert_eq!(ask(new).await, granted());
    for useless in ["", "short"] {
        std::fs::write(world.path().join("credential"), useless).unwrap();
        for credential in [useless, new, CREDENTIAL] {
            assert_eq!(ask(credential).await, refused(401, "caller_unauthenticated"));
        }
    }
}

#[tokio::test]
async fn our_own_new_secret_is_used_and_what_the_old_one_got_is_not() {
    let world = World::start().await;
    let alice = world.idp().token("alice");
    assert_eq!(world.exchange(&alice).await, granted());
    world.idp().wants_secret("another-secret");
    // From memory; whatever is asked for now is refused.
    assert_eq!(world.exchange(&alice).await, granted());
    assert_eq!(world.exchange_for("bob").await, refused(500, "exchange_misconfigured"));
    std::fs::write(world.path().join("secret"), "another-secret").unwrap();
    let before = world.running.calls("/token");
    eventually("the new secret", SOON, || async {
        let seen = world.exchange(&alice).await;
        ensure!(seen == granted() && world.running.calls("/token") > before, "{seen:?}");
        Ok(())
    })
    .await
    .unwrap();
    assert_eq!(world.exchange_for("bob").await, granted());
    // A file that is being written keeps nobody waiting.
    std::fs::write(world.path().join("secret"), "").unwrap();
    assert_eq!(world.exchange_for("carol").await, granted());
}
