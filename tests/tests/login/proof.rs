//! What must stand in the records after a call: its exchange, and the API server's line about the same token and the same
//! person.

use anyhow::{Context as _, Result};
use obolus_core::token::TokenDigest;
use obolus_tests::fixtures::stack::Provider;
use serde_json::{Value, json};

use crate::world::World;

/// The records of one call, side by side.
pub(crate) struct Proof {
    /// The filter's.
    pub(crate) permit: Value,
    /// The API server's.
    line: Value,
}

impl Proof {
    /// Of the call of `whoami` with this result: the API server told it which token it saw.
    pub(crate) async fn of(world: &World, result: &Value) -> Result<Self> {
        let id = credential(&result["structuredContent"]).context("whoami tells no credential")?;
        let digest = TokenDigest::of(&id);
        let is_it = |record: &Value| {
            record["decision"] == "permit"
                && record["tool"] == "whoami"
                && record["exchanged_token_id_digest"] == digest.as_str()
        };
        let gateway = &world.stack.gateway;
        let records = gateway.audited("the call", |records| records.iter().any(is_it)).await?;
        let permit = records.into_iter().find(is_it).context("no permit")?;
        let its = |event: &Value| credential(&event["user"]).is_some_and(|seen| seen == id);
        let line = world.stack.cluster.audited("the exchanged token's request", its).await?;
        Ok(Self { permit, line })
    }

    /// Who it was, to the API server.
    pub(crate) fn username(&self) -> &str {
        self.line["user"]["username"].as_str().unwrap_or_default()
    }
}

/// How many calls at this provider's resource the filter has let through, one of our own at the end included: once
/// that is recorded, all that ended before it are.
pub(crate) async fn permits(world: &World, provider: Provider) -> Result<usize> {
    let client = world.stack.client_of(provider, "alice").await?;
    let answer = client.call("whoami", json!({})).await?;
    Proof::of(world, &answer.body["result"]).await?;
    let name = world.resource_name(provider);
    let is_one = |record: &Value| record["decision"] == "permit" && record["resource"] == name;
    Ok(world.stack.gateway.audit().iter().filter(|record| is_one(record)).count())
}

/// Waits for a refusal for this reason at this provider's resource.
pub(crate) async fn refused(world: &World, provider: Provider, reason: &str) -> Result<()> {
    let name = world.resource_name(provider);
    let is_one = |record: &Value| record["reason"] == reason && record["resource"] == name;
    let gateway = &world.stack.gateway;
    gateway.audited(reason, |records| records.iter().any(is_one)).await.map(drop)
}

/// The id of the token that somebody came with: Keycloak's `jti`, Entra ID's `uti`.
fn credential(user: &Value) -> Option<String> {
    let id = |name: &str| user["extra"][name][0].as_str();
    let jti = id("authentication.kubernetes.io/credential-id");
    let id = jti.or_else(|| id("login.microsoftonline.com/uti"))?;
    Some(id.trim_start_matches("JTI=").to_owned())
}
