//! What all stories share.

use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use obolus_core::login::redirect_uri::to_register;
use obolus_tests::fixtures::browser::{self, Seen, Visit};
use obolus_tests::fixtures::facade::strict_directory;
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
        let (origin, listed) = (site.origin(), site.origin());
        let (keycloaks_page, keycloaks_origin) = (site.page(Provider::Keycloak), site.origin());
        let entras_page = site.page(Provider::Entra);
        let registered: Vec<_> = to_register().into_iter().chain([entras_page.clone()]).collect();
        let stack = Stack::start(StackOptions {
            providers: vec![Provider::Keycloak, Provider::Entra],
            folder: Some(folder.clone()),
            change_keycloak: Some(Box::new(move |keycloak| {
                let mut arguments = vec!["--registration".to_owned()];
                for (option, value) in [
                    ("--resource", &keycloak.resources[0]),
                    ("--redirect-uri", &keycloaks_page),
                    ("--allowed-origin", &keycloaks_origin),
                ] {
                    arguments.extend([option.to_owned(), value.clone()]);
                }
                (keycloak.makes_realms, keycloak.set_up) = (true, Some(arguments));
            })),
            change_entra: Some(Box::new(move |entra| {
                entra.directory = strict_directory(&registered);
                // As at Keycloak: a person's name is their password.
                for user in &mut entra.directory.users {
                    user.password.clone_from(&user.name);
                }
            })),
            change_sts: Some(Box::new(|sts, _| {
                // Clients that register themselves have ids that nobody knows before.
                for issuer in &mut sts.issuers {
                    issuer.clients = vec!["*".to_owned()];
                }
            })),
            facade: Some(Box::new(move |facade| {
                facade.redirect_uris = vec![entras_page];
                facade.allowed_origins = vec![origin];
            })),
            change_gateway: Some(Box::new(move |gateway| {
                gateway.configure_also(move |configuration| {
                    let resources = configuration["resources"].as_array_mut();
                    for resource in resources.into_iter().flatten() {
                        resource["allowedOrigins"] = json!([listed]);
                    }
                });
            })),
            ..StackOptions::default()
        })
        .await?;
        stack.facade.as_ref().context("no façade")?.ready().await?;
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

    fn issuer_metadata_url(&self, provider: Provider) -> String {
        match provider {
            Provider::Keycloak => {
                let (url, issuer) = (self.stack.keycloak().url(), self.stack.keycloak().issuer());
                let path = issuer.strip_prefix(&url).unwrap_or_default();
                format!("{url}/.well-known/oauth-authorization-server{path}")
            }
            Provider::Entra => {
                format!("{}/.well-known/oauth-authorization-server/oauth", self.origin(provider))
            }
        }
    }

    /// The metadata of whom this provider's clients log in at.
    pub(crate) async fn issuer_metadata(&self, provider: Provider) -> Result<Value> {
        let http = https::client(&self.stack.authority.pem())?;
        let answer = http.get(self.issuer_metadata_url(provider)).send().await?;
        Ok(answer.error_for_status()?.json().await?)
    }

    /// What a page would find out if it could read everything, and a person's token.
    pub(crate) async fn doors(&self, provider: Provider) -> Result<Value> {
        let metadata = self.issuer_metadata(provider).await?;
        Ok(json!({
            "token": self.stack.token_of(provider, "alice").await?,
            "resource_metadata":
                format!("{}/.well-known/oauth-protected-resource/mcp", self.origin(provider)),
            "issuer_metadata": self.issuer_metadata_url(provider),
            "token_endpoint": metadata["token_endpoint"],
            "registration_endpoint": metadata["registration_endpoint"],
        }))
    }
}
