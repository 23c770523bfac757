//! Tokens of a real Keycloak that are not good enough, and what their holder is told.
//!
//! Tokens that no Keycloak would sign are in the suite `filter`.

use std::time::Duration;

use anyhow::{Result, ensure};
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::keycloak::{Grant, Tokens};
use obolus_tests::fixtures::mcp_client::{Answered, McpClient, answered};
use obolus_tests::fixtures::stack::SCOPE;
use serde_json::{Value, json};

use crate::{side, stack};

/// The `WWW-Authenticate` header.
pub(crate) fn challenge(answer: &Answered) -> &str {
    answer.headers.get("www-authenticate").map_or("", |value| value.to_str().unwrap())
}

async fn tokens(client: &str, scope: &str) -> Tokens {
    let grant = Grant { client, user: "alice", password: "alice", scope };
    stack().await.keycloak().grant(grant).await.unwrap()
}

/// A call at the second gateway under this story's own name, by which the recorder knows it.
async fn ask(token: &str, story: &str) -> Result<Answered> {
    let client = McpClient::new(&side().await.gateway.resource(), Some(token))?;
    let call = client.request("tools/call", json!({"name": "whoami", "arguments": {}}));
    answered(call.header("user-agent", story)).await
}

/// How many requests of a story were forwarded.
async fn forwarded(story: &str) -> usize {
    let requests = side().await.upstream.requests();
    requests.iter().filter(|request| request.header("user-agent") == Some(story)).count()
}

#[tokio::test]
async fn tokens_that_are_not_for_calling_tools_here_are_refused_and_not_forwarded() {
    const STORY: &str = "refused-tokens";
    let good = tokens("mcp-client", &format!("openid {SCOPE}")).await;
    let id_token = good.id_token.unwrap();
    let refresh_token = good.refresh_token.unwrap();
    let elsewhere = tokens("mcp-client", "other:tools").await.access_token;
    let powerless = tokens("mcp-client", "mcp:nothing").await.access_token;
    let stranger = tokens("mcp-client-stranger", SCOPE).await.access_token;
    let (signed, _) = good.access_token.rsplit_once('.').unwrap();
    let (_, other_signature) = powerless.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{other_signature}");
    let (_, of_the_sts) = stack()
        .await
        .keycloak()
        .exchange(&good.access_token, "kubernetes", "kubernetes")
        .await
        .unwrap();
    let exchanged = of_the_sts["access_token"].as_str().unwrap().to_owned();

    let mut passed = 0;
    for (what, token, status, reason) in [
        ("for another application", elsewhere.as_str(), 401, "audience_mismatch"),
        ("an ID token", &id_token, 401, "token_type_refused"),
        ("a refresh token", &refresh_token, 401, "algorithm_not_allowed"),
        ("an exchanged token", &exchanged, 401, "audience_mismatch"),
        ("another signature", &forged, 401, "signature_invalid"),
        ("without the scope", &powerless, 403, "insufficient_scope"),
        ("of a client without a grant", &stranger, 403, "target_not_granted"),
    ] {
        for _ in 0..2 {
            let answer = ask(token, STORY).await.unwrap();
            assert_eq!(answer.status.as_u16(), status, "{what}: {}", answer.body);
            assert_eq!(answer.refusal()["reason"], reason, "{what}: {}", answer.body);
            let challenge = challenge(&answer);
            // Neither a new token nor another scope would help.
            let is_challenged = reason != "target_not_granted";
            assert_eq!(!challenge.is_empty(), is_challenged, "{what}: {challenge}");
            if is_challenged {
                let error = if status == 401 { "invalid_token" } else { "insufficient_scope" };
                // Every scope that is needed, not only the one that is missing.
                for part in [format!("error=\"{error}\""), "scope=\"mcp:tools profile\"".to_owned()]
                {
                    assert!(challenge.contains(&part), "{what}: {challenge}");
                }
                assert!(challenge.starts_with("Bearer resource_metadata=\"http://"), "{challenge}");
            }
        }
        let answer = ask(&good.access_token, STORY).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        passed += 1;
        assert_eq!(forwarded(STORY).await, passed, "{what}");
    }
}

#[tokio::test]
async fn an_expired_token_is_refused_though_it_was_never_seen_before() {
    const STORY: &str = "expired-token";
    let token = tokens("mcp-client-short", SCOPE).await.access_token;
    let keycloak = stack().await.keycloak();
    // Keycloak itself says when it is over.
    eventually("the token's end", Duration::from_secs(30), || async {
        let info = format!("{}/protocol/openid-connect/userinfo", keycloak.issuer());
        let answer = keycloak.http().get(info).bearer_auth(&token).send().await?;
        ensure!(answer.status() == 401, "Keycloak says {}", answer.status());
        Ok(())
    })
    .await
    .unwrap();
    let answer = ask(&token, STORY).await.unwrap();
    assert_eq!(
        (answer.status.as_u16(), &answer.refusal()["reason"]),
        (401, &json!("token_expired"))
    );
    assert_eq!(forwarded(STORY).await, 0);
    let good = tokens("mcp-client", SCOPE).await.access_token;
    assert_eq!(ask(&good, STORY).await.unwrap().status, 200);
    assert_eq!(forwarded(STORY).await, 1);
}

#[tokio::test]
async fn each_algorithm_passes_where_it_is_allowed_and_nowhere_else() {
    for (algorithm, client) in [
        ("RS256", "mcp-client"),
        ("PS256", "mcp-client-ps256"),
        ("ES256", "mcp-client-es256"),
        ("EdDSA", "mcp-client-eddsa"),
    ] {
        let token = tokens(client, SCOPE).await.access_token;
        let header = obolus_tests::fixtures::keycloak::header(&token).unwrap();
        assert_eq!(header["alg"], algorithm);
        let answer = ask(&token, algorithm).await.unwrap();
        assert_eq!(answer.status, 200, "{algorithm}: {}", answer.body);
        assert_eq!(forwarded(algorithm).await, 1, "{algorithm}");

        // The first gateway takes RS256 only.
        let strict = McpClient::new(&stack().await.gateway.resource(), Some(&token)).unwrap();
        let answer = strict.call("whoami", json!({})).await.unwrap();
        if algorithm == "RS256" {
            assert_eq!(answer.result().unwrap()["structuredContent"]["username"], "kc:alice");
        } else {
            let verdict = (answer.status.as_u16(), &answer.refusal()["reason"]);
            assert_eq!(verdict, (401, &Value::from("algorithm_not_allowed")), "{algorithm}");
        }
    }
}
