//! Guessing a caller's credential.

use reqwest::Client;

use crate::world::{CREDENTIAL, Outcome, World, granted, outcome, refused};

/// A client that keeps its connection, as a gateway does, or has a new one for each request.
fn client(world: &World, keeps: usize) -> Client {
    let certificate = std::fs::read(world.path().join("authority.crt")).unwrap();
    let authority = reqwest::Certificate::from_pem(&certificate).unwrap();
    let builder = obolus_tests::https::builder().pool_max_idle_per_host(keeps);
    builder.tls_certs_only([authority]).build().unwrap()
}

async fn ask(world: &World, client: &Client, credential: &str) -> Outcome {
    let alice = world.idp().token("alice");
    let request = world.request_as(credential, &alice, "kubernetes", None).build().unwrap();
    outcome(client.execute(request).await.unwrap()).await.0
}

/// Until it is not looked at any more.
async fn guess(world: &World, client: &Client) -> usize {
    let mut wrong = 0;
    while ask(world, client, "wrong").await == refused(401, "caller_unauthenticated") {
        wrong += 1;
        assert!(wrong < 100, "never limited");
    }
    wrong
}

#[tokio::test]
async fn an_address_that_is_wrong_too_often_is_not_looked_at_but_on_connections_that_are_known() {
    let world = World::start().await;
    let [gateway, stranger] = [1, 0].map(|keeps| client(&world, keeps));
    assert_eq!(ask(&world, &gateway, CREDENTIAL).await, granted());
    assert!(guess(&world, &stranger).await >= 20);
    // Not even what is right is looked at, or it would tell. A guess is granted every second: it is used up before.
    let limited = refused(503, "overloaded");
    let mut seen = granted();
    for _ in 0..5 {
        guess(&world, &stranger).await;
        seen = ask(&world, &stranger, CREDENTIAL).await;
        if seen == limited {
            break;
        }
    }
    assert_eq!(seen, limited);
    assert_eq!(ask(&world, &gateway, CREDENTIAL).await, granted());
    // Without a credential nothing is guessed.
    let bare = world.http.post(world.url("/exchange")).send().await.unwrap();
    assert_eq!(outcome(bare).await.0, refused(401, "caller_unauthenticated"));
    assert!(world.metric("obolus_sts_callers_limited_total").await >= 1);
}

#[tokio::test]
async fn a_known_connection_that_turns_to_guessing_is_known_no_more() {
    let world = World::start().await;
    let gateway = client(&world, 1);
    assert_eq!(ask(&world, &gateway, CREDENTIAL).await, granted());
    assert!(guess(&world, &gateway).await >= 20);
}
