//! A stack whose every secret is known, and where each of them belongs.

use std::fs::File;
use std::path::PathBuf;

use anyhow::Result;
use obolus_core::token::TokenDigest;
use obolus_envoy::ClientCertificate;
use obolus_tests::fixtures::folder;
use obolus_tests::fixtures::keycloak::{Assertion, Grant, Tokens, claims};
use obolus_tests::fixtures::stack::{SCOPE, Stack, StackOptions};
use obolus_tests::pki::{KeyKind, self_signed};
use obolus_tests::secret;
use reqwest::RequestBuilder;
use serde_json::Value;

use crate::canary::Canary;
use crate::search::Hit;

/// A target for which the STS proves itself with a signed assertion.
pub(crate) const SIGNED: &str = "kubernetes-signed";

pub(crate) struct World {
    pub(crate) stack: Stack,
    pub(crate) folder: PathBuf,
    /// What alice brings.
    pub(crate) token: String,
    /// Another token of hers, which is kept until the end.
    pub(crate) spare: String,
    /// What the first is exchanged for, for the MCP server.
    pub(crate) exchanged: String,
    password: String,
    /// A namespace and a path of this run, which are no secrets.
    pub(crate) namespace: String,
    pub(crate) path: String,
    _lock: File,
}

impl World {
    pub(crate) async fn start() -> Result<Self> {
        let (folder, lock) = folder::shared("canaries")?;
        self_signed("gateway", KeyKind::Ec)?.write(&folder, "gateway")?;
        let file = |name: &str| folder.join(name).to_string_lossy().into_owned();
        let certificate =
            ClientCertificate { chain_file: file("gateway.crt"), key_file: file("gateway.key") };
        // Signs that have to be encoded on the way.
        let sts_secret = format!("canary+sts/secret={}", secret::random()?);
        let credential = format!("canary+filter/credential={}", secret::random()?);
        let stack = Stack::start(StackOptions {
            folder: Some(folder.clone()),
            change_keycloak: Some(Box::new(|keycloak| keycloak.sts_secret = Some(sts_secret))),
            change_sts: Some(Box::new(|sts, providers| {
                let (id, leaf) = providers.keycloak().credentials().assertion(Assertion::Rs256);
                sts.credential = credential;
                sts.log_level = Some("debug".to_owned());
                sts.files.push(("assertion.key".to_owned(), leaf.key.clone()));
                sts.more = signed_target(id, &sts.issuers[0].audiences);
            })),
            change_mcp_server: Some(Box::new(|mcp| mcp.log_level = Some("debug".to_owned()))),
            change_gateway: Some(Box::new(|gateway| {
                gateway.envoy.component_log_levels = "wasm:debug".to_owned();
                gateway.shape =
                    Box::new(|bootstrap| bootstrap.sts.client_certificate = Some(certificate));
            })),
            ..StackOptions::default()
        })
        .await?;
        let password = format!("canary+password/{}", secret::random()?);
        stack.keycloak().admin().set_password("alice", &password).await?;
        let mut world = Self {
            stack,
            folder,
            token: String::new(),
            spare: String::new(),
            exchanged: String::new(),
            password,
            namespace: format!("marker-{}", secret::random()?),
            path: format!("/marker-{}", secret::random()?),
            _lock: lock,
        };
        world.token = world.tokens("mcp-client", SCOPE).await.access_token;
        world.spare = world.tokens("mcp-client", SCOPE).await.access_token;
        Ok(world)
    }

    /// New tokens of alice, by her password.
    pub(crate) async fn tokens(&self, client: &str, scope: &str) -> Tokens {
        let grant = Grant { client, user: "alice", password: &self.password, scope };
        self.stack.keycloak().grant(grant).await.unwrap()
    }

