//! An STS in this process, the identity provider that it believes, and a client of both.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use obolus_sts::config::Config;
use obolus_sts::running::Sts;
use obolus_tests::deadline::eventually;
use obolus_tests::https;
use obolus_tests::pki::Authority;
use obolus_tests::process::{Process, Program};
use reqwest::{RequestBuilder, Response};
use serde_json::Value;

use crate::idp::{Idp, Running, SECRET};

pub(crate) const CREDENTIAL: &str = "credential-of-the-gateway";
pub(crate) const SOON: Duration = Duration::from_secs(10);
const STARTS: Duration = Duration::from_secs(30);

pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) running: Running,
    pub(crate) http: reqwest::Client,
    pub(crate) sts: Option<Sts>,
    url: String,
    operations: String,
}

/// What an exchange came to.
pub(crate) type Outcome = (u16, String);

pub(crate) fn granted() -> Outcome {
    (200, "granted".to_owned())
}

pub(crate) fn refused(status: u16, reason: &str) -> Outcome {
    (status, reason.to_owned())
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}, "").await
    }

    /// With an identity provider that was told something before, and limits of the test's own.
    pub(crate) async fn start_with(prepare: impl FnOnce(&Idp), limits: &str) -> Self {
        let authority = Authority::new("obolus sts faults").unwrap();
        let running = Running::start(&authority).await;
        prepare(&running.idp);
        let config = configuration(&running.idp.issuer(), limits);
        Self::start_configured(&authority, running, |_| config).await
    }

    /// With a configuration of the test's own, which may name files that it writes into the folder.
    pub(crate) async fn start_configured(
        authority: &Authority,
        running: Running,
        configure: impl FnOnce(&Path) -> String,
    ) -> Self {
        Self::start_changed(authority, running, configure, |_| {}).await
    }

    /// With what no configuration file may say, such as very short times.
    pub(crate) async fn start_changed(
        authority: &Authority,
        running: Running,
        configure: impl FnOnce(&Path) -> String,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        authority.server().unwrap().write(folder.path(), "server").unwrap();
        authority.write(folder.path().join("authority.crt")).unwrap();
        std::fs::write(folder.path().join("credential"), CREDENTIAL).unwrap();
        std::fs::write(folder.path().join("secret"), SECRET).unwrap();
        let text = configure(folder.path());
        std::fs::write(folder.path().join("sts.toml"), &text).unwrap();
        let mut config = Config::parse(&text, folder.path()).unwrap();
        change(&mut config);
        let sts = Sts::start(config).await.unwrap();
        let url = format!("https://localhost:{}", sts.service_address().port());
        let operations = format!("http://{}", sts.operations_address());
        let http = https::client(&authority.pem()).unwrap();
        Self { folder, running, http, sts: Some(sts), url, operations }
    }

    /// By a file, `sts.toml`, which is read again when it changes.
    pub(crate) async fn start_by(
        authority: &Authority,
        running: Running,
        configure: impl FnOnce(&Path) -> String,
    ) -> Self {
        let mut world = Self::start_configured(authority, running, configure).await;
        world.sts.take().unwrap().stop().await;
        let sts = Sts::start_by(world.path().join("sts.toml")).await.unwrap();
        world.url = format!("https://localhost:{}", sts.service_address().port());
        world.operations = format!("http://{}", sts.operations_address());
        world.sts = Some(sts);
        world
    }

    /// The program itself, with its log.
    pub(crate) async fn start_program(limits: &str) -> (Self, Process) {
        let authority = Authority::new("obolus sts program").unwrap();
        let running = Running::start(&authority).await;
        let config = configuration(&running.idp.issuer(), limits);
        Self::start_program_with(&authority, running, config, |program| program).await
    }

    /// The same with a configuration and an environment of the test's own.
    pub(crate) async fn start_program_with(
        authority: &Authority,
        running: Running,
        config: String,
        prepare: impl FnOnce(Program) -> Program,
    ) -> (Self, Process) {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        authority.server().unwrap().write(folder.path(), "server").unwrap();
        authority.write(path("authority.crt")).unwrap();
        std::fs::write(path("credential"), CREDENTIAL).unwrap();
        std::fs::write(path("secret"), SECRET).unwrap();
        std::fs::write(path("sts.toml"), config).unwrap();
        let program = Program::new("obolus-sts", env!("CARGO_BIN_EXE_obolus-sts"), path("log"));
        let process = prepare(program).arg("--config").arg(path("sts.toml")).start().unwrap();
        let addresses = async || {
            let log = process.log();
            let line =
                log.lines().find(|line| line.contains("\"listening\"")).context(log.clone())?;
            let line: Value = serde_json::from_str(line)?;
            let address =
                |name: &str| anyhow::Ok(line[name].as_str().context("no address")?.to_owned());
            anyhow::Ok((address("service")?, address("operations")?))
        };
        let (service, operations) = eventually("its start", STARTS, addresses).await.unwrap();
        let port = service.rsplit(':').next().unwrap();
        let url = format!("https://localhost:{port}");
        let operations = format!("http://{operations}");
        let http = https::client(&authority.pem()).unwrap();
        let world = Self { folder, running, http, sts: None, url, operations };
        world.has_keys().await;
        (world, process)
    }

    pub(crate) fn operations(&self, path: &str) -> String {
        format!("{}{path}", self.operations)
    }

    pub(crate) fn idp(&self) -> &Idp {
        &self.running.idp
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    pub(crate) async fn has_keys(&self) {
        let url = format!("{}/readyz", self.operations);
        eventually("keys", SOON, || async {
            Ok(https::plain_client()?.get(&url).send().await?.error_for_status().map(drop)?)
        })
        .await
        .unwrap();
    }

    /// The samples whose line starts like this.
    pub(crate) async fn lines(&self, start: &str) -> Vec<String> {
        let url = format!("{}/metrics", self.operations);
        let text =
            https::plain_client().unwrap().get(url).send().await.unwrap().text().await.unwrap();
        text.lines().filter(|line| line.starts_with(start)).map(str::to_owned).collect()
    }

    /// Their sum.
    pub(crate) async fn metric(&self, start: &str) -> u64 {
        let lines = self.lines(start).await;
        lines.iter().map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    }

    pub(crate) fn request(&self, token: &str) -> RequestBuilder {
        self.request_as(CREDENTIAL, token, "kubernetes", None)
    }

    pub(crate) fn request_as(
        &self,
        credential: &str,
        token: &str,
        target: &str,
        scope: Option<&str>,
    ) -> RequestBuilder {
        self.request_of("envoy", credential, token, target, scope)
    }

    pub(crate) fn request_of(
        &self,
        caller: &str,
        credential: &str,
        token: &str,
        target: &str,
        scope: Option<&str>,
    ) -> RequestBuilder {
        let mut form = vec![
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("audience", target),
            ("subject_token", token),
        ];
        form.extend(scope.map(|scope| ("scope", scope)));
        let pair = STANDARD.encode(format!("{caller}:{credential}"));
        self.http
            .post(self.url("/exchange"))
            .header("authorization", format!("Basic {pair}"))
            .form(&form)
    }

    pub(crate) async fn exchange(&self, token: &str) -> Outcome {
        outcome(self.request(token).send().await.unwrap()).await.0
    }

    /// The same, and after how many seconds to come back.
    pub(crate) async fn told(&self, subject: &str) -> (Outcome, Option<u64>) {
        let response = self.request(&self.idp().token(subject)).send().await.unwrap();
        let after = response.headers().get("retry-after").cloned();
        let after = after.map(|value| value.to_str().unwrap().parse().unwrap());
        (outcome(response).await.0, after)
    }

    /// A new token of this person's, exchanged.
    pub(crate) async fn exchange_for(&self, subject: &str) -> Outcome {
        self.exchange(&self.idp().token(subject)).await
    }
}

