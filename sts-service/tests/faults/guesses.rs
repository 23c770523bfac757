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

/// New ones, until they are not told any more that they are wrong.
async fn guess(world: &World, client: &Client) -> usize {
    let mut wrong = 0;
    while ask(world, client, &format!("wrong-{wrong}")).await
        == refused(401, "caller_unauthenticated")
    {
        wrong += 1;
        assert!(wrong < 100, "never limited");
    }
    wrong
}

/// Behind a sidecar all gateways have one address.
#[tokio::test]
async fn one_gateway_with_an_old_credential_hinders_no_other_of_the_same_address() {
    let world = World::start().await;
    let [old, other] = [0, 0].map(|keeps| client(&world, keeps));
    for number in 0..60 {
        let seen = ask(&world, &old, "an-old-credential-of-the-gateways").await;
        assert_eq!(seen, refused(401, "caller_unauthenticated"), "{number}: it has to see it");
    }
    assert_eq!(world.metric("obolus_sts_callers_limited_total").await, 0);
    assert_eq!(ask(&world, &other, CREDENTIAL).await, granted());
}

#[tokio::test]
async fn who_guesses_is_told_to_come_back_later_and_who_is_right_is_not() {
    let world = World::start().await;
    let [gateway, stranger] = [1, 0].map(|keeps| client(&world, keeps));
    assert_eq!(ask(&world, &gateway, CREDENTIAL).await, granted());
    assert!(guess(&world, &stranger).await >= 20);
    // Of the same address, on a connection of its own: nothing is known of it but that it is right.
    assert_eq!(ask(&world, &stranger, CREDENTIAL).await, granted());
    assert_eq!(ask(&world, &gateway, CREDENTIAL).await, granted());
    // Without a credential nothing is guessed.
    let bare = world.http.post(world.url("/exchange")).send().await.unwrap();
    assert_eq!(outcome(bare).await.0, refused(401, "caller_unauthenticated"));
    assert!(world.metric("obolus_sts_callers_limited_total").await >= 1);
}

#[tokio::test]
async fn a_known_connection_that_turns_to_guessing_is_limited_as_others_are() {
    let world = World::start().await;
    let gateway = client(&world, 1);
    assert_eq!(ask(&world, &gateway, CREDENTIAL).await, granted());
    assert!(guess(&world, &gateway).await >= 20);
}
