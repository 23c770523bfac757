//! `deploy/istio` in a mesh: real people, the STS and the MCP server behind their sidecars, a real cluster.
//!
//! Entra ID is emulated: the emulator starts in a second, and what the mesh carries is the same as with Keycloak. Of
//! what the manifests say, these differ: whose tokens the filter takes, and where its files are.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use obolus_envoy::istio::Istio;
use obolus_tests::fixtures::audit;
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
use obolus_tests::shared::Shared;
use obolus_tests::{https, secret};
use serde_json::{Value, json};
use tokio::sync::RwLockWriteGuard;

use crate::heavy::{Installing, installation_is_wanted};
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
    mcp_server: McpServer,
    pub(crate) entra: Entra,
    pub(crate) authority: Authority,
    /// What made the EnvoyFilter that is installed.
    pub(crate) istio: Istio,
    pub(crate) folder: PathBuf,
    _folder: File,
}

/// The installation, for one story at a time.
pub(crate) async fn installed() -> Result<RwLockWriteGuard<'static, Installed>> {
    static INSTALLED: Shared<Installed> = Shared::new();
    installation_is_wanted();
    INSTALLED.alone(Installed::start).await
}

impl Installed {
    async fn start() -> Result<Self> {
        let _alone = Installing;
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
        let [tokens, _] =
            istio.exchanged_only().map_err(|problems| anyhow::anyhow!("{problems}"))?;
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
        // Istiod fetches the keys of the identity provider by itself.
        let trusted = folder.join("identity-provider-ca.crt");
        authority.write(&trusted)?;
        let trusted = trusted.to_string_lossy().into_owned();
        options.istiod.environment.push(("SSL_CERT_FILE".to_owned(), trusted));
        // For the story in which the filter stands at the MCP server.
        options.mcp_environment.push((CREDENTIAL.to_owned(), sts_options.credential.clone()));
        // As `openssl` writes it into a file, and `kubectl --from-file` takes it from there.
        let with_line_end = format!("{}\n", sts_options.credential);
        options.gateway.environment.push((CREDENTIAL.to_owned(), with_line_end));
        options.edit = Edit::new(move |object| {
            // The committed one, which has no module's digest.
            if object["kind"] == "EnvoyFilter" && object.to_string().contains(&"0".repeat(64)) {
                *object = envoy_filter.clone();
            }
            if object["kind"] == "RequestAuthentication" {
                *object = tokens.clone();
            }
        });
        let mut mesh = Mesh::start(Arc::new(cluster), options).await?;
        eprintln!("the mesh runs after {:.1?}", started.elapsed());
        mesh.apply_only(include_str!("stranger.yaml")).await?;
        let stranger = WorkloadOptions::new(Kind::Sidecar, "shop", "stranger");
        mesh.join_caller(stranger, &[MCP_PORT]).await?;
        mesh.cluster.admin_apply(&certificate(&authority)?).await?;
        mesh.apply_dir(&deployed()).await?;
        mesh.apply(&routes()?).await?;
        eprintln!("deploy/istio is in place after {:.1?}", started.elapsed());

        let installed = Self {
            mesh,
            sts,
            credential: sts_options.credential,
            mcp_server,
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
        Ok(McpClient::new(&url, token)?.over(self.https_at(gateway)?))
    }

    /// Finds our host at this gateway.
    pub(crate) fn https_at(&self, gateway: &Workload) -> Result<reqwest::Client> {
        // With HTTP/2 the host would be the URL's, which has this machine's port.
        Ok(https::builder()
            .http1_only()
            .tls_certs_only([reqwest::Certificate::from_pem(self.authority.pem().as_bytes())?])
            .resolve(HOST, gateway.at(gateway_port(443)))
            .build()?)
    }

    /// A workload with an identity of its own that nobody has admitted.
    pub(crate) fn stranger(&self) -> Result<&Workload> {
        self.mesh.other("stranger.shop").context("the stranger has not joined")
    }

    /// How many requests the MCP server's sidecar has let through to it, HTTP or not; none has come another way.
    pub(crate) async fn arrived(&self) -> Result<u64> {
        let counted = self.counted_by_the_server().await?;
        let stats = self.mesh.mcp.admin.stats().await?;
        let to_the_server = |name: &str| {
            (name.starts_with("cluster.inbound|") || name.starts_with("cluster.InboundPassthrough"))
                && name.ends_with(".upstream_rq_total")
        };
        let let_through: Vec<_> =
            stats.iter().filter(|(name, _)| to_the_server(name)).map(|(_, count)| *count).collect();
        ensure!(!let_through.is_empty(), "the sidecar counts nothing: {:?}", stats.keys());
        let let_through = let_through.iter().sum();
        ensure!(counted <= let_through, "{counted} at the server, {let_through} at its sidecar");
        Ok(let_through)
    }

    /// Tool calls and what was refused before, as the MCP server counts them.
    pub(crate) async fn counted_by_the_server(&self) -> Result<u64> {
        const COUNTERS: [&str; 2] =
            ["obolus_mcp_tool_calls_total", "obolus_mcp_requests_refused_total"];
        let url = format!("{}/metrics", self.mcp_server.operations_url());
        let page = https::plain_client()?.get(url).send().await?.error_for_status()?;
        let page = page.text().await?;
        let mut sum = 0;
        for counter in COUNTERS {
            ensure!(page.contains(&format!("# TYPE {counter} counter")), "no {counter}: {page}");
            for line in page.lines().filter(|line| line.starts_with(&format!("{counter}{{"))) {
                let (_, number) = line.rsplit_once(' ').context("no number")?;
                sum += number.parse::<u64>()?;
            }
        }
        Ok(sum)
    }

    /// The filter's audit records so far, oldest first. Each is written a second after its request at the latest.
    pub(crate) fn audit(&self) -> Vec<Value> {
        audit::records(&self.mesh.gateway.log())
    }

    /// Waits until there are so many of these, of decisions since that second: Envoy writes them some seconds later, so
    /// that those of other stories come in between.
    pub(crate) async fn audited(
        &self,
        since: u64,
        count: usize,
        is_it: impl Fn(&Value) -> bool,
    ) -> Result<Vec<Value>> {
        let of_these = || {
            let recent = |record: &Value| record["time"].as_u64().is_some_and(|time| time >= since);
            let mut records = self.audit();
            records.retain(|record| recent(record) && is_it(record));
            records
        };
        audit::recorded("the calls", of_these, |records| records.len() >= count).await
    }
}

/// The folder that people apply.
pub(crate) fn deployed() -> PathBuf {
    workspace().join("deploy/istio")
}

/// What people apply after all the rest.
pub(crate) fn routes() -> Result<String> {
    Ok(std::fs::read_to_string(deployed().join("gateway/routes.yaml"))?)
}

/// What people apply besides, where the filter stands at the gateway.
pub(crate) fn exchanged_only() -> Result<String> {
    Ok(std::fs::read_to_string(deployed().join("exchanged-only.yaml"))?)
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
