//! `deploy/istio` in a mesh: real people, the STS and the MCP server behind their sidecars, a real cluster.
//!
//! Entra ID is emulated: the emulator starts in a second, and what the mesh carries is the same as with Keycloak. Of
//! what the manifests say, these differ: whose tokens the filter takes, and where its files are.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use anyhow::{Context as _, Result};
use obolus_envoy::istio::Istio;
use obolus_tests::fixtures::cluster::{Cluster, ClusterOptions};
use obolus_tests::fixtures::entra::{Entra, EntraOptions, TARGET};
use obolus_tests::fixtures::folder;
use obolus_tests::fixtures::mcp_client::{Answered, McpClient, answered};
use obolus_tests::fixtures::mcp_server::{McpServer, McpServerOptions};
use obolus_tests::fixtures::mesh::manifests::gateway_port;
use obolus_tests::fixtures::mesh::{
    Application, Edit, Kind, Mesh, MeshOptions, Workload, WorkloadOptions,
};
use obolus_tests::fixtures::sts::{AUTHORITY, CALLER, Sts, StsOptions};
use obolus_tests::parts::products::{products, workspace};
use obolus_tests::pki::{Authority, Subject};
use obolus_tests::{https, secret};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::modules;

/// The host of the resource in `deploy/istio/filter.json`.
pub(crate) const HOST: &str = "mcp.example.com";
pub(crate) const CREDENTIAL: &str = "OBOLUS_STS_CREDENTIAL";
/// The STS's files of the filter's credential.
pub(crate) const FIRST: &str = "credential";
pub(crate) const NEXT: &str = "credential-next";
/// The ports of the two Services.
pub(crate) const STS_PORT: u16 = 8443;
pub(crate) const MCP_PORT: u16 = 8080;

pub(crate) struct Installed {
    pub(crate) mesh: Mesh,
    pub(crate) sts: Sts,
    /// The filter's, in the two files where the STS looks for it.
    pub(crate) credential: String,
    _mcp_server: McpServer,
    pub(crate) entra: Entra,
    pub(crate) authority: Authority,
    /// What made the EnvoyFilter that is installed.
    pub(crate) istio: Istio,
    pub(crate) folder: PathBuf,
    _folder: File,
}

/// The installation, for one story at a time.
pub(crate) async fn installed() -> Result<MutexGuard<'static, Installed>> {
    /// A test's own runtime ends with the test, and takes along the servers that it started.
    static RUNTIME: LazyLock<std::io::Result<Runtime>> = LazyLock::new(Runtime::new);
    static INSTALLED: OnceCell<Result<Mutex<Installed>, String>> = OnceCell::const_new();
    let installed = INSTALLED.get_or_init(|| async {
        let start = || {
            let runtime = RUNTIME.as_ref().map_err(|error| error.to_string())?;
            runtime.block_on(Installed::start()).map_err(|error| format!("{error:#}"))
        };
        let started =
            tokio::task::spawn_blocking(start).await.map_err(|error| error.to_string())?;
        started.map(Mutex::new)
    });
    let installed = installed.await.as_ref().map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(installed.lock().await)
}

impl Installed {
    async fn start() -> Result<Self> {
        let started = Instant::now();
        let (folder, lock) = folder::shared("mesh-installed")?;
        let authority = Authority::new("obolus mesh")?;
        let entra = Entra::start(&authority, EntraOptions::default()).await?;
        let cluster = Cluster::start(ClusterOptions {
            issuers: vec![entra.for_the_cluster(&authority)],
            folder: Some(folder.join("cluster")),
            ..ClusterOptions::default()
        });
        let mut sts_options = StsOptions {
            credential: secret::random()?,
            folder: Some(folder.join("sts")),
            ..StsOptions::default()
        };
        entra.add_to_sts(&mut sts_options, &[(TARGET, entra.default_style())])?;
        let (cluster, sts) = tokio::try_join!(cluster, Sts::start(&authority, &sts_options))?;
        let sts = with_two_credentials(sts, &sts_options.credential).await?;
        let groups = entra.groups();
        let pairs: Vec<_> =
            groups.iter().map(|(example, own)| (example.as_str(), own.as_str())).collect();
        cluster.bind_groups(&pairs).await?;
        let mcp_server = McpServer::start(&McpServerOptions {
            server: cluster.url().to_owned(),
            ca_pem: cluster.ca_pem().to_owned(),
            allowed_hosts: vec![HOST.to_owned()],
            folder: Some(folder.join("mcp")),
            ..McpServerOptions::default()
        })
        .await?;
        eprintln!("cluster, STS and MCP server run after {:.1?}", started.elapsed());

        let istio = istio(&entra, &sts, &folder)?;
        let envoy_filter =
            istio.envoy_filter().map_err(|problems| anyhow::anyhow!("{problems}"))?;
        let behind = |address, port, protocol: &str| Application {
            address,
            port,
            protocol: protocol.to_owned(),
        };
        let mut options = MeshOptions::new(
            behind(sts.address(), STS_PORT, "TCP"),
            behind(mcp_server.address(), MCP_PORT, "HTTP"),
        );
        options.folder = Some(folder.join("mesh"));
        // For the story in which the filter stands at the MCP server.
        options.mcp_environment.push((CREDENTIAL.to_owned(), sts_options.credential.clone()));
        options.gateway.environment.push((CREDENTIAL.to_owned(), sts_options.credential.clone()));
        options.edit = Edit::new(move |object| {
            // The committed one, which has no module's digest.
            if object["kind"] == "EnvoyFilter" && object.to_string().contains(&"0".repeat(64)) {
                *object = envoy_filter.clone();
            }
        });
        let mut mesh = Mesh::start(Arc::new(cluster), options).await?;
        eprintln!("the mesh runs after {:.1?}", started.elapsed());
        mesh.apply_only(include_str!("stranger.yaml")).await?;
        let stranger = WorkloadOptions::new(Kind::Sidecar, "shop", "stranger");
        mesh.join_caller(stranger, &[MCP_PORT]).await?;
        mesh.cluster.admin_apply(&certificate(&authority)?).await?;
        mesh.apply_dir(&deployed()).await?;
        eprintln!("deploy/istio is in place after {:.1?}", started.elapsed());

        let installed = Self {
            mesh,
            sts,
            credential: sts_options.credential,
            _mcp_server: mcp_server,
            entra,
            authority,
            istio,
            folder,
            _folder: lock,
        };
        let exchanged = installed.entra.exchange(&installed.token("alice").await?).await?;
        installed.mesh.cluster.wait_for_issuer(&exchanged).await?;
        eprintln!("the API server knows the issuer after {:.1?}", started.elapsed());
        Ok(installed)
    }

