//! An emulator with a certificate for `mcp-server`, and what MSAL is told of it.

use anyhow::{Context as _, Result};
use obolus_tests::entra::{Certificate, Directory, Emulator};
use obolus_tests::parts;
use obolus_tests::pki::{Authority, KeyKind, Leaf, self_signed};
use serde_json::{Value, json};

pub(crate) struct World {
    pub(crate) authority: Authority,
    pub(crate) emulator: Emulator,
    /// Registered.
    pub(crate) certificate: Leaf,
    /// The client secret.
    pub(crate) secret: String,
    /// The id of `mcp-server`, the confidential client.
    pub(crate) client: String,
    /// The id of `kubernetes`, whose tokens it wants.
    pub(crate) target: String,
    /// The id of `mcp-client`, where people sign in.
    pub(crate) public: String,
    pub(crate) tenant: String,
    folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn start() -> Result<Self> {
        let authority = Authority::new("obolus entra msal")?;
        let certificate = self_signed("mcp-server", KeyKind::Rsa)?;
        let mut directory = Directory::example();
        let app = directory.app_mut("mcp-server");
        app.certificates.push(Certificate::from_pem(&certificate.certificate)?);
        let id = |name: &str| directory.app(name).map(|app| app.id.clone()).context("no such app");
        let (client, target, public) = (id("mcp-server")?, id("kubernetes")?, id("mcp-client")?);
        let secret = directory.app("mcp-server").and_then(|app| app.current_secret());
        let secret = secret.context("mcp-server has no secret")?.to_owned();
        let tenant = directory.tenant("contoso").context("no contoso")?.id.clone();
        let emulator = Emulator::start(&authority, directory).await?;
        let folder = tempfile::Builder::new().prefix("obolus-msal-").tempdir()?;
        authority.write(folder.path().join("ca.crt"))?;
        let world = Self {
            authority,
            emulator,
            certificate,
            secret,
            client,
            target,
            public,
            tenant,
            folder,
        };
        Ok(world)
    }

    /// The permission that `mcp-client` asks a person's token for.
    pub(crate) fn incoming_scope(&self) -> String {
        format!("api://{}/access_as_user", self.client)
    }

    pub(crate) fn outgoing_scope(&self) -> String {
        format!("api://{}/.default", self.target)
    }

    pub(crate) async fn token(&self, user: &str) -> Result<String> {
        self.emulator.user_token(user, "mcp-client", &self.incoming_scope()).await
    }

    /// What every job for MSAL begins with.
    fn job(&self, flow: &str, client: &str) -> Value {
        json!({
            "flow": flow,
            "authority": format!("{}/{}", self.emulator.authority_host(), self.tenant),
            "ca_file": self.folder.path().join("ca.crt"),
            "client_id": client,
        })
    }

    /// MSAL on behalf of whom this token is.
    pub(crate) fn on_behalf(&self, token: &str, credential: Value) -> Job {
        let job = self.job("obo", &self.client);
        let job = Job(job).with("credential", credential).with("assertion", token);
        job.with("scopes", json!([self.outgoing_scope()]))
    }

    /// MSAL where a person signs in.
    pub(crate) fn sign_in(&self, user: &str) -> Job {
        let job = Job(self.job("code", &self.public)).with("login_hint", user);
        job.with("redirect_uri", "http://localhost:4711/callback")
            .with("scopes", json!([self.incoming_scope()]))
    }

    /// As MSAL takes it.
    pub(crate) fn by_certificate(leaf: &Leaf) -> Value {
        json!({"private_key": leaf.key, "public_certificate": leaf.certificate})
    }

    /// All of these, one after the other.
    pub(crate) async fn msal(&self, jobs: &[Job]) -> Result<Vec<Value>> {
        let folder = tempfile::Builder::new().prefix("obolus-msal-").tempdir()?;
        let jobs: Vec<Value> = jobs.iter().map(|job| job.0.clone()).collect();
        let answers = move || parts::msal::answers(folder.path(), &jobs);
        tokio::task::spawn_blocking(answers).await?
    }
}

/// What MSAL shall do.
#[derive(Clone)]
pub(crate) struct Job(Value);

impl Job {
    pub(crate) fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.0[member] = value.into();
        self
    }

    pub(crate) fn without(self, parameter: &str) -> Self {
        self.with("left_out", json!([parameter]))
    }
}
