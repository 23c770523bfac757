//! Who two people are to the API server, what each may do, and what its audit log says of it.

use anyhow::{Context as _, Result, ensure};
use obolus_tests::fixtures::mcp_client::{Answered, McpClient};
use obolus_tests::fixtures::stack::{Provider, Stack};
use serde_json::{Value, json};

/// A person, a call that they may make, and one that they may not.
struct Person {
    name: &'static str,
    allowed: Call,
    refused: Call,
}

struct Call {
    tool: &'static str,
    arguments: fn() -> Value,
    /// How the API server's audit log names it.
    verb: &'static str,
    resource: &'static str,
}

const PEOPLE: [Person; 2] = [
    Person {
        name: "alice",
        allowed: Call {
            tool: "resources_scale",
            arguments: || {
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop",
                       "name": "web", "scale": 2})
            },
            verb: "patch",
            resource: "deployments",
        },
        refused: Call {
            tool: "resources_list",
            arguments: || json!({"apiVersion": "v1", "kind": "Secret", "namespace": "shop"}),
            verb: "list",
            resource: "secrets",
        },
    },
    Person {
        name: "bob",
        allowed: Call {
            tool: "pods_list_in_namespace",
            arguments: || json!({"namespace": "shop"}),
            verb: "list",
            resource: "pods",
        },
        refused: Call {
            tool: "pods_delete",
            arguments: || json!({"namespace": "shop", "name": "web-0"}),
            verb: "delete",
            resource: "pods",
        },
    },
];

/// Makes the calls and prints what happened; an error if anything is not as it should be.
pub(crate) async fn tell(stack: &Stack) -> Result<()> {
    for provider in stack.providers() {
        println!("\n== {} at {}", provider.name(), stack.resource_of(*provider));
        let nobody = McpClient::new(&stack.resource_of(*provider), None)?;
        let answer = nobody.call("whoami", json!({})).await?;
        ensure!(answer.status == 401, "without a token: {}", answer.status);
        println!("\nwithout a token");
        println!("  {} {}", answer.status, header(&answer, "www-authenticate"));
        for person in &PEOPLE {
            let told = one(stack, *provider, person).await;
            told.with_context(|| format!("{}'s part", person.name))?;
        }
    }
    strangers(stack).await
}

/// What a token of one provider is worth where the other's people are served: nothing.
async fn strangers(stack: &Stack) -> Result<()> {
    for (own, other) in
        [(Provider::Keycloak, Provider::Entra), (Provider::Entra, Provider::Keycloak)]
    {
        if !stack.providers().contains(&own) || !stack.providers().contains(&other) {
            continue;
        }
        let token = stack.token_of(own, "alice").await?;
        let client = McpClient::new(&stack.resource_of(other), Some(&token))?;
        let answer = client.call("whoami", json!({})).await?;
        ensure!(answer.status == 401, "a token of {own:?} at {other:?}: {}", answer.status);
        println!("\nalice's token of {} where people of {} are served", own.name(), other.name());
        println!("  {} {}", answer.status, answer.refusal()["reason"].as_str().unwrap_or_default());
    }
    Ok(())
}

async fn one(stack: &Stack, provider: Provider, person: &Person) -> Result<()> {
    let client = stack.client_of(provider, person.name).await?;
    println!("\n{}", person.name);
    let who = client.call("whoami", json!({})).await?;
    ensure!(!who.is_tool_error(), "whoami: {}", who.body);
    println!("  is to the API server: {}", one_line(&who.text()));
    for (call, allowed) in [(&person.allowed, true), (&person.refused, false)] {
        let answer = client.call(call.tool, (call.arguments)()).await?;
        let word = if allowed { "may" } else { "may not" };
        ensure!(answer.status == 200, "{}: {} {}", call.tool, answer.status, answer.body);
        ensure!(answer.is_tool_error() != allowed, "{}: {}", call.tool, answer.body);
        println!("  {word} call {} {}", call.tool, (call.arguments)());
        println!("    {}", shortened(&one_line(&answer.text())));
        println!(
            "    audit: {}",
            audit_line(stack, &stack.username(provider, person.name), call, allowed).await?
        );
    }
    Ok(())
}

/// What the API server wrote of a call.
async fn audit_line(stack: &Stack, username: &str, call: &Call, allowed: bool) -> Result<String> {
    let what = format!("{username} {} {}", call.verb, call.resource);
    let event = stack
        .cluster
        .audited(&what, |event| {
            let code = event["responseStatus"]["code"].as_u64().unwrap_or_default();
            event["user"]["username"] == username
                && event["verb"] == call.verb
                && event["objectRef"]["resource"] == call.resource
                && (code < 300) == allowed
        })
        .await?;
    let shown = json!({
        "user": event["user"]["username"],
        "groups": event["user"]["groups"],
        "verb": event["verb"],
        "resource": event["objectRef"]["resource"],
        "namespace": event["objectRef"]["namespace"],
        "code": event["responseStatus"]["code"],
    });
    Ok(shown.to_string())
}

fn header(answer: &Answered, name: &str) -> String {
    let value = answer.headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn shortened(text: &str) -> String {
    const MOST: usize = 160;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    text.chars().take(MOST).chain("…".chars()).collect()
}