    /// A fresh token of this person, as an MCP client gets it.
    pub(crate) async fn token(&self, person: &str) -> Result<String> {
        self.entra.token(person).await
    }

    /// Calls a tool through the gateway.
    pub(crate) async fn call(
        &self,
        token: Option<&str>,
        tool: &str,
        arguments: Value,
    ) -> Result<Answered> {
        let client = self.client(token)?;
        let params = json!({"name": tool, "arguments": arguments});
        answered(client.request("tools/call", params).header("host", HOST)).await
    }

    /// A client at the gateway; its requests need the header `host`.
    pub(crate) fn client(&self, token: Option<&str>) -> Result<McpClient> {
        self.client_at(&self.mesh.gateway, token)
    }

    /// A client at this gateway.
    pub(crate) fn client_at(&self, gateway: &Workload, token: Option<&str>) -> Result<McpClient> {
        let url = format!("https://{HOST}:{}/mcp", gateway_port(443));
        // With HTTP/2 the host would be the URL's, which has this machine's port.
        let http = https::builder()
            .http1_only()
            .tls_certs_only([reqwest::Certificate::from_pem(self.authority.pem().as_bytes())?])
            .resolve(HOST, gateway.at(gateway_port(443)))
            .build()?;
        Ok(McpClient::new(&url, token)?.over(http))
    }

    /// A workload with an identity of its own that nobody has admitted.
    pub(crate) fn stranger(&self) -> Result<&Workload> {
        self.mesh.other("stranger.shop").context("the stranger has not joined")
    }

    /// The filter's audit records so far, oldest first.
    pub(crate) fn audit(&self) -> Vec<Value> {
        let log = self.mesh.gateway.log();
        let lines = log.lines().filter_map(|line| line.split_once("obolus-audit "));
        let records = lines.filter_map(|(_, json)| {
            // Envoy's own log may add to the line.
            serde_json::Deserializer::from_str(json).into_iter().next()?.ok()
        });
        records.collect()
    }
}

/// The folder that people apply.
pub(crate) fn deployed() -> PathBuf {
    workspace().join("deploy/istio")
}

/// The committed configuration with this directory's people, and this machine's files.
fn istio(entra: &Entra, sts: &Sts, folder: &Path) -> Result<Istio> {
    let mut istio = Istio::default();
    let committed = istio.configuration["resources"][0].clone();
    let text = |name: &str| committed[name].as_str().context("a text is missing");
    let cluster = committed["clusters"][0].as_str().context("no cluster")?;
    let mut resource = entra.resource(text("resource")?, cluster, TARGET);
    // The route's name in the committed VirtualService.
    resource["name"] = committed["name"].clone();
    istio.configuration["sts"]["callerId"] = CALLER.into();
    istio.configuration["sts"]["authority"] = AUTHORITY.into();
    istio.configuration["issuers"] = json!([entra.issuer_for_the_filter()]);
    istio.configuration["resources"] = json!([resource]);
    istio.module = modules::deliver(&std::fs::read(products()?.filter)?, folder)?;
    istio.sts_ca_file = sts.ca_file().to_string_lossy().into_owned();
    Ok(istio)
}

/// As in `deploy/istio/sts.toml`: two places, so that one can replace the other.
async fn with_two_credentials(mut sts: Sts, credential: &str) -> Result<Sts> {
    std::fs::write(sts.folder().join(NEXT), credential)?;
    let file = sts.folder().join("sts.toml");
    let text = std::fs::read_to_string(&file)?;
    let two = format!("credential_files = [\"{FIRST}\", \"{NEXT}\"]");
    std::fs::write(&file, text.replace("credential_files = [\"credential\"]", &two))?;
    sts.stop()?;
    sts.start_again().await?;
    Ok(sts)
}

/// The gateway's certificate for the resource's host.
fn certificate(authority: &Authority) -> Result<Value> {
    let leaf = authority.issue(Subject::named(HOST).server().dns(HOST))?;
    Ok(json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": "obolus-gateway-tls", "namespace": "istio-system"},
        "stringData": {"tls.crt": leaf.certificate, "tls.key": leaf.key},
    }))
}
