//! A Keycloak, and an STS with a target for each way to authenticate there.

use anyhow::{Context as _, Result};
use obolus_tests::fixtures::keycloak::{Assertion, Keycloak, KeycloakOptions};
use obolus_tests::https;
use obolus_tests::pki::{Authority, Leaf};

use crate::process::{Plan, Sts};

/// The audience of tokens that come in.
pub(crate) const RESOURCE: &str = "https://mcp.example.com/mcp";
/// May have everything.
pub(crate) const CALLER: (&str, &str) = ("envoy", "first-credential-0123456789");
/// The same caller's other credential.
pub(crate) const SECOND: (&str, &str) = ("envoy", "second-credential-0123456789");
/// May have one target that it never asks for.
pub(crate) const NARROW: (&str, &str) = ("narrow", "narrow-credential-0123456789");
/// May have everything for tokens of another client.
pub(crate) const OTHER_CLIENT: (&str, &str) = ("other-client", "other-credential-0123456789");

pub(crate) struct World {
    pub(crate) authority: Authority,
    /// Signs certificates of clients.
    pub(crate) clients: Authority,
    pub(crate) keycloak: Keycloak,
    pub(crate) sts: Sts,
}

impl World {
    pub(crate) async fn start() -> Result<Self> {
        let authority = Authority::new("obolus sts stories")?;
        let options =
            KeycloakOptions { resources: vec![RESOURCE.to_owned()], ..KeycloakOptions::default() };
        let keycloak = Keycloak::start(&authority, &options).await?;
        let plan = Plan::new(&authority)?;
        let config = configure(&plan, &keycloak)?;
        let sts = plan.start(&config).await?;
        sts.has_keys().await?;
        Ok(Self { authority, clients: Authority::new("clients")?, keycloak, sts })
    }

    /// Another STS, which wants to see a certificate.
    pub(crate) async fn start_with_client_certificates(&self) -> Result<Sts> {
        let plan = Plan::new(&self.authority)?.with_server(
            "client_ca_file = \"clients.crt\"\n\
             client_sans = [\"spiffe://cluster.local/ns/gateway/sa/envoy\", \"envoy.gateway\"]",
        );
        self.clients.write(plan.folder().join("clients.crt"))?;
        let config = configure(&plan, &self.keycloak)?;
        plan.start(&config).await
    }

    /// A client that shows this certificate.
    pub(crate) fn client_with(&self, leaf: Option<&Leaf>) -> Result<reqwest::Client> {
        let authority = reqwest::Certificate::from_pem(self.authority.pem().as_bytes())?;
        let mut client = https::builder().tls_certs_only([authority]);
        if let Some(leaf) = leaf {
            let pem = format!("{}{}", leaf.certificate, leaf.key);
            client = client.identity(reqwest::Identity::from_pem(pem.as_bytes())?);
        }
        Ok(client.build()?)
    }

    pub(crate) async fn token(&self, user: &str) -> Result<String> {
        self.keycloak.token(user, user, "mcp:tools").await
    }

    /// A token that was never exchanged.
    pub(crate) async fn fresh(&self, user: &str) -> String {
        self.token(user).await.unwrap()
    }
}

fn configure(plan: &Plan, keycloak: &Keycloak) -> Result<String> {
    let credentials = keycloak.credentials();
    plan.write("first", CALLER.1)?;
    plan.write("second", SECOND.1)?;
    plan.write("narrow", NARROW.1)?;
    plan.write("other", OTHER_CLIENT.1)?;
    plan.write("sts-secret", &credentials.secret)?;
    plan.write("wrong-secret", "not-the-secret")?;
    let mut config = format!(
        r#"
[[issuers]]
name = "keycloak"
issuer = "{}"
profile = "keycloak"
ca_file = "authority.crt"
keys_refresh_seconds = 60
"#,
        keycloak.issuer()
    );
    let secret = |method: &str, file: &str| {
        format!("id = \"obolus-sts\"\nmethod = \"{method}\"\nsecret_file = \"{file}\"\n")
    };
    let key = |algorithm, name: &str| -> Result<String> {
        let (id, leaf) = credentials.assertion(algorithm);
        plan.write(&format!("{name}.key"), &leaf.key)?;
        plan.write(&format!("{name}.crt"), &leaf.certificate)?;
        Ok(format!(
            "id = \"{id}\"\nmethod = \"private_key_jwt\"\nkey_file = \"{name}.key\"\n\
             algorithm = \"{name}\"\ncertificate_file = \"{name}.crt\"\n"
        ))
    };
    let foreign = Authority::new("x")?.server()?;
    let wrong_key = plan.write("wrong.key", &foreign.key)?;
    let (es256, _) = credentials.assertion(Assertion::Es256);
    let wrong_key = format!(
        "id = \"{es256}\"\nmethod = \"private_key_jwt\"\nkey_file = \"{}\"\nalgorithm = \"ES256\"\n\
         key_id = \"any\"\n",
        wrong_key.to_str().context("path")?
    );
    let basic = secret("client_secret_basic", "sts-secret");
    let mut names = Vec::new();
    for (name, audience, scope, client) in [
        ("basic", "kubernetes", "kubernetes", basic.clone()),
        ("post", "kubernetes", "kubernetes", secret("client_secret_post", "sts-secret")),
        ("rs256", "kubernetes", "kubernetes", key(Assertion::Rs256, "RS256")?),
        ("ps256", "kubernetes", "kubernetes", key(Assertion::Ps256, "PS256")?),
        ("es256", "kubernetes", "kubernetes", key(Assertion::Es256, "ES256")?),
        ("wrong-secret", "kubernetes", "kubernetes", secret("client_secret_basic", "wrong-secret")),
        ("wrong-key", "kubernetes", "kubernetes", wrong_key),
        ("unreachable-audience", "reports", "kubernetes", basic.clone()),
        ("unknown-scope", "kubernetes", "no-such-scope", basic),
    ] {
        names.push(name);
        config.push_str(&format!(
            r#"
[[targets]]
name = "{name}"
provider = "keycloak"
issuer = "keycloak"
audience = "{audience}"
scopes = ["{scope}"]
[targets.client]
{client}"#
        ));
    }
    for (id, files, client, targets) in [
        (CALLER.0, "[\"first\", \"second\"]", "mcp-client", names),
        (NARROW.0, "[\"narrow\"]", "mcp-client", vec!["post"]),
        (OTHER_CLIENT.0, "[\"other\"]", "another-client", vec!["basic", "post"]),
    ] {
        config.push_str(&format!(
            r#"
[[callers]]
id = "{id}"
credential_files = {files}
[[callers.grants]]
issuer = "keycloak"
audiences = ["{RESOURCE}"]
clients = ["{client}"]
targets = {targets:?}
"#
        ));
    }
    Ok(config)
}
