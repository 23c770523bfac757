//! One cluster, one MCP server, and the people who come.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use obolus_tests::fixtures::cluster::{Cluster, ClusterOptions, OidcIssuer, PeoplesClaims};
use obolus_tests::fixtures::idp::Idp;
use obolus_tests::fixtures::mcp_client::McpClient;
use obolus_tests::fixtures::mcp_server::{McpServer, McpServerOptions};
use obolus_tests::pki::Authority;
use obolus_tests::shared::Started;
use serde_json::json;

static WORLD: Started<World> = Started::new();

/// The namespace in which developers edit and viewers read some.
pub(crate) const SHOP: &str = "shop";
/// One in which neither may do anything but what they may everywhere.
pub(crate) const WAREHOUSE: &str = "warehouse";

pub(crate) struct World {
    // Before the rest, because fields are dropped in this order.
    pub(crate) mcp: McpServer,
    pub(crate) cluster: Cluster,
    idp: Idp,
}

/// Somebody who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Person {
    /// Edits in `shop`, reads nearly everything everywhere, and sees into nodes.
    Alice,
    /// Reads pods and deployments in `shop`, and nothing else.
    Bob,
    /// Has a token that the API server does not accept. For tools that RBAC refuses nobody who is known.
    Stranger,
    /// Has no token.
    Nobody,
}

impl World {
    /// The world that all stories share.
    pub(crate) async fn get() -> Result<&'static Self> {
        WORLD.get(Self::start).await
    }

    async fn start() -> Result<Self> {
        let authority = Authority::new("issuer")?;
        let idp = Idp::start(&authority).await?;
        let issuer = OidcIssuer {
            url: idp.issuer(),
            ca_pem: authority.pem(),
            audience: AUDIENCE.to_owned(),
            claims: PeoplesClaims::Keycloak,
        };
        let cluster = Cluster::start(ClusterOptions {
            issuers: vec![issuer],
            metrics: true,
            kubelet: true,
            ..ClusterOptions::default()
        })
        .await?;
        permit(&cluster).await?;
        let mcp = McpServer::start(&options(&cluster)?).await?;
        let world = Self { mcp, cluster, idp };
        world.cluster.wait_for_issuer(&world.token(Person::Alice, "alice")?).await?;
        Ok(world)
    }

    /// A client of this person under a name that nobody else has, so that what the API server saw of it is known:
    /// `kc:` and the name. The token is good for five minutes.
    pub(crate) fn client(&self, person: Person, name: &str) -> Result<McpClient> {
        self.client_of(&self.mcp, person, name)
    }

    /// The same at another server than the one that all share.
    pub(crate) fn client_of(
        &self,
        mcp: &McpServer,
        person: Person,
        name: &str,
    ) -> Result<McpClient> {
        let token = match person {
            Person::Nobody => None,
            _ => Some(self.token(person, name)?),
        };
        McpClient::new(&mcp.url(), token.as_deref())
    }

    /// A server of one story alone, for what it measures.
    pub(crate) async fn another_server(&self) -> Result<McpServer> {
        McpServer::start(&options(&self.cluster)?).await
    }

    pub(crate) fn token(&self, person: Person, name: &str) -> Result<String> {
        let (audience, group) = match person {
            Person::Alice => (AUDIENCE, "developers"),
            Person::Bob => (AUDIENCE, "viewers"),
            Person::Stranger | Person::Nobody => ("elsewhere", "developers"),
        };
        let mut claims = self.idp.claims(name, audience);
        claims["preferred_username"] = json!(name);
        claims["groups"] = json!([group]);
        self.idp.mint(&claims)
    }

    /// A name that no other story has.
    pub(crate) fn unique(&self, stem: &str) -> String {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        format!("{stem}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

const AUDIENCE: &str = "kubernetes";

/// Helm's tools, and charts: `notes` can be installed, `refused` only by an administrator.
fn helm() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mcp/charts");
    format!("[toolset_configs.helm]\ncharts_folder = {folder:?}\n")
}

/// A server with helm within reach.
pub(crate) fn options(cluster: &Cluster) -> Result<McpServerOptions> {
    let folders = [cluster.programs()?, PathBuf::from("/usr/bin"), PathBuf::from("/bin")];
    let path = std::env::join_paths(folders)?.to_string_lossy().into_owned();
    Ok(McpServerOptions {
        server: cluster.url().to_owned(),
        ca_pem: cluster.ca_pem().to_owned(),
        environment: vec![("PATH".to_owned(), path)],
        more: helm(),
        ..McpServerOptions::default()
    })
}

/// On top of `deploy/kubernetes/rbac-example.yaml`.
async fn permit(cluster: &Cluster) -> Result<()> {
    let rbac = "rbac.authorization.k8s.io";
    let developers = json!([{"apiGroup": rbac, "kind": "Group", "name": "kc:developers"}]);
    for object in [
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {"name": "developers-edit", "namespace": SHOP},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "edit"},
            "subjects": developers,
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": "see-into-nodes"},
            "rules": [
                {
                    "apiGroups": [""],
                    "resources": ["nodes/proxy", "nodes/log", "nodes/stats", "nodes/metrics"],
                    "verbs": ["get"],
                },
                {
                    "apiGroups": ["metrics.k8s.io"],
                    "resources": ["nodes", "pods"],
                    "verbs": ["get", "list"],
                },
                {
                    "apiGroups": ["project.openshift.io"],
                    "resources": ["projects"],
                    "verbs": ["list"],
                },
            ],
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": "developers-see-into-nodes"},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "see-into-nodes"},
            "subjects": developers,
        }),
    ] {
        cluster.admin_apply(&object).await?;
    }
    Ok(())
}
