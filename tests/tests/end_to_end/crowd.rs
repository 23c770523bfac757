//! Two people at once, through the same connections, caches and workers.

use std::collections::BTreeSet;

use obolus_core::token::TokenDigest;
use obolus_tests::fixtures::keycloak::claims;
use obolus_tests::fixtures::mcp_client::{McpClient, Revision};
use serde_json::{Value, json};

use crate::stack;

const CALLS: usize = 50;

#[tokio::test]
async fn fifty_calls_at_once_are_answered_to_whoever_made_them() {
    let stack = stack().await;
    let mut tokens = Vec::new();
    for person in ["alice", "bob"] {
        tokens.push((person, stack.token(person).await.unwrap()));
    }
    // Cold, when all of a person's calls wait for one exchange, and warm.
    for round in ["cold", "warm"] {
        let mut calls = tokio::task::JoinSet::new();
        for number in 0..CALLS {
            let (person, token) = &tokens[number % 2];
            let client = McpClient::new(&stack.gateway.resource(), Some(token)).unwrap();
            let client = client.speaking(Revision::ALL[number % 3]);
            let person = *person;
            calls.spawn(async move {
                let who = client.call("whoami", json!({})).await.unwrap();
                (person, who)
            });
        }
        let mut answered = 0;
        while let Some(call) = calls.join_next().await {
            let (person, who) = call.unwrap();
            assert_eq!(who.status, 200, "{round} {person}: {}", who.body);
            let username = &who.result().unwrap()["structuredContent"]["username"];
            assert_eq!(*username, format!("kc:{person}"), "{round}");
            answered += 1;
        }
        assert_eq!(answered, CALLS, "{round}");
    }
    // Each person's calls went on with one exchanged token, and it was not the other's.
    let permits_of = |records: &[Value], token: &str| -> Vec<Value> {
        let digest = TokenDigest::of(claims(token).unwrap()["jti"].as_str().unwrap());
        let mine = records.iter().filter(|record| record["token_id_digest"] == digest.as_str());
        mine.filter(|record| record["decision"] == "permit").cloned().collect()
    };
    let all = |records: &[Value]| {
        tokens.iter().all(|(_, token)| permits_of(records, token).len() >= CALLS)
    };
    let records = stack.gateway.audited("each call", all).await.unwrap();
    let exchanged: Vec<BTreeSet<_>> = tokens
        .iter()
        .map(|(_, token)| {
            let permits = permits_of(&records, token);
            assert_eq!(permits.len(), CALLS);
            permits.iter().map(|record| record["exchanged_token_id_digest"].to_string()).collect()
        })
        .collect();
    assert!(exchanged.iter().all(|ids| ids.len() == 1), "{exchanged:?}");
    assert!(exchanged[0].is_disjoint(&exchanged[1]), "{exchanged:?}");
}
