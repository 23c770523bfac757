//! One cluster, both servers in front of it, somebody who may do everything and somebody who may do little.

use anyhow::Result;
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
        let operators = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": "operators"},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin",
            },
            "subjects": [
                {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "kc:operators"},
            ],
        });
        cluster.admin_apply(&operators).await?;
        let ours = McpServer::start(&McpServerOptions {
            server: cluster.url().to_owned(),
            ca_pem: cluster.ca_pem().to_owned(),
            ..McpServerOptions::default()
        })
        .await?;
        let theirs =
            KubernetesMcpServer::start(&cluster, &KubernetesMcpServerOptions::default()).await?;
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

    /// Our server, for this person.
    pub(crate) fn ours(&self, person: Person) -> Result<McpClient> {
        let client = McpClient::new(&self.ours.url(), Some(&self.token(person)?))?;
        Ok(client.speaking(Revision::V2025_11_25))
    }

    /// Theirs, for the same.
    pub(crate) fn theirs(&self, person: Person) -> Result<McpClient> {
        let client = McpClient::new(&self.theirs.url(), Some(&self.token(person)?))?;
        Ok(client.speaking(Revision::V2025_11_25))
    }

    /// The same call to both.
    pub(crate) async fn both(
        &self,
        person: Person,
        tool: &str,
        arguments: &Value,
    ) -> Result<Answers> {
        Ok(Answers {
            theirs: self.theirs(person)?.call(tool, arguments.clone()).await?,
            ours: self.ours(person)?.call(tool, arguments.clone()).await?,
        })
    }
}
