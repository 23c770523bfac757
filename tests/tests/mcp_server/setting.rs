//! A cluster that believes an issuer, and an MCP server that is surrounded by credentials which are
//! not its own.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::cluster::{Cluster, ClusterOptions, OidcIssuer, PeoplesClaims};
use obolus_tests::fixtures::idp::Idp;
use obolus_tests::fixtures::mcp_client::McpClient;
use obolus_tests::https;
use obolus_tests::parts::products::products;
use obolus_tests::pki::Authority;
use obolus_tests::ports::Port;
use obolus_tests::process::{Process, Program};
use serde_json::{Value, json};

/// Puts a ServiceAccount's files where a pod has them, for this program alone, and becomes it.
const MOUNTED: &str = r#"
mount -t tmpfs none /var/run
mount=/var/run/secrets/kubernetes.io/serviceaccount
mkdir -p "$mount" && cp "$1"/token "$1"/ca.crt "$1"/namespace "$mount"
shift
exec "$@"
"#;

pub(crate) struct Setting {
    process: Process,
    pub(crate) cluster: Cluster,
    /// A token of a ServiceAccount that may do everything.
    pub(crate) mounted_token: String,
    /// Whether the ServiceAccount's files are where a pod has them; not every machine allows it.
    pub(crate) is_mounted: bool,
    idp: Idp,
    mcp: Port,
    _operations: Port,
    _folder: tempfile::TempDir,
}

impl Setting {
    /// Starts everything; the API server believes the issuer when this returns.
    pub(crate) async fn start() -> Result<Self> {
        let authority = Authority::new("issuer")?;
        let idp = Idp::start(&authority).await?;
        let issuer = OidcIssuer {
            url: idp.issuer(),
            ca_pem: authority.pem(),
            audience: "kubernetes".to_owned(),
            claims: PeoplesClaims::Keycloak,
        };
        let options = ClusterOptions { issuers: vec![issuer], ..ClusterOptions::default() };
        let cluster = Cluster::start(options).await?;
        let mounted_token = administrator(&cluster).await?;
        ensure!(
            cluster.who_is(&mounted_token).await?.status.is_success(),
            "the mounted token is no good"
        );

        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("token"), &mounted_token)?;
        std::fs::write(folder.path().join("ca.crt"), cluster.ca_pem())?;
        std::fs::write(folder.path().join("namespace"), "kube-system")?;
        let [mcp, operations] = Port::reserve_all()?;
        let config = folder.path().join("mcp.toml");
        let text = format!(
            "listen = \"{}\"\noperations = \"{}\"\n[cluster]\nserver = \"{}\"\ncertificate_authority = \"ca.crt\"\n",
            mcp.address(),
            operations.address(),
            cluster.url(),
        );
        std::fs::write(&config, text)?;

        let is_mounted = can_mount();
        let server = tokio::task::spawn_blocking(products).await??.mcp_server;
        let log = folder.path().join("mcp.log");
        let program = if is_mounted {
            Program::new("obolus-mcp", "unshare", &log)
                .args(["--map-root-user", "--mount", "/bin/sh", "-ec", MOUNTED, "sh"])
                .arg(folder.path())
                .arg(server)
        } else {
            Program::new("obolus-mcp", server, &log)
        };
        let (host, port) = host_and_port(cluster.url())?;
        let mut process = program
            .arg("--config")
            .arg(&config)
            .env("KUBECONFIG", cluster.admin_kubeconfig())
            .env("KUBERNETES_SERVICE_HOST", host)
            .env("KUBERNETES_SERVICE_PORT", port)
            .env("KUBERNETES_SERVICE_PORT_HTTPS", port)
            .start()?;
        let ready = format!("http://{}/readyz", operations.address());
        eventually("the MCP server's /readyz", Duration::from_secs(20), || {
            let running = process.still_runs();
            let ready = &ready;
            async move {
                running?;
                https::plain_client()?.get(ready).send().await?.error_for_status()?;
                Ok(())
            }
        })
        .await?;
        let setting = Self {
            process,
            cluster,
            mounted_token,
            is_mounted,
            idp,
            mcp,
            _operations: operations,
            _folder: folder,
        };
        setting.cluster.wait_for_issuer(&setting.token("alice", "developers")?).await?;
        Ok(setting)
    }

    /// A token that the API server takes for `kc:{person}` in `kc:{group}`.
    pub(crate) fn token(&self, person: &str, group: &str) -> Result<String> {
        self.token_for("kubernetes", person, group)
    }

    pub(crate) fn token_for(&self, audience: &str, person: &str, group: &str) -> Result<String> {
        let mut claims = self.idp.claims(person, audience);
        claims["preferred_username"] = json!(person);
        claims["groups"] = json!([group]);
        self.idp.mint(&claims)
    }

    /// A client with this token, or with none.
    pub(crate) fn client(&self, token: Option<&str>) -> Result<McpClient> {
        McpClient::new(&format!("http://{}/mcp", self.mcp.address()), token)
    }

    pub(crate) fn alice(&self) -> Result<McpClient> {
        self.client(Some(&self.token("alice", "developers")?))
    }

    pub(crate) fn bob(&self) -> Result<McpClient> {
        self.client(Some(&self.token("bob", "viewers")?))
    }

    /// What the server has written.
    pub(crate) fn log(&self) -> String {
        self.process.log()
    }

    /// The environment that the server really has.
    pub(crate) fn environment(&self) -> Result<String> {
        let bytes = std::fs::read(format!("/proc/{}/environ", self.process.pid()))?;
        Ok(String::from_utf8_lossy(&bytes).replace('\0', "\n"))
    }

    /// The token that the server finds where a pod has its own.
    pub(crate) fn mounted_file(&self) -> Result<String> {
        // A link would be followed from our own root.
        let folder = std::fs::canonicalize("/var/run")?;
        let path = format!("{}/secrets/kubernetes.io/serviceaccount/token", folder.display());
        Ok(std::fs::read_to_string(format!("/proc/{}/root{path}", self.process.pid()))?)
    }
}

/// A ServiceAccount that may do everything; its token.
async fn administrator(cluster: &Cluster) -> Result<String> {
    let name = json!({"name": "mounted", "namespace": "kube-system"});
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": name});
    cluster.admin_apply(&account).await?;
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": "mounted"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": "mounted", "namespace": "kube-system"}],
    });
    cluster.admin_apply(&binding).await?;
    let request =
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    let path = "/api/v1/namespaces/kube-system/serviceaccounts/mounted/token";
    let answer: Value = cluster.admin_post(path, &request).await?;
    Ok(answer["status"]["token"].as_str().context("no token")?.to_owned())
}

fn can_mount() -> bool {
    let script = "mount -t tmpfs none /var/run";
    let tried = Command::new("unshare")
        .args(["--map-root-user", "--mount", "/bin/sh", "-ec", script])
        .output();
    tried.is_ok_and(|output| output.status.success())
}

fn host_and_port(url: &str) -> Result<(&str, &str)> {
    url.strip_prefix("https://").and_then(|rest| rest.rsplit_once(':')).context("no port")
}
