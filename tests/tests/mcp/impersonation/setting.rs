//! An identity provider that the API server does not know, a server that may act as its people, and what the API server
//! saw of that.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use obolus_tests::fixtures::idp::Idp;
use obolus_tests::fixtures::mcp_client::McpClient;
use obolus_tests::fixtures::mcp_server::{McpServer, McpServerOptions};
use obolus_tests::pki::Authority;
use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::world::{World, options};

/// What its people's tokens carry in `aud`.
pub(super) const AUDIENCE: &str = "kubernetes-of-old";
const RBAC: &str = include_str!("../../../../deploy/kubernetes/impersonation.yaml");

/// What is changed of the table.
type Change<'a> = &'a dyn Fn(String) -> String;

pub(super) struct Setting {
    pub(super) mcp: McpServer,
    pub(super) idp: Idp,
    /// Who the server is to the API server: an account of this story alone.
    pub(super) account: String,
    pub(super) world: &'static World,
    folder: tempfile::TempDir,
}

impl Setting {
    pub(super) async fn start() -> Result<Self> {
        Self::start_with(&|table| table).await
    }

    /// With another table; its files are there.
    pub(super) async fn start_with(change: Change<'_>) -> Result<Self> {
        let world = World::get().await?;
        let (account, token) = account(world).await?;
        let authority = Authority::new("provider of old")?;
        let idp = Idp::start(&authority).await?;
        let folder = tempfile::tempdir()?;
        authority.write(folder.path().join("idp-ca.pem"))?;
        std::fs::write(folder.path().join("token"), token)?;
        let options = options(&world.cluster)?;
        let table = change(table(&folder, &idp));
        let more = format!("{table}\n{}", options.more);
        let mcp = McpServer::start(&McpServerOptions { more, ..options }).await?;
        Ok(Self { mcp, idp, account, world, folder })
    }

    /// The file of the server's own token.
    pub(super) fn token_file(&self) -> PathBuf {
        self.folder.path().join("token")
    }

    /// Claims of a token that is good here.
    pub(super) fn claims(&self, name: &str, groups: &[&str]) -> Value {
        let mut claims = self.idp.claims(&format!("id-of-{name}"), AUDIENCE);
        claims["preferred_username"] = json!(name);
        claims["groups"] = json!(groups);
        claims
    }

    pub(super) fn client(&self, name: &str, groups: &[&str]) -> Result<McpClient> {
        self.with_token(&self.idp.mint(&self.claims(name, groups))?)
    }

    pub(super) fn with_token(&self, token: &str) -> Result<McpClient> {
        McpClient::new(&self.mcp.url(), Some(token))
    }

    /// All that the API server has seen of this server's account, written by now.
    pub(super) async fn seen(&self) -> Result<Vec<Value>> {
        self.world.cluster.marker().await?;
        self.world.cluster.audit_of(&self.account)
    }
}

fn table(folder: &tempfile::TempDir, idp: &Idp) -> String {
    let file = |name: &str| folder.path().join(name);
    format!(
        r#"[cluster.impersonation]
token_file = {:?}
profile = "oidc"
issuer = "{issuer}"
audiences = ["{AUDIENCE}"]
jwks_uri = "{issuer}/keys"
certificate_authority = {:?}
username_claim = "preferred_username"
username_prefix = "kc:"
groups_claim = "groups"
groups_prefix = "kc:"
allowed_groups = ["developers", "viewers"]
"#,
        file("token"),
        file("idp-ca.pem"),
        issuer = idp.issuer(),
    )
}

/// An account of its own with the rights of `deploy/kubernetes/impersonation.yaml`: its user name, and a token.
async fn account(world: &World) -> Result<(String, String)> {
    let name = world.unique("impersonator");
    let namespace =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "obolus"}});
    world.cluster.admin_apply(&namespace).await?;
    for object in serde_yaml_ng::Deserializer::from_str(RBAC) {
        let mut object = Value::deserialize(object)?;
        match object["kind"].as_str() {
            Some("ServiceAccount") => object["metadata"]["name"] = json!(name),
            Some("ClusterRoleBinding") => {
                object["metadata"]["name"] = json!(name);
                object["subjects"][0]["name"] = json!(name);
            }
            _ => {}
        }
        world.cluster.admin_apply(&object).await?;
    }
    let request = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {"expirationSeconds": 600},
    });
    let path = format!("/api/v1/namespaces/obolus/serviceaccounts/{name}/token");
    let answer = world.cluster.admin_post(&path, &request).await?;
    let token = answer["status"]["token"].as_str().context("no token")?;
    Ok((format!("system:serviceaccount:obolus:{name}"), token.to_owned()))
}

/// Who acted, by an audit event: the groups without those that the API server adds.
pub(super) fn acted_as(event: &Value) -> (String, Vec<String>) {
    let who = &event["impersonatedUser"];
    let groups = who["groups"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let groups = groups.filter(|group| *group != "system:authenticated").map(str::to_owned);
    (who["username"].as_str().unwrap_or_default().to_owned(), groups.collect())
}
