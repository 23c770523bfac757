//! What must stand in the records after a call: the exchange of this call, and the API server's line about the same token
//! and the same person.

use anyhow::{Context as _, Result};
use obolus_core::token::TokenDigest;
use obolus_tests::deadline::eventually;
use serde_json::Value;
use std::time::Duration;

use crate::world::World;

const WITHIN: Duration = Duration::from_secs(30);

/// Where the filter's records were before a call. Calls of one resource have to come one after the other.
pub(crate) struct Before {
    resource: String,
    records: usize,
}

impl Before {
    pub(crate) fn now(world: &World, resource: &str) -> Self {
        Self { resource: resource.to_owned(), records: permits(world, resource).len() }
    }

    /// The filter's permit for `whoami`, and the API server's line about the token that it was exchanged for.
    pub(crate) async fn proof(&self, world: &World) -> Result<Proof> {
        let permit = eventually("the filter's record of the call", WITHIN, || async {
            let all = permits(world, &self.resource);
            let mut new = all.into_iter().skip(self.records);
            new.find(|record| record["tool"] == "whoami").context("no new permit for whoami")
        });
        let permit = permit.await?;
        let digest = permit["exchanged_token_id_digest"].as_str().unwrap_or_default().to_owned();
        let line = world.stack.cluster.audited("the exchanged token's request", |event| {
            credential(event).is_some_and(|id| TokenDigest::of(&id).as_str() == digest)
        });
        Ok(Proof { line: line.await?, permit })
    }
}

/// The records, side by side.
pub(crate) struct Proof {
    pub(crate) permit: Value,
    line: Value,
}

impl Proof {
    /// Who it was, to the API server.
    pub(crate) fn username(&self) -> &str {
        self.line["user"]["username"].as_str().unwrap_or_default()
    }
}

/// The filter's permits of calls at this resource.
pub(crate) fn permits(world: &World, resource: &str) -> Vec<Value> {
    let is_one = |record: &Value| record["decision"] == "permit" && record["resource"] == resource;
    world.stack.gateway.audit().into_iter().filter(is_one).collect()
}

/// The filter's refusals for this reason at this resource, of which there has to be one.
pub(crate) async fn refusals(world: &World, resource: &str, reason: &str) -> Result<Vec<Value>> {
    let is_one = |record: &Value| record["reason"] == reason && record["resource"] == resource;
    let found = world.stack.gateway.audited(reason, |records| records.iter().any(is_one)).await?;
    Ok(found.into_iter().filter(is_one).collect())
}

/// The id of the token with which a request came: Keycloak's `jti`, Entra ID's `uti`.
fn credential(event: &Value) -> Option<String> {
    let extra = &event["user"]["extra"];
    let id = |name: &str| extra[name][0].as_str();
    let jti = id("authentication.kubernetes.io/credential-id");
    let id = jti.or_else(|| id("login.microsoftonline.com/uti"))?;
    Some(id.trim_start_matches("JTI=").to_owned())
}
