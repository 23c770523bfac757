//! A token that runs out while its holder works.

use std::time::{Duration, SystemTime};

use anyhow::{Result, bail, ensure};
use obolus_tests::deadline::{eventually, hopeless};
use obolus_tests::fixtures::keycloak::{Grant, claims};
use obolus_tests::fixtures::mcp_client::McpClient;
use obolus_tests::fixtures::stack::SCOPE;
use serde_json::json;

use crate::refusals::challenge;
use crate::stack;

/// A token of a few seconds, and when it runs out.
async fn short_token() -> Result<(String, u64)> {
    let grant =
        Grant { client: "mcp-client-short", user: "alice", password: "alice", scope: SCOPE };
    let token = stack().await.keycloak().grant(grant).await?.access_token;
    let Some(expires_at) = claims(&token)?["exp"].as_u64() else { bail!("no exp") };
    Ok((token, expires_at))
}

fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

#[tokio::test]
async fn a_session_ends_with_its_token_and_goes_on_with_the_next() {
    let stack = stack().await;
    // On a busy machine one may run out before it is used.
    let mut good = None;
    while good.is_none() {
        let (token, expires_at) = short_token().await.unwrap();
        let client = McpClient::new(&stack.gateway.resource(), Some(&token)).unwrap();
        let who = client.call("whoami", json!({})).await.unwrap();
        if who.status == 200 {
            good = Some((client, expires_at));
        } else {
            assert_eq!(who.refusal()["reason"], "token_expired", "{}", who.body);
        }
    }
    let (client, expires_at) = good.unwrap();

    // It is in every cache by now, and the exchanged one would live for minutes.
    let refused = eventually("the token's end", Duration::from_secs(30), || async {
        let asked = now();
        let answer = client.call("whoami", json!({})).await?;
        if answer.status == 401 {
            return Ok(answer);
        }
        if answer.status != 200 || asked > expires_at {
            return Err(hopeless(format!("{} at {asked}, expiry {expires_at}", answer.status)));
        }
        bail!("it is still good")
    })
    .await
    .unwrap();
    assert!(now() >= expires_at);
    assert_eq!(refused.refusal()["reason"], "token_expired", "{}", refused.body);
    let challenge = challenge(&refused);
    assert!(challenge.contains(r#"error="invalid_token""#), "{challenge}");

    eventually("a call with a new token", Duration::from_secs(30), || async {
        let (token, _) = short_token().await?;
        let client = McpClient::new(&stack.gateway.resource(), Some(&token))?;
        let who = client.call("whoami", json!({})).await?;
        ensure!(who.status == 200, "{}", who.body);
        Ok(())
    })
    .await
    .unwrap();
}