/// Status and reason of an answer, and the whole of it.
pub(crate) async fn outcome(response: Response) -> (Outcome, Value) {
    let status = response.status().as_u16();
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(response.headers().contains_key("retry-after"), status == 503);
    let body: Value = response.json().await.unwrap();
    let reason = match body.get("access_token") {
        Some(_) => "granted".to_owned(),
        None => body["reason"].as_str().unwrap().to_owned(),
    };
    ((status, reason), body)
}

pub(crate) fn configuration(issuer: &str, limits: &str) -> String {
    let target = |name: &str, scopes: &str| {
        format!(
            r#"
[[targets]]
name = "{name}"
provider = "keycloak"
issuer = "idp"
audience = "kubernetes"
scopes = {scopes}
[targets.client]
id = "obolus-sts"
method = "client_secret_basic"
secret_file = "secret"
"#
        )
    };
    let targets = target("kubernetes", r#"["kubernetes", "groups"]"#)
        + &target("second", r#"["kubernetes"]"#)
        + &target("ungranted", r#"["kubernetes"]"#);
    format!(
        r#"
[server]
listen = "127.0.0.1:0"
operations_listen = "127.0.0.1:0"
certificate_file = "server-chain.crt"
private_key_file = "server.key"

[limits]
{limits}

[[issuers]]
name = "idp"
issuer = "{issuer}"
profile = "oidc"
ca_file = "authority.crt"
keys_refresh_seconds = 1
{targets}
[[callers]]
id = "envoy"
credential_files = ["credential"]
[[callers.grants]]
issuer = "idp"
audiences = ["https://mcp.example.com/mcp"]
clients = ["mcp-client"]
targets = ["kubernetes", "second"]
"#
    )
}
