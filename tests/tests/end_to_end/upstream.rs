//! What goes on behind the gateway: the exchanged token, and nothing of the client's own.

use obolus_core::token::TokenDigest;
use obolus_tests::fixtures::keycloak::claims;
use obolus_tests::fixtures::mcp_client::{McpClient, answered};
use obolus_tests::fixtures::recorder::Recorded;
use serde_json::{Value, json};

use crate::{side, stack};

#[tokio::test]
async fn the_clients_own_token_never_goes_on() {
    const STORY: &str = "own-token";
    let (stack, side) = (stack().await, side().await);
    let token = stack.token("alice").await.unwrap();
    let mine = claims(&token).unwrap();
    let client = McpClient::new(&side.gateway.resource(), Some(&token)).unwrap();
    // A client may put its token wherever it likes.
    let call = client
        .request("tools/call", json!({"name": "whoami", "arguments": {}}))
        .header("user-agent", STORY)
        .header("cookie", format!("session={token}"))
        .header("proxy-authorization", format!("Bearer {token}"))
        .header("x-access-token", &token)
        .header("x-forwarded-access-token", &token);
    assert_eq!(answered(call).await.unwrap().status, 200);

    let requests = side.upstream.requests();
    let mut requests =
        requests.iter().filter(|request| request.header("user-agent") == Some(STORY));
    let request = requests.next().expect("the call arrived");
    assert!(requests.next().is_none());
    let forwarded = request.header("authorization").expect("one Authorization header");
    let exchanged = forwarded.strip_prefix("Bearer ").expect("a bearer token");
    let claims = claims(exchanged).unwrap();
    assert_eq!(claims["aud"], "kubernetes");
    assert_eq!(claims["azp"], "obolus-sts");
    assert_eq!((&claims["iss"], &claims["sub"]), (&mine["iss"], &mine["sub"]));
    assert_eq!(claims["preferred_username"], "alice");
    assert_ne!(claims["jti"], mine["jti"]);

    // The header of the token is the same for all that Keycloak signs with a key.
    let secret_parts = token.split('.').skip(1).chain([token.as_str()]);
    for part in secret_parts {
        assert!(!everything(request).contains(part), "{request:#?}");
    }
    assert!(everything(request).contains(exchanged), "the control: the search finds a token");
    for name in ["cookie", "proxy-authorization", "x-access-token", "x-forwarded-access-token"] {
        assert!(request.headers.get(name).is_none(), "{name}");
    }
}

/// What the API server wrote down is about the exchanged token, too.
#[tokio::test]
async fn the_api_server_never_sees_the_clients_own_token() {
    let stack = stack().await;
    let token = stack.token("bob").await.unwrap();
    let client = McpClient::new(&stack.gateway.resource(), Some(&token)).unwrap();
    let who = client.call("whoami", json!({})).await.unwrap();
    let extra = &who.result().unwrap()["structuredContent"]["extra"];
    let credential = extra["authentication.kubernetes.io/credential-id"][0].as_str().unwrap();
    let own = claims(&token).unwrap()["jti"].as_str().unwrap().to_owned();
    assert!(!credential.contains(&own), "{credential}");
    let digest = TokenDigest::of(&own);
    let is_it = |record: &Value| record["token_id_digest"] == digest.as_str();
    let recorded = stack.gateway.audited("the call", |records| records.iter().any(is_it));
    let record = recorded.await.unwrap().into_iter().find(is_it).unwrap();
    let exchanged = TokenDigest::of(credential.strip_prefix("JTI=").unwrap());
    assert_eq!(record["exchanged_token_id_digest"], exchanged.as_str());
    // Nor would it take it.
    assert_eq!(stack.cluster.who_is(&token).await.unwrap().status, 401);
}

fn everything(request: &Recorded) -> String {
    let headers = request
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())));
    format!("{}\n{}\n{}", request.uri, headers.collect::<String>(), request.text())
}
