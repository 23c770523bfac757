//! What all rows share: a real Keycloak, the emulator of Entra ID, the STS, Envoy, and a recorder in the MCP server's
//! place.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use obolus_tests::deadline::eventually;
use obolus_tests::entra::Directory;
use obolus_tests::fixtures::entra::{Entra, EntraOptions, Style};
use obolus_tests::fixtures::folder;
use obolus_tests::fixtures::gateway::{Gateway, Place};
use obolus_tests::fixtures::keycloak::{Grant, Keycloak, KeycloakOptions};
use obolus_tests::fixtures::mcp_client::{Answered, McpClient, answered};
use obolus_tests::fixtures::recorder::Recorder;
use obolus_tests::fixtures::stack::SCOPE;
use obolus_tests::fixtures::sts::{Sts, StsOptions};
use obolus_tests::fixtures::workbench::{local, mcp_recorder};
use obolus_tests::pki::{Authority, KeyKind, Leaf, self_signed};
use obolus_tests::shared::Shared;
use obolus_tests::{parts, secret};
use serde_json::{Value, json};
use tokio::sync::RwLockWriteGuard;

use crate::doors;
use crate::tampering::Tampering;

/// Where people sign in.
pub(crate) struct Providers {
    pub(crate) keycloak: Keycloak,
    pub(crate) entra: Entra,
    /// The certificate that nobody registered.
    pub(crate) stranger: Leaf,
}

/// What is shared. Its parts end with the process, however it ends.
pub(crate) struct World {
    pub(crate) providers: Providers,
    pub(crate) tampering: Tampering,
    pub(crate) sts: Sts,
    pub(crate) gateway: Gateway,
    pub(crate) recorder: Recorder,
    /// As Entra's directory is before each story.
    directory: Arc<Directory>,
    _folder: File,
}

/// Waits for this story's turn. Whatever a story before it has changed is as it was.
pub(crate) async fn turn() -> RwLockWriteGuard<'static, World> {
    static WORLD: Shared<World> = Shared::new();
    let world = WORLD.alone(World::start).await.unwrap_or_else(|error| panic!("{error}"));
    world.restore();
    world.tampering.clear();
    world.recorder.take();
    world
}

impl World {
    async fn start() -> Result<Self> {
        let (folder, lock) = folder::shared("exchange")?;
        // What is fetched or built blocks for minutes the first time, and is found again later.
        tokio::task::spawn_blocking(|| -> Result<()> {
            parts::envoy::executable()?;
            parts::keycloak::built()?;
            parts::products::products().map(drop)
        })
        .await??;
        let authority = Authority::new("obolus exchange")?;
        let keycloak_options = KeycloakOptions {
            resources: doors::OF_KEYCLOAK.map(doors::url).into(),
            short_lifespan: Duration::from_secs(1),
            folder: Some(folder.join("keycloak")),
            ..KeycloakOptions::default()
        };
        let (keycloak, entra, recorder) = tokio::try_join!(
            Keycloak::start(&authority, &keycloak_options),
            Entra::start(&authority, EntraOptions::default()),
            mcp_recorder(),
        )?;
        let tampering = Tampering::start(&authority, &keycloak).await?;
        let stranger = self_signed("somebody else", KeyKind::Rsa)?;
        let providers = Providers { keycloak, entra, stranger };
        let mut options = StsOptions {
            credential: secret::random()?,
            folder: Some(folder.join("sts")),
            ..StsOptions::default()
        };
        providers.entra.add_to_sts(&mut options, &[(doors::ENTRA, Style::SecretPost)])?;
        providers.entra.add_targets(&mut options, &doors::more_entra_targets());
        let issuer = providers.keycloak.issuer();
        options.more += &doors::keycloak_for_the_sts(&issuer, &tampering.url());
        options.more += "\n[limits]\nrefusals_max_age_seconds = 1\nidp_timeout_ms = 3000\n";
        options.files.extend(doors::files(&providers));
        let sts = Sts::start(&authority, &options).await?;
        let mut gateway = doors::gateway(&providers, local(&recorder), &options.credential);
        gateway.envoy.folder = Some(folder.join("envoy"));
        let gateway = Gateway::start(Place::reserve()?, &sts, gateway).await?;
        let directory = providers.entra.emulator.directory();
        Ok(Self { providers, tampering, sts, gateway, recorder, directory, _folder: lock })
    }

    /// Entra as it was at the start.
    pub(crate) fn restore(&self) {
        self.providers.entra.emulator.faults().clear();
        self.providers.entra.emulator.change(|directory| *directory = (*self.directory).clone());
    }

    /// Calls a tool through a door.
    pub(crate) fn call(
        &self,
        door: &str,
        token: &str,
    ) -> impl Future<Output = Result<Answered>> + Send + use<> {
        let client = McpClient::new(&format!("{}/mcp", self.gateway.url()), Some(token));
        let host = doors::host(door);
        async move {
            let call = client?.request("tools/call", json!({"name": "whoami", "arguments": {}}));
            answered(call.header("host", host)).await
        }
    }

    /// A fresh token of this person of Keycloak.
    pub(crate) async fn keycloak_token(&self, person: &str) -> Result<String> {
        self.providers.keycloak.token(person, person, SCOPE).await
    }

    /// A token of alice that has run out.
    pub(crate) async fn expired(&self) -> Result<String> {
        let keycloak = &self.providers.keycloak;
        let grant =
            Grant { client: "mcp-client-short", user: "alice", password: "alice", scope: SCOPE };
        let token = keycloak.grant(grant).await?.access_token;
        let url = format!("{}/protocol/openid-connect/userinfo", keycloak.issuer());
        // Keycloak itself says when it is over.
        eventually("the token's end", Duration::from_secs(30), || async {
            let answer = keycloak.http().get(&url).bearer_auth(&token).send().await?;
            ensure!(answer.status() == 401, "Keycloak says {}", answer.status());
            Ok(())
        })
        .await?;
        Ok(token)
    }

    /// The STS's log lines of exchanges.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.sts.exchange_lines()
    }

    /// Puts another text into one of the STS's files, as a mounted secret changes.
    pub(crate) fn write_for_the_sts(&self, name: &str, content: &str) -> Result<()> {
        let path = self.sts.folder().join(name);
        let new = self.sts.folder().join(format!("{name}.new"));
        std::fs::write(&new, content)?;
        std::fs::rename(&new, &path).with_context(|| path.display().to_string())
    }
}
