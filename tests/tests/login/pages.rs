//! Pages of other origins: one that is listed logs its person in and calls; any other cannot, whatever it holds.

use anyhow::Result;
use obolus_tests::fixtures::browser::Ended;
use obolus_tests::fixtures::stack::Provider;
use serde_json::{Value, json};

use crate::page::{logs_in, tries_doors};
use crate::proof::{self, Proof, permits};
use crate::world::{World, world};

#[tokio::test]
async fn a_page_of_a_listed_origin_logs_its_person_in_and_calls() {
    let world = world().await;
    for &provider in world.stack.providers() {
        let _turn = world.turn(provider).await;
        let id = world.client_id(provider);
        let seen = logs_in(world, &world.site, provider, Some(&id), "alice").await.unwrap();
        assert_eq!(seen.ended, Ended::Outcome, "{seen:#?}");
        let outcome = seen.outcome.as_ref().unwrap();
        let steps = outcome["steps"].as_array().unwrap();
        let said: Vec<_> = steps
            .iter()
            .map(|step| (step["step"].as_str().unwrap(), step["status"].as_u64().unwrap()))
            .collect();
        assert_eq!(
            said,
            [
                ("challenge", 401),
                ("metadata of the resource", 200),
                ("metadata of the issuer", 200),
                ("token", 200),
                ("call", 200)
            ],
            "{outcome}"
        );
        let username = world.stack.username(provider, "alice");
        assert_eq!(outcome["result"]["structuredContent"]["username"], *username, "{outcome}");
        let proof = Proof::of(world, &outcome["result"]).await.unwrap();
        assert_eq!(proof.username(), username);

        // No page is ever told to send cookies along, by anything that is ours.
        let ours: Vec<_> = seen
            .answers
            .iter()
            .filter(|answer| answer.at.starts_with(&world.origin(provider)))
            .collect();
        assert!(ours.iter().any(|answer| answer.status == 401), "{ours:#?}");
        for answer in ours {
            assert!(!answer.cors.contains_key("access-control-allow-credentials"), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn a_page_of_another_origin_gets_through_no_door_and_calls_nothing() {
    let world = world().await;
    for &provider in world.stack.providers() {
        let _turn = world.turn(provider).await;
        let called = permits(world, provider).await.unwrap();
        let doors = tries_doors(world, &world.other_site, provider, false).await.unwrap();
        assert_eq!(doors, refused(), "{provider:?}");
        // Its person does not even get to a page where to sign in, or comes back to a page that cannot go on.
        let id = world.client_id(provider);
        let seen = logs_in(world, &world.other_site, provider, Some(&id), "alice").await.unwrap();
        assert_eq!(seen.kinds(), ["outcome"], "{seen:#?}");
        assert!(seen.outcome.unwrap()["failed"].as_str().unwrap().contains("Failed to fetch"));
        nothing_was_called(world, provider, called).await.unwrap();

        // The same doors, tried from the origin that is listed.
        let doors = tries_doors(world, &world.site, provider, false).await.unwrap();
        assert_eq!(doors, admitted(), "{provider:?}");
        assert_eq!(permits(world, provider).await.unwrap(), called + 3);
    }
}

#[tokio::test]
async fn a_page_without_an_origin_gets_through_no_door_and_calls_nothing() {
    let world = world().await;
    for &provider in world.stack.providers() {
        let _turn = world.turn(provider).await;
        let called = permits(world, provider).await.unwrap();
        // Within a page of the listed origin, but in a sandbox: `Origin: null`.
        let doors = tries_doors(world, &world.site, provider, true).await.unwrap();
        assert_eq!(doors, refused(), "{provider:?}");
        nothing_was_called(world, provider, called).await.unwrap();
    }
}

/// The filter's records say that it was asked, by pages that may not, and let nothing through but our own call.
async fn nothing_was_called(world: &World, provider: Provider, before: usize) -> Result<()> {
    proof::refused(world, provider, "origin_refused").await?;
    assert_eq!(permits(world, provider).await?, before + 1);
    Ok(())
}

fn refused() -> Value {
    json!({
        "a call": "blocked",
        "a call with a token": "blocked",
        // It arrives, and is refused; the page is not even told so.
        "a call that asks nobody": "opaque",
        "a call with cookies": "blocked",
        // These tell nothing that a challenge would not.
        "metadata of the resource": 200,
        "metadata of the issuer": 200,
        "token": "blocked",
        "registration": "blocked",
    })
}

fn admitted() -> Value {
    json!({
        "a call": 401,
        "a call with a token": 200,
        "a call that asks nobody": "opaque",
        // Its answer does not say `Allow-Credentials`.
        "a call with cookies": "blocked",
        "metadata of the resource": 200,
        "metadata of the issuer": 200,
        // A code that is nobody's.
        "token": 400,
        "registration": 201,
    })
}
