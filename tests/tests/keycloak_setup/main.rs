#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a story that cannot go on should say so loudly"
)]
//! `obolus-sts setup keycloak` in realms as Keycloak makes them: a person's login with the clients that it made, the
//! exchange by the STS that it made, nothing to do the second time, and what was broken mended beside what is none of ours;
//! and `docs/keycloak.md`, each command of it.
//!
//! One Keycloak for all stories, and a realm for each. A browser without scripts signs in: the login page of a real one, and
//! the whole way through the gateway, is `login`'s.

mod broken;
mod guide;
mod logins;
mod refusals;
mod registered;
mod registration;
mod world;

use world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_realm_is_set_up_mended_and_left_alone() {
    let world = World::start().await.unwrap();
    logins::a_fresh_realm_is_set_up_once_and_people_sign_in(&world).await;
    logins::the_configuration_of_the_sts_says_it_all(&world).await;
    registration::clients_register_themselves_only_when_they_are_let(&world).await;
    broken::what_is_ours_is_mended_and_what_is_not_is_told(&world).await;
    registration::what_opens_it_too_far_is_mended(&world).await;
    guide::each_command_of_it_does_what_it_says(&world).await;
    guide::the_realm_file_is_what_set_up_makes(&world).await;
    guide::the_texts_of_its_table_are_keycloaks(&world).await;
    refusals::each_says_what_is_lacking_and_changes_nothing(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_more_than_a_persons_login() {
    let world = World::start().await.unwrap();
    registered::clients_are_public_ones_for_a_persons_login(&world).await;
    registration::nobody_brings_mappers(&world).await;
    refusals::what_is_somebody_elses_is_not_made_ours(&world).await;
}
