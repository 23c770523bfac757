//! One part after the other fails while requests come in.

use obolus_tests::fixtures::mcp_client::{Answered, McpClient};
use obolus_tests::fixtures::stack::SCOPE;
use serde_json::json;

use crate::canary::Canary;
use crate::requests::written_down;
use crate::world::World;

/// Ends with Keycloak and the API server gone; a token that was exchanged before still gets as far as the MCP
/// server.
pub(crate) async fn of_each_part(world: &mut World) -> Vec<Canary> {
    let mut tokens = Vec::new();
    for _ in 0..4 {
        tokens.push(world.tokens("mcp-client", SCOPE).await.access_token);
    }

    let admin = world.stack.keycloak().admin();
    admin.set_client_enabled("obolus-sts", false).await.unwrap();
    is_told(world, &tokens[0], 500, "exchange_misconfigured").await;
    admin.set_client_enabled("obolus-sts", true).await.unwrap();

    admin.log_out("alice").await.unwrap();
    is_told(world, &tokens[1], 401, "subject_token_refused").await;

    world.stack.sts.stop().unwrap();
    is_told(world, &tokens[2], 503, "sts_unavailable").await;
    world.stack.sts.start_again().await.unwrap();

    world.stack.cluster.stop_api_server().await.unwrap();
    let answer = call(world, &world.token).await;
    assert!(answer.is_tool_error(), "{}", answer.body);

    world.stack.keycloak_mut().stop().unwrap();
    // The STS has lost its keys with its life, and Keycloak is gone for good.
    is_told(world, &tokens[3], 503, "").await;

    written_down(world).await;
    let name = |number| format!("token {number} that met a failure");
    let canaries = tokens.iter().enumerate();
    canaries.map(|(number, token)| Canary::token(&name(number), token)).collect()
}

async fn call(world: &World, token: &str) -> Answered {
    let client = McpClient::new(&world.stack.gateway.resource(), Some(token)).unwrap();
    client.call("whoami", json!({})).await.unwrap()
}

async fn is_told(world: &World, token: &str, status: u16, reason: &str) {
    let answer = call(world, token).await;
    assert_eq!(answer.status.as_u16(), status, "{}", answer.body);
    let said = answer.refusal()["reason"].as_str().unwrap_or_default();
    assert!(reason.is_empty() || said == reason, "{}", answer.body);
}
