//! What becomes of people's requests while Keycloak is away, changes its keys, signs people out and disables
//! them: a real Keycloak, the real STS and gateway, and a recorder where the MCP server would be.
//!
//! One Keycloak for all stories, told one after the other: each changes what the others see, and it takes longer
//! to start than they take together.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a story that meets something unexpected ends there"
)]

mod away;
mod keys;
mod people;
mod world;

#[tokio::test(flavor = "multi_thread")]
async fn keycloak_is_away_and_comes_changes_its_keys_and_disables_people() {
    let world = away::at_the_start_and_found_when_it_comes().await;
    keys::a_new_key_is_followed_and_a_removed_one_counts_no_more(&world).await;
    people::who_signed_out_is_asked_to_sign_in_again(&world).await;
    people::who_was_disabled_is_refused_and_nobody_else(&world).await;
    people::a_disabled_client_is_told_from_a_person_who_may_not(&world).await;
}
