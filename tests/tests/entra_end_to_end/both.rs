//! People of Keycloak and of Entra at once: neither reaches what is the other's.

use obolus_tests::fixtures::entra;
use obolus_tests::fixtures::idp::claims_of;
use obolus_tests::fixtures::mcp_client::McpClient;
use obolus_tests::fixtures::stack::Provider::{self, Entra, Keycloak};
use obolus_tests::fixtures::sts::CALLER;
use obolus_tests::https;
use serde_json::{Value, json};

use crate::doors::{self, KEYCLOAK, RECORDED};
use crate::world::{self, World, forwarded};

const CALLS: usize = 24;

#[tokio::test]
async fn people_of_both_call_at_once_and_each_is_who_they_are() {
    let world = world::turn().await;
    let stack = &world.stack;
    let mut callers = Vec::new();
    for provider in [Keycloak, Entra] {
        for person in ["alice", "bob"] {
            let client = stack.client_of(provider, person).await.unwrap();
            callers.push((client, stack.username(provider, person)));
        }
    }
    for round in ["cold", "warm"] {
        let mut calls = tokio::task::JoinSet::new();
        for number in 0..CALLS {
            let (client, username): (McpClient, _) = callers[number % callers.len()].clone();
            calls.spawn(async move { (client.call("whoami", json!({})).await.unwrap(), username) });
        }
        while let Some(call) = calls.join_next().await {
            let (who, username) = call.unwrap();
            assert_eq!(who.status, 200, "{round} {username}: {}", who.body);
            assert_eq!(who.body["result"]["structuredContent"]["username"], username, "{round}");
        }
    }
}

#[tokio::test]
async fn a_token_of_one_issuer_opens_no_door_of_the_other_cold_or_warm() {
    let world = world::turn().await;
    let of_keycloak = world.stack.token_of(Keycloak, "alice").await.unwrap();
    let of_entra = world.token("alice").await;
    let asked = world.asked().len();
    for round in ["cold", "warm"] {
        for (door, token) in [(RECORDED, &of_keycloak), (KEYCLOAK, &of_entra)] {
            let answer = world.call(door, token).await;
            assert_eq!(answer.verdict(), (401, "issuer_unknown"), "{round} {door}");
            let challenge = answer.header("www-authenticate");
            assert!(challenge.contains(&doors::host(door)), "{challenge}");
        }
        assert!(world.recorder.take().is_empty(), "{round}");
        for (door, token, issuer) in [
            (RECORDED, &of_entra, world.stack.issuer(Entra)),
            (KEYCLOAK, &of_keycloak, world.stack.issuer(Keycloak)),
        ] {
            let answer = world.call(door, token).await;
            assert_eq!(answer.status, 200, "{round} {door}: {}", answer.body);
            let arrived = world.recorder.take();
            assert_eq!(arrived.len(), 1, "{round} {door}");
            assert_eq!(claims_of(forwarded(&arrived[0])).unwrap()["iss"], issuer, "{round}");
        }
    }
    assert_eq!(world.asked().len(), asked + 1);
}

/// At the gateway that both came with, too, where each is at home under the other's host name.
#[tokio::test]
async fn at_one_gateway_each_has_their_own_resource() {
    let world = world::turn().await;
    for (own, other) in [(Keycloak, Entra), (Entra, Keycloak)] {
        let token = world.stack.token_of(own, "bob").await.unwrap();
        let ask = async |provider: Provider| {
            let url = world.stack.resource_of(provider);
            let client = McpClient::new(&url, Some(&token)).unwrap();
            client.call("whoami", json!({})).await.unwrap()
        };
        for round in ["cold", "warm"] {
            let elsewhere = ask(other).await;
            assert_eq!(elsewhere.status, 401, "{round}: {}", elsewhere.body);
            assert_eq!(elsewhere.refusal()["reason"], "issuer_unknown", "{round}");
            let at_home = ask(own).await;
            let username = &at_home.result().unwrap()["structuredContent"]["username"];
            assert_eq!(*username, world.stack.username(own, "bob"), "{round}");
        }
    }
}

#[tokio::test]
async fn the_sts_exchanges_no_issuers_token_for_the_others_target() {
    let world = world::turn().await;
    let of_keycloak = world.stack.token_of(Keycloak, "alice").await.unwrap();
    let of_entra = world.token("alice").await;
    let asked = world.asked().len();
    for round in ["cold", "warm"] {
        for (token, target) in [(&of_keycloak, entra::TARGET), (&of_entra, "kubernetes")] {
            let (status, body) = exchange(&world, token, target).await;
            assert_eq!((status, &body["reason"]), (403, &json!("target_not_granted")), "{round}");
        }
        for (token, target, issuer) in [
            (&of_keycloak, "kubernetes", world.stack.issuer(Keycloak)),
            (&of_entra, entra::TARGET, world.stack.issuer(Entra)),
        ] {
            let (status, body) = exchange(&world, token, target).await;
            assert_eq!(status, 200, "{round} {target}: {body}");
            let claims = claims_of(body["access_token"].as_str().unwrap()).unwrap();
            assert_eq!(claims["iss"], issuer, "{round} {target}");
        }
    }
    assert_eq!(world.asked().len(), asked + 1);
}

/// An exchange as the gateway asks for it.
async fn exchange(world: &World, token: &str, target: &str) -> (u16, Value) {
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("audience", target),
        ("subject_token", token),
    ];
    let http = https::client(&world.stack.authority.pem()).unwrap();
    let request = http.post(format!("{}/exchange", world.stack.sts.url())).form(&form);
    let request = request.basic_auth(CALLER, Some(world.stack.credential()));
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}
