//! A token without every scope that a call needs: 403, and the challenge names all of them.

use obolus_tests::fixtures::workbench::Plan;
use serde_json::{Value, json};

use crate::golden::Golden;
use crate::story::Story;
use crate::wire::{Framing, Request};

/// Needs two scopes, and takes calls of one page.
async fn begin() -> Story {
    let mut plan = Plan::new().await.unwrap();
    plan.configure(|configuration| {
        configuration["resources"][0]["requiredScopes"] = json!(["mcp:tools", "mcp:admin"]);
    });
    Story::with(plan).await
}

fn with_scope(story: &Story, scope: Value) -> Request {
    let mut claims = story.bench.claims("alice");
    match scope {
        Value::Null => drop(claims.as_object_mut().unwrap().remove("scope")),
        scope => claims["scope"] = scope,
    }
    story.call().bearer(&story.bench.idp.mint(&claims).unwrap())
}

#[tokio::test]
async fn a_token_that_lacks_a_scope_is_told_all_of_them_and_is_never_exchanged() {
    let mut story = begin().await;
    story.control("warm", Vec::new()).await;
    let exchanges = story.bench.idp.exchanges();
    let mut golden = Golden::new("scopes.txt", &story.bench.gateway);
    for scope in [
        json!("mcp:tools"),
        json!("openid mcp:admin"),
        json!("openid profile"),
        json!(""),
        Value::Null,
        json!([]),
        json!(["mcp:tools mcp:admin"]),
        json!(["mcp:tools", "mcp:administrator"]),
        json!("mcp:tools,mcp:admin"),
        json!("MCP:TOOLS MCP:ADMIN"),
        json!("mcp:tools mcp:admin2"),
        json!("mcp:*"),
        json!("mcp:tools\u{a0}mcp:admin"),
    ] {
        let case = format!("scope {scope}");
        let request = with_scope(&story, scope);
        let reason = "insufficient_scope";
        for answer in story.refuses_in_every_framing(&case, &request, 403, reason).await {
            golden.add(reason, &answer);
        }
    }
    golden.check();
    assert_eq!(story.bench.idp.exchanges(), exchanges);

    for scope in [
        json!("mcp:tools mcp:admin"),
        json!("mcp:admin openid  mcp:tools"),
        json!(["mcp:admin", "mcp:tools"]),
    ] {
        let case = format!("scope {scope}");
        let request = with_scope(&story, scope);
        story.lets_through(&case, &request, Framing::Length).await;
    }
    assert!(story.bench.idp.exchanges() > exchanges);
    story.ends().await;
}
