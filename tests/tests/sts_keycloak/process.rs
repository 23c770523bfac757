//! An STS with a configuration of the test's own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use obolus_tests::deadline::eventually;
use obolus_tests::pki::Authority;
use obolus_tests::ports::Port;
use obolus_tests::process::{Process, Program};
use obolus_tests::{https, parts};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;

const READY: Duration = Duration::from_secs(30);

/// A folder for secrets and keys, and two ports: an STS that can be configured.
pub(crate) struct Plan {
    folder: tempfile::TempDir,
    service: Port,
    operations: Port,
    authority: String,
    server: String,
}

/// A running STS, killed when dropped.
pub(crate) struct Sts {
    process: Process,
    plan: Plan,
    http: reqwest::Client,
    plain: reqwest::Client,
}

impl Plan {
    pub(crate) fn new(authority: &Authority) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("obolus-sts-").tempdir()?;
        authority.server()?.write(folder.path(), "server")?;
        authority.write(folder.path().join("authority.crt"))?;
        let [service, operations] = Port::reserve_all()?;
        let authority = authority.pem();
        Ok(Self { folder, service, operations, authority, server: String::new() })
    }

    /// Adds lines to the table `[server]`.
    pub(crate) fn with_server(mut self, lines: &str) -> Self {
        self.server.push_str(lines);
        self
    }

    pub(crate) fn write(&self, name: &str, content: &str) -> Result<PathBuf> {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).with_context(|| format!("cannot write {name}"))?;
        Ok(path)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the program and waits until it listens; its issuers may be down.
    pub(crate) async fn start(self, config: &str) -> Result<Sts> {
        let (service, operations) = (self.service.address(), self.operations.address());
        let server = format!(
            "[server]\nlisten = \"{service}\"\noperations_listen = \"{operations}\"\n\
             certificate_file = \"server-chain.crt\"\nprivate_key_file = \"server.key\"\n{}\n",
            self.server
        );
        let config = self.write("sts.toml", &format!("{server}{config}"))?;
        let program = parts::products::products()?.sts;
        let log = self.folder.path().join("sts.log");
        let mut process =
            Program::new("obolus-sts", program, log).arg("--config").arg(config).start()?;
        let plain = https::plain_client()?;
        let health = format!("http://{operations}/healthz");
        let ready = eventually(&health, READY, || {
            let (running, request) = (process.still_runs(), plain.get(&health).send());
            async move {
                running?;
                Ok(request.await?.error_for_status().map(drop)?)
            }
        });
        ready.await.with_context(|| process.log_tail())?;
        let http = https::client(&self.authority)?;
        Ok(Sts { process, plan: self, http, plain })
    }
}

impl Sts {
    pub(crate) fn url(&self) -> String {
        format!("https://localhost:{}", self.plan.service)
    }

    /// A client that trusts its certificate and has none of its own.
    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Waits until it has keys of an issuer.
    pub(crate) async fn has_keys(&self) -> Result<()> {
        eventually("the STS's readiness", READY, || async {
            let (status, text) = self.operations("/readyz").await?;
            ensure!(status == StatusCode::OK, "{text}");
            Ok(())
        })
        .await
    }

    pub(crate) async fn operations(&self, path: &str) -> Result<(StatusCode, String)> {
        let url = format!("http://{}{path}", self.plan.operations.address());
        let answer = self.plain.get(url).send().await?;
        Ok((answer.status(), answer.text().await?))
    }

    /// How many calls for an exchange it has made to the identity provider.
    pub(crate) async fn upstream_calls(&self) -> Result<f64> {
        let (_, text) = self.operations("/metrics").await?;
        let lines =
            text.lines().filter(|line| line.starts_with("obolus_sts_upstream_seconds_count"));
        lines.map(|line| Ok(line.rsplit(' ').next().context("no value")?.parse::<f64>()?)).sum()
    }

    pub(crate) fn request(
        &self,
        caller: (&str, &str),
        token: &str,
        target: &str,
    ) -> RequestBuilder {
        exchange_request(&self.http, &self.url(), caller, token, target)
    }

    pub(crate) async fn exchange(
        &self,
        caller: (&str, &str),
        token: &str,
        target: &str,
    ) -> Result<(StatusCode, Value)> {
        let answer = self.request(caller, token, target).send().await?;
        Ok((answer.status(), answer.json().await.context("the STS's answer is not JSON")?))
    }

    pub(crate) fn log(&self) -> String {
        self.process.log()
    }
}

/// A request for an exchange by any client.
pub(crate) fn exchange_request(
    http: &reqwest::Client,
    url: &str,
    (id, secret): (&str, &str),
    token: &str,
    target: &str,
) -> RequestBuilder {
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
        ("audience", target),
        ("subject_token", token),
    ];
    // These ids and secrets are their own form encoding (RFC 6749 §2.3.1).
    let pair = STANDARD.encode(format!("{id}:{secret}"));
    http.post(format!("{url}/exchange"))
        .header("authorization", format!("Basic {pair}"))
        .form(&form)
}
