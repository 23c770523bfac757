//! One cluster, both servers in front of it, somebody who may do everything and somebody who may do little.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::cluster::{Cluster, ClusterOptions, OidcIssuer, PeoplesClaims};
use obolus_tests::fixtures::idp::Idp;
use obolus_tests::fixtures::kubernetes_mcp_server::{
    KubernetesMcpServer, KubernetesMcpServerOptions,
};
use obolus_tests::fixtures::mcp_client::{Answered, McpClient, Revision};
use obolus_tests::fixtures::mcp_server::{McpServer, McpServerOptions};
use obolus_tests::pki::Authority;
use serde_json::{Value, json};

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Person {
    /// May do everything.
    Operator,
    /// May look at pods and Deployments of `shop`.
    Viewer,
}

/// Which of the two servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Ours,
    Theirs,
}

impl Side {
    /// A name that the other has not, and that means the same.
    pub(crate) fn name(self, stem: &str) -> String {
        match self {
            Self::Ours => format!("{stem}-ours"),
            Self::Theirs => format!("{stem}-theirs"),
        }
    }
}

/// How long one call may take, the slowest being an installation that waits for what it made.
const ANSWERED: Duration = Duration::from_secs(30);

pub(crate) struct Setting {
    pub(crate) cluster: Cluster,
    ours: McpServer,
    theirs: KubernetesMcpServer,
    idp: Idp,
}

/// The same of both.
#[derive(Debug)]
pub(crate) struct Answers {
    pub(crate) ours: Answered,
    pub(crate) theirs: Answered,
}

impl Setting {
    pub(crate) async fn start() -> Result<Self> {
        let authority = Authority::new("issuer")?;
        let idp = Idp::start(&authority).await?;
        let issuer = OidcIssuer {
            url: idp.issuer(),
            ca_pem: authority.pem(),
            audience: "kubernetes".to_owned(),
            claims: PeoplesClaims::Keycloak,
        };
        let options = ClusterOptions {
            issuers: vec![issuer],
            kubelet: true,
            metrics: true,
            ..ClusterOptions::default()
        };
        let cluster = Cluster::start(options).await?;
        permit(&cluster).await?;
        a_project(&cluster).await?;
        let ours = McpServer::start(&McpServerOptions {
            server: cluster.url().to_owned(),
            ca_pem: cluster.ca_pem().to_owned(),
            environment: vec![("PATH".to_owned(), path_with_helm(&cluster)?)],
            more: format!("[toolset_configs.helm]\ncharts_folder = {:?}\n", charts()),
            ..McpServerOptions::default()
        })
        .await?;
        let theirs = KubernetesMcpServer::start(
            &cluster,
            &KubernetesMcpServerOptions {
                working_folder: Some(charts()),
                ..KubernetesMcpServerOptions::default()
            },
        )
        .await?;
        let setting = Self { cluster, ours, theirs, idp };
        setting.cluster.wait_for_issuer(&setting.token(Person::Operator)?).await?;
        Ok(setting)
    }

    fn token(&self, person: Person) -> Result<String> {
        let (name, group) = match person {
            Person::Operator => ("olga", "operators"),
            Person::Viewer => ("bob", "viewers"),
        };
        let mut claims = self.idp.claims(name, "kubernetes");
        claims["preferred_username"] = json!(name);
        claims["groups"] = json!([group]);
        self.idp.mint(&claims)
    }

    /// One of the servers, for this person.
    pub(crate) fn client(&self, side: Side, person: Person) -> Result<McpClient> {
        let url = match side {
            Side::Ours => self.ours.url(),
            Side::Theirs => self.theirs.url(),
        };
        let client = McpClient::new(&url, Some(&self.token(person)?))?;
        Ok(client.speaking(Revision::V2025_11_25))
    }

    /// One call. A server that does not answer is told with the end of its log.
    pub(crate) async fn call(
        &self,
        side: Side,
        person: Person,
        tool: &str,
        arguments: &Value,
    ) -> Result<Answered> {
        let client = self.client(side, person)?;
        let answer = tokio::time::timeout(ANSWERED, client.call(tool, arguments.clone())).await;
        let log = || match side {
            Side::Ours => obolus_tests::process::tail(self.ours.log_path(), 20),
            Side::Theirs => obolus_tests::process::tail(self.theirs.log_path(), 20),
        };
        answer
            .with_context(|| {
                format!("{side:?} did not answer {tool} {arguments} of {person:?} within {ANSWERED:?}\n{}", log())
            })?
            .with_context(|| format!("{side:?}: {tool} {arguments} of {person:?}\n{}", log()))
    }

    /// The same call to both.
    pub(crate) async fn both(
        &self,
        person: Person,
        tool: &str,
        arguments: &Value,
    ) -> Result<Answers> {
        Ok(Answers {
            theirs: self.call(Side::Theirs, person, tool, arguments).await?,
            ours: self.call(Side::Ours, person, tool, arguments).await?,
        })
    }
}

/// The charts that both find by name: ours in this folder, theirs because it is started there.
fn charts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mcp/charts")
}

fn path_with_helm(cluster: &Cluster) -> Result<String> {
    let folders = [cluster.programs()?, PathBuf::from("/usr/bin"), PathBuf::from("/bin")];
    Ok(std::env::join_paths(folders)?.to_string_lossy().into_owned())
}

/// Operators may do everything. Whoever has no name may see which kinds there are: theirs looks for OpenShift's once, at
/// its start, when it is nobody.
async fn permit(cluster: &Cluster) -> Result<()> {
    let rbac = "rbac.authorization.k8s.io";
    for (name, role, group) in [
        ("operators", "cluster-admin", "kc:operators"),
        ("anybody-discovers", "system:discovery", "system:unauthenticated"),
    ] {
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": rbac, "kind": "Group", "name": group}],
        });
        cluster.admin_apply(&binding).await?;
    }
    Ok(())
}

/// As OpenShift has them, as far as a list shows it.
async fn a_project(cluster: &Cluster) -> Result<()> {
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {
            "name": "projects.project.openshift.io",
            // The group is OpenShift's, and belongs to whoever runs this cluster.
            "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
        },
        "spec": {
            "group": "project.openshift.io", "scope": "Cluster",
            "names": {"kind": "Project", "plural": "projects", "singular": "project"},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object"}},
            }],
        },
    });
    cluster.admin_apply(&definition).await?;
    let project = json!({
        "apiVersion": "project.openshift.io/v1", "kind": "Project", "metadata": {"name": "clearance", "labels": {"season": "winter"}},
    });
    eventually("the kind Project", Duration::from_secs(30), || cluster.admin_apply(&project))
        .await
        .map(drop)
}
