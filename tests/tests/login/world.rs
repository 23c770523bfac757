//! What all stories share.

use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use obolus_tests::fixtures::browser::{self, Seen, Visit};
use obolus_tests::fixtures::gateway::GatewayOptions;
use obolus_tests::fixtures::stack::{Provider, Stack, StackOptions};
use obolus_tests::fixtures::{entra, folder};
use obolus_tests::https;
use obolus_tests::shared::Started;
use serde_json::{Value, json};
use tokio::sync::{Mutex, MutexGuard};

use crate::page::Site;

/// Its parts end with the process, however it ends.
pub(crate) struct World {
    pub(crate) stack: Stack,
    /// The certificate that clients are to believe.
    pub(crate) trust: PathBuf,
    /// The site whose pages may call.
    pub(crate) site: Site,
    /// One whose pages may not.
    pub(crate) other_site: Site,
    turns: [Mutex<()>; 2],
    _folder: File,
}

pub(crate) async fn world() -> &'static World {
    static WORLD: Started<World> = Started::new();
    WORLD.get(World::start).await.unwrap_or_else(|error| panic!("{error}"))
}

impl World {
    async fn start() -> Result<Self> {
        let (folder, lock) = folder::shared("login")?;
        let (site, other_site) = (Site::start().await?, Site::start().await?);
        let origin = site.origin();
        let stack = Stack::start(StackOptions {
            folder: Some(folder.clone()),
            change_sts: Some(Box::new(|sts, _| {
                // Clients that register themselves have ids that nobody knows before.
                for issuer in &mut sts.issuers {
                    issuer.clients = vec!["*".to_owned()];
                }
            })),
            change_gateway: Some(Box::new(move |gateway| let_in(gateway, origin))),
            ..StackOptions::default()
        })
        .await?;
        let page = site.page(Provider::Keycloak);
        let origin = site.origin();
        let change = |client: &mut Value| {
            for (list, what) in [("redirectUris", page), ("webOrigins", origin)] {
                client[list].as_array_mut().context("no list")?.push(what.into());
            }
            Ok(())
        };
        stack.keycloak().admin().change_client("mcp-client", change).await?;
        let trust = folder.join("ca.crt");
        stack.authority.write(&trust)?;
        Ok(Self { stack, trust, site, other_site, turns: Default::default(), _folder: lock })
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

    /// A turn of calls at this provider's resource: their records are told apart by their order.
    pub(crate) async fn turn(&self, provider: Provider) -> MutexGuard<'_, ()> {
        self.turns[usize::from(provider == Provider::Entra)].lock().await
    }

    /// What this person sees before a browser.
    pub(crate) async fn visit(&self, visit: &Visit) -> Result<Seen> {
        browser::visit(&self.stack.authority, visit).await
    }

    /// Scheme, host and port of this provider's resource, and of the façade where it has one.
    pub(crate) fn origin(&self, provider: Provider) -> String {
        let resource = self.stack.resource_of(provider);
        resource.strip_suffix("/mcp").unwrap_or(&resource).to_owned()
    }

    /// What a page would find out if it could read everything, and a person's token.
    pub(crate) async fn doors(&self, provider: Provider) -> Result<Value> {
        let origin = self.origin(provider);
        let issuer_metadata = match provider {
            Provider::Keycloak => {
                let keycloak = self.stack.keycloak();
                format!("{}/.well-known/oauth-authorization-server/realms/obolus", keycloak.url())
            }
            Provider::Entra => format!("{origin}/.well-known/oauth-authorization-server/oauth"),
        };
        let metadata =
            https::client(&self.stack.authority.pem())?.get(&issuer_metadata).send().await?;
        let metadata: Value = metadata.error_for_status()?.json().await?;
        Ok(json!({
            "token": self.stack.token_of(provider, "alice").await?,
            "resource_metadata": format!("{origin}/.well-known/oauth-protected-resource/mcp"),
            "issuer_metadata": issuer_metadata,
            "token_endpoint": metadata["token_endpoint"],
            "registration_endpoint": metadata["registration_endpoint"],
        }))
    }
}

/// Pages of this origin may call every resource.
fn let_in(gateway: &mut GatewayOptions, origin: String) {
    let before = std::mem::replace(&mut gateway.configure, Box::new(|_| {}));
    gateway.configure = Box::new(move |configuration| {
        before(configuration);
        for resource in configuration["resources"].as_array_mut().into_iter().flatten() {
            resource["allowedOrigins"] = json!([origin]);
        }
    });
}
