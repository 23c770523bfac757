//! Alice's and bob's story, through the published port.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::compose::sign_in;
use obolus_tests::fixtures::mcp_client::McpClient;
use obolus_tests::{https, secret};
use serde_json::{Value, json};

use crate::page::Passwords;
use crate::world::World;

/// A client of the gateway that has signed in.
async fn client(world: &World<'_>, passwords: &Passwords, person: &str) -> Result<McpClient> {
    let ca = std::fs::read_to_string(world.installation.folder().join("envoy/ca.crt"))?;
    let http = https::client(&ca)?;
    let issuer = format!("{}/realms/obolus", world.origin());
    let password = passwords.get(person).context("no password")?;
    let token = sign_in(&http, &issuer, person, password).await?;
    Ok(McpClient::new(&format!("{}/mcp", world.origin()), Some(&token))?.over(http))
}

pub(crate) async fn alice_is_served(world: &World<'_>, passwords: &Passwords) -> Result<()> {
    // The STS may be fetching keys, and the API server asks for the issuer every ten seconds.
    eventually("alice to be served", Duration::from_secs(90), || async {
        let alice = client(world, passwords, "alice").await?;
        let who = alice.call("whoami", json!({})).await?;
        ensure!(!who.is_tool_error() && who.text().contains("kc:alice"), "{}", who.body);
        Ok(())
    })
    .await
}

pub(crate) async fn each_may_do_what_rbac_says(
    world: &World<'_>,
    passwords: &Passwords,
) -> Result<()> {
    alice_is_served(world, passwords).await?;
    // An installation before this one has left its own in the log.
    let since = world.cluster.marker().await?;
    let alice = client(world, passwords, "alice").await?;
    let bob = client(world, passwords, "bob").await?;
    let pods = |namespace: &str| json!({"namespace": namespace});
    for person in [&alice, &bob] {
        let seen = person.call("pods_list_in_namespace", pods("shop")).await?;
        ensure!(!seen.is_tool_error() && seen.text().contains("web-"), "{}", seen.body);
    }
    let allowed = alice.call("pods_list_in_namespace", pods("warehouse")).await?;
    ensure!(!allowed.is_tool_error(), "{}", allowed.body);
    let refused = bob.call("pods_list_in_namespace", pods("warehouse")).await?;
    ensure!(refused.is_tool_error() && refused.text().contains("kc:bob"), "{}", refused.body);

    let events = world.cluster.requests_since(since).await?;
    for (user, code) in [("kc:alice", 200), ("kc:bob", 403)] {
        let event = events.iter().find(|event| {
            event["user"]["username"] == user
                && event["objectRef"]["resource"] == "pods"
                && event["objectRef"]["namespace"] == "warehouse"
        });
        let event = event.with_context(|| format!("{user} is not in the API server's audit"))?;
        ensure!(event["responseStatus"]["code"] == code, "{user} did not get {code}: {event}");
    }
    // Our own audit, by the page's command: the decisions, and no token.
    let lines = eventually("the audit", Duration::from_secs(30), async || {
        let lines = world.installation.follow("Verify")?;
        let lines = lines.lines().filter(|line| line.contains("obolus-audit"));
        let lines = lines.collect::<Vec<_>>().join("\n");
        let decided = |what: &str| lines.contains(what);
        ensure!(decided("\"decision\":\"permit\"") && decided("token_missing"), "{lines}");
        Ok(lines)
    });
    ensure!(!secret::holds_jwt(&lines.await?), "a token in the audit");
    nobody_is_told_more(world).await
}

/// Without a token and with a wrong one: refused, beside alice who was admitted.
async fn nobody_is_told_more(world: &World<'_>) -> Result<()> {
    let ca = std::fs::read_to_string(world.installation.folder().join("envoy/ca.crt"))?;
    for token in [None, Some("not.a.token")] {
        let stranger = McpClient::new(&format!("{}/mcp", world.origin()), token)?;
        let answer = stranger.over(https::client(&ca)?).call("whoami", json!({})).await?;
        ensure!(answer.status == 401, "{}", answer.status);
        ensure!(answer.body["result"] == Value::Null, "{}", answer.body);
    }
    // Keycloak's administration is not part of what is published.
    let admin = https::client(&ca)?.get(format!("{}/admin/", world.origin())).send().await?;
    ensure!(admin.status() == 404, "{}", admin.status());
    Ok(())
}
