//! People who sign out, and people and clients that are disabled.

use crate::world::{Told, World};

const SIGN_IN_AGAIN: (u16, &str) = (401, "subject_token_refused");
/// The operator's fault, and told as such: nobody is sent to sign in again for it.
const OUR_FAULT: (u16, &str) = (500, "exchange_misconfigured");

fn is_sent_to_sign_in(told: &Told) -> bool {
    let parts = ["resource_metadata=", r#"scope="mcp:tools""#, r#"error="invalid_token""#];
    parts.iter().all(|part| told.challenge.contains(part))
}

pub(crate) async fn who_signed_out_is_asked_to_sign_in_again(world: &World) {
    let (exchanged, fresh) = (world.token("alice").await, world.token("alice").await);
    let bobs = world.token("bob").await;
    world.passes(&exchanged).await;

    world.keycloak.admin().log_out("alice").await.unwrap();
    for _ in 0..2 {
        let told = world.is_refused(&fresh, SIGN_IN_AGAIN).await;
        assert!(is_sent_to_sign_in(&told), "{told:?}");
    }
    world.passes(&bobs).await;
    // What was exchanged before is good until it runs out: its signature is all that is looked at from then on,
    // here as in the API server.
    world.passes(&exchanged).await;
    let again = world.token("alice").await;
    world.passes(&again).await;
}

pub(crate) async fn who_was_disabled_is_refused_and_nobody_else(world: &World) {
    let admin = world.keycloak.admin();
    let (bobs, alices) = (world.token("bob").await, world.token("alice").await);
    admin.set_user_enabled("bob", false).await.unwrap();
    let told = world.is_refused(&bobs, SIGN_IN_AGAIN).await;
    assert!(is_sent_to_sign_in(&told), "{told:?}");
    world.passes(&alices).await;

    admin.set_user_enabled("bob", true).await.unwrap();
    let again = world.token("bob").await;
    world.passes(&again).await;
}

pub(crate) async fn a_disabled_client_is_told_from_a_person_who_may_not(world: &World) {
    let admin = world.keycloak.admin();
    for (client, verdict) in
        [("mcp-client", SIGN_IN_AGAIN), ("obolus-sts", OUR_FAULT), ("kubernetes", OUR_FAULT)]
    {
        let (refused, later) = (world.token("alice").await, world.token("bob").await);
        admin.set_client_enabled(client, false).await.unwrap();
        for _ in 0..2 {
            let told = world.is_refused(&refused, verdict).await;
            assert_eq!(is_sent_to_sign_in(&told), verdict == SIGN_IN_AGAIN, "{client}: {told:?}");
        }
        admin.set_client_enabled(client, true).await.unwrap();
        world.passes(&later).await;
    }
}
