//! One server, and the ways to it: directly, through a gateway, and through one with policies.

use std::fs::File;
use std::path::PathBuf;

use anyhow::Result;
use obolus_tests::fixtures::bearer_proxy::{BearerProxy, url_at};
use obolus_tests::fixtures::conformance_server::ConformanceServer;
use obolus_tests::fixtures::folder;
use obolus_tests::fixtures::gateway::{Gateway, GatewayOptions, Place};
use obolus_tests::fixtures::keycloak::{Keycloak, KeycloakOptions};
use obolus_tests::fixtures::stack::{SCOPE, issuers};
use obolus_tests::fixtures::sts::{Sts, StsIssuer, StsOptions};
use obolus_tests::parts::conformance::Conformance;
use obolus_tests::pki::Authority;
use obolus_tests::ports::Port;
use obolus_tests::secret;
use obolus_tests::shared::Shared;
use serde_json::{Value, json};

static WORLD: Shared<World> = Shared::new();

/// A turn: a run of the suite changes what the server lists, and which token a way carries.
pub(crate) async fn world() -> tokio::sync::RwLockWriteGuard<'static, World> {
    WORLD.alone(World::start).await.unwrap()
}

pub(crate) struct World {
    pub(crate) directly: BearerProxy,
    /// No `access`: who may sign in may do all.
    pub(crate) gateway: Side,
    /// Tables that open everything to whoever has the scope, so that lists are held, read and written anew.
    pub(crate) with_access: Side,
    keycloak: Keycloak,
    folder: PathBuf,
    _server: ConformanceServer,
    _sts: Sts,
    _folder: File,
}

/// A way through a gateway.
pub(crate) struct Side {
    pub(crate) proxy: BearerProxy,
    pub(crate) gateway: Gateway,
}

const SESSION_KEY: &str = "OBOLUS_SESSION_KEY";

impl World {
    async fn start() -> Result<Self> {
        let (folder, lock) = folder::shared("conformance")?;
        tokio::task::spawn_blocking(Conformance::find).await??;
        let authority = Authority::new("obolus conformance")?;
        let [direct, plain, governed] = Port::reserve_all()?;
        let resources = vec![url_at(&plain), url_at(&governed)];
        let options = KeycloakOptions {
            resources: resources.clone(),
            folder: Some(folder.join("keycloak")),
            ..KeycloakOptions::default()
        };
        let server_folder = folder.join("server");
        let (keycloak, server) = tokio::try_join!(
            Keycloak::start(&authority, &options),
            ConformanceServer::start(Some(&server_folder)),
        )?;
        let credential = secret::random()?;
        let sts = StsOptions {
            issuers: vec![StsIssuer::keycloak(&keycloak, resources)],
            credential: credential.clone(),
            folder: Some(folder.join("sts")),
            ..StsOptions::default()
        };
        let sts = Sts::start(&authority, &sts).await?;
        let start = |name: &str, port: Port, access: Option<Value>| {
            let mut options =
                GatewayOptions::new(issuers(&keycloak), server.address(), &credential);
            options.envoy.folder = Some(folder.join(name));
            Side::start(port, &sts, options, access)
        };
        let everything = json!({"tools": ["*"], "prompts": ["*"], "resources": ["*"]});
        let access = json!({"scopes": {SCOPE: everything}});
        let (gateway, with_access) = tokio::try_join!(
            start("gateway", plain, None),
            start("gateway-with-access", governed, Some(access)),
        )?;
        Ok(Self {
            directly: BearerProxy::start(direct, server.address()).await?,
            gateway,
            with_access,
            keycloak,
            folder,
            _server: server,
            _sts: sts,
            _folder: lock,
        })
    }

    /// A fresh token of alice, as an MCP client gets it.
    pub(crate) async fn token(&self) -> String {
        self.keycloak.token("alice", "alice", SCOPE).await.unwrap()
    }

    /// Where a run leaves what it found.
    pub(crate) fn folder(&self, of: &str) -> PathBuf {
        self.folder.join("runs").join(of)
    }

    /// Where the tables are left.
    pub(crate) fn report(&self) -> PathBuf {
        self.folder.join("report.txt")
    }
}

impl Side {
    /// The public address is the proxy's: what clients are given, and what tokens are for.
    async fn start(
        port: Port,
        sts: &Sts,
        mut options: GatewayOptions,
        access: Option<Value>,
    ) -> Result<Self> {
        let place = Place::reserve()?;
        let url = url_at(&port);
        // One way to write 32 bytes that nobody knows.
        let key = ring::digest::digest(&ring::digest::SHA256, secret::random()?.as_bytes());
        let key = key.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        options.envoy.environment.push((SESSION_KEY.to_owned(), key));
        options.configure = Box::new(move |configuration| {
            let resource = &mut configuration["resources"][0];
            // The suite is a page on this address as well: it sends `Origin`.
            resource["allowedOrigins"] = json!([url.trim_end_matches("/mcp")]);
            resource["resource"] = json!(url);
            resource["sessions"] = json!({"keyEnv": SESSION_KEY});
            if let Some(access) = access {
                resource["access"] = access;
            }
        });
        let proxy = BearerProxy::start(port, place.address()).await?;
        let gateway = Gateway::start(place, sts, options).await?;
        Ok(Self { proxy, gateway })
    }
}