    /// A request for an exchange with the filter's credential, or with another.
    pub(crate) fn exchange(&self, credential: &str, token: &str, target: &str) -> RequestBuilder {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("audience", target),
            ("subject_token", token),
        ];
        let encoded: String = form_urlencoded::byte_serialize(credential.as_bytes()).collect();
        let http = obolus_tests::https::client(&self.stack.authority.pem()).unwrap();
        http.post(format!("{}/exchange", self.stack.sts.url()))
            .basic_auth(obolus_tests::fixtures::sts::CALLER, Some(encoded))
            .form(&form)
    }

    /// What was planted before anything happened.
    pub(crate) fn planted(&self) -> Vec<Canary> {
        let key = |name, file: &str| {
            Canary::key(name, &std::fs::read_to_string(self.folder.join(file)).unwrap())
        };
        vec![
            Canary::of("the STS's secret", self.stack.keycloak().credentials().secret.as_bytes()),
            Canary::of("the filter's credential", self.stack.credential().as_bytes()),
            Canary::of("alice's password", self.password.as_bytes()),
            Canary::token("the client's token", &self.token),
            Canary::token("another token", &self.spare),
            key("the STS's signing key", "sts/assertion.key"),
            key("the STS's TLS key", "sts/server.key"),
            key("the gateway's TLS key", "gateway.key"),
            key("Keycloak's TLS key", "keycloak/server.key"),
        ]
    }

    /// Where planted values belong.
    pub(crate) fn at_home(&self) -> [Hit; 7] {
        [
            ("the STS's secret", "sts/keycloak.secret"),
            ("the STS's secret", "keycloak/data/import/obolus-realm.json"),
            ("the filter's credential", "sts/credential"),
            ("the STS's signing key", "sts/assertion.key"),
            ("the STS's TLS key", "sts/server.key"),
            ("the gateway's TLS key", "gateway.key"),
            ("Keycloak's TLS key", "keycloak/server.key"),
        ]
        .map(|(canary, place)| Hit { canary: canary.to_owned(), place: place.to_owned() })
    }

    /// Texts that are no secrets, and places that have them.
    pub(crate) fn controls(&self) -> Vec<Hit> {
        let id = |token: &str| claims(token).unwrap()["jti"].as_str().unwrap().to_owned();
        let folder = self.folder.to_string_lossy().into_owned();
        let digest = |token: &str| TokenDigest::of(&id(token)).to_string();
        let texts: [(String, &[&str]); 13] = [
            (id(&self.token), &["sts/sts.log"]),
            (id(&self.exchanged), &["sts/sts.log", "cluster/audit.log"]),
            (digest(&self.token), &["envoy/envoy.log"]),
            (digest(&self.exchanged), &["envoy/envoy.log"]),
            (self.namespace.clone(), &["mcp/mcp.log", "cluster/audit.log"]),
            (self.path.clone(), &["envoy/envoy.log"]),
            (folder, &["command lines", "envoy /server_info", "envoy /certs", "envoy/envoy.json"]),
            (self.stack.gateway.resource(), &["envoy /config_dump?include_eds"]),
            ("cluster.obolus-sts.".to_owned(), &["envoy /stats"]),
            ("obolus_token_cache_hit".to_owned(), &["envoy /stats/prometheus"]),
            ("obolus-sts::default_priority".to_owned(), &["envoy /clusters"]),
            ("obolus_sts_exchanges_total".to_owned(), &["sts /metrics"]),
            ("obolus_mcp_tool_calls_total".to_owned(), &["mcp /metrics"]),
        ];
        let hit = |canary: &str, place: &str| Hit { canary: canary.into(), place: place.into() };
        let hits = texts
            .iter()
            .flat_map(|(text, places)| places.iter().map(move |place| hit(text, place)));
        hits.collect()
    }
}

fn signed_target(client: &str, audiences: &[String]) -> String {
    format!(
        r#"
[[callers.grants]]
issuer = "keycloak"
audiences = {audiences:?}
clients = ["mcp-client"]
targets = ["{SIGNED}"]

[[targets]]
name = "{SIGNED}"
provider = "keycloak"
issuer = "keycloak"
audience = "kubernetes"
scopes = ["kubernetes"]

[targets.client]
id = "{client}"
method = "private_key_jwt"
algorithm = "RS256"
key_file = "assertion.key"
"#
    )
}

/// A value that nobody else has.
pub(crate) fn unique(what: &str) -> String {
    format!("canary-{what}-{}", secret::random().unwrap())
}

/// The token in an answer of the STS.
pub(crate) fn access_token(answer: &Value) -> String {
    answer["access_token"].as_str().unwrap_or_else(|| panic!("no token: {answer}")).to_owned()
}
