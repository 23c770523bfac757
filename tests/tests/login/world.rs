//! What all stories share.

use std::fs::File;
use std::path::PathBuf;

use anyhow::Result;
use obolus_tests::fixtures::browser::{self, Seen, Visit};
use obolus_tests::fixtures::stack::{Provider, Stack, StackOptions};
use obolus_tests::fixtures::{entra, folder};
use obolus_tests::shared::Started;

/// Its parts end with the process, however it ends.
pub(crate) struct World {
    pub(crate) stack: Stack,
    /// The certificate that clients are to believe.
    pub(crate) trust: PathBuf,
    _folder: File,
}

pub(crate) async fn world() -> &'static World {
    static WORLD: Started<World> = Started::new();
    WORLD.get(World::start).await.unwrap_or_else(|error| panic!("{error}"))
}

impl World {
    async fn start() -> Result<Self> {
        let (folder, lock) = folder::shared("login")?;
        let stack = Stack::start(StackOptions {
            folder: Some(folder.clone()),
            change_sts: Some(Box::new(|sts, _| {
                // Clients that register themselves have ids that nobody knows before.
                for issuer in &mut sts.issuers {
                    issuer.clients = vec!["*".to_owned()];
                }
            })),
            ..StackOptions::default()
        })
        .await?;
        let trust = folder.join("ca.crt");
        stack.authority.write(&trust)?;
        Ok(Self { stack, trust, _folder: lock })
    }

    /// The id that people of this provider are given for their clients.
    pub(crate) fn client_id(&self, provider: Provider) -> String {
        match provider {
            Provider::Keycloak => "mcp-client".to_owned(),
            Provider::Entra => self.stack.entra().id_of(entra::CLIENT),
        }
    }

    /// How the filter's records call this provider's resource.
    pub(crate) fn resource_name(&self, provider: Provider) -> &'static str {
        match provider {
            Provider::Keycloak => "kubernetes",
            Provider::Entra => entra::TARGET,
        }
    }

    /// What this person sees before a browser.
    pub(crate) async fn visit(&self, visit: &Visit) -> Result<Seen> {
        browser::visit(&self.stack.authority, visit).await
    }
}
