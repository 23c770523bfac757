//! A person's token from a real Keycloak enters a real Envoy, and a real API server sees that
//! person.
//!
//! One stack serves all stories of this binary, as starting it takes longest; each story looks only
//! at what it did itself. Beside it stands a second gateway to the same STS, whose MCP server is a
//! recorder: for the stories that need to see every byte that is forwarded.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a story that meets something unexpected ends there"
)]

mod confirmation;
mod crowd;
mod expiry;
mod inspector;
mod people;
mod refusals;
mod revisions;
mod tools;
mod upstream;

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use obolus_tests::fixtures::folder;
use obolus_tests::fixtures::gateway::{Gateway, GatewayOptions, Place};
use obolus_tests::fixtures::recorder::Recorder;
use obolus_tests::fixtures::stack::{Stack, StackOptions, issuers};
use obolus_tests::fixtures::workbench::{local, mcp_recorder};
use obolus_tests::shared::Started;
use serde_json::json;

/// What is shared. Its parts end with the process, however it ends.
struct World {
    stack: Stack,
    side: Side,
    _folder: File,
}

/// The second gateway: it takes every algorithm, and what it forwards is recorded.
pub(crate) struct Side {
    pub(crate) gateway: Gateway,
    pub(crate) upstream: Recorder,
}

pub(crate) async fn stack() -> &'static Stack {
    &world().await.stack
}

pub(crate) async fn side() -> &'static Side {
    &world().await.side
}

async fn world() -> &'static World {
    static WORLD: Started<World> = Started::new();
    WORLD.get(World::start).await.unwrap_or_else(|error| panic!("{error}"))
}

impl World {
    async fn start() -> Result<Self> {
        let (folder, lock) = folder::shared("end_to_end")?;
        let place = Place::reserve()?;
        let (resource, audience) = (place.resource(), place.resource());
        let stack = Stack::start(StackOptions {
            folder: Some(folder.clone()),
            change_keycloak: Some(Box::new(move |keycloak| {
                keycloak.resources.push(resource);
                keycloak.short_lifespan = Duration::from_secs(5);
            })),
            change_sts: Some(Box::new(move |sts, _| {
                for issuer in &mut sts.issuers {
                    issuer.audiences.push(audience.clone());
                    for algorithm in ["ps256", "es256", "eddsa"] {
                        issuer.clients.push(format!("mcp-client-{algorithm}"));
                    }
                }
            })),
            change_mcp_server: Some(Box::new(|mcp| mcp.settings.push_str(confirmation::RULES))),
            ..StackOptions::default()
        })
        .await?;
        let side = Side::start(&stack, place, folder.join("side")).await?;
        Ok(Self { stack, side, _folder: lock })
    }
}

impl Side {
    async fn start(stack: &Stack, place: Place, folder: PathBuf) -> Result<Self> {
        let upstream = mcp_recorder().await?;
        let mut issuers = issuers(stack.keycloak());
        issuers[0]["algorithms"] = json!(["RS256", "PS256", "ES256", "EdDSA"]);
        let mut options = GatewayOptions::new(issuers, local(&upstream), stack.credential());
        options.envoy.folder = Some(folder);
        // The second scope is in every token: a challenge names both all the same.
        options.configure = Box::new(|configuration| {
            configuration["resources"][0]["requiredScopes"] = json!(["mcp:tools", "profile"]);
        });
        let gateway = Gateway::start(place, &stack.sts, options).await?;
        Ok(Self { gateway, upstream })
    }
}
