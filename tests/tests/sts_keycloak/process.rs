//! An `obolus-sts` of one's own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;

use super::folder::Folder;
use crate::deadline::eventually;
use crate::https;
use crate::pki::Authority;
use crate::ports::Port;
use crate::process::{Process, Program};

const READY: Duration = Duration::from_secs(30);
const GRACE: Duration = Duration::from_secs(15);

/// A folder for secrets and keys, and two ports: an STS that can be configured.
#[derive(Debug)]
pub struct StsPlan {
    folder: Folder,
    service: Port,
    operations: Port,
    server: String,
}

/// A running STS, killed when dropped.
#[derive(Debug)]
pub struct Sts {
    process: Process,
    plan: StsPlan,
    http: reqwest::Client,
    plain: reqwest::Client,
}

impl StsPlan {
    /// Certificate and key of `authority` are there; everything else is still to be written.
    pub fn new(authority: &Authority) -> Result<Self> {
        let folder = Folder::new("sts", None)?;
        authority.server()?.write(folder.path(), "server")?;
        authority.write(folder.path().join("authority.crt"))?;
        let [service, operations] = Port::reserve_all()?;
        Ok(Self { folder, service, operations, server: String::new() })
    }

    /// Adds lines to the table `[server]`.
    pub fn with_server(mut self, lines: &str) -> Self {
        self.server.push_str(lines);
        self
    }

    /// Writes a file that the configuration names; returns its path.
    pub fn write(&self, name: &str, content: &str) -> Result<PathBuf> {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).with_context(|| format!("cannot write {name}"))?;
        Ok(path)
    }

    /// Writes the configuration (all but `[server]`) and returns its path.
    pub fn configure(&self, config: &str) -> Result<PathBuf> {
        let (service, operations) = (self.service.address(), self.operations.address());
        let server = format!(
            "[server]\nlisten = \"{service}\"\noperations_listen = \"{operations}\"\n\
             certificate_file = \"server-chain.crt\"\nprivate_key_file = \"server.key\"\n{}\n",
            self.server
        );
        self.write("sts.toml", &format!("{server}{config}"))
    }

    /// Starts the program and waits until it listens; its issuers may be down.
    pub async fn start(self, program: &Path, authority: &Authority, config: &str) -> Result<Sts> {
        let config = self.configure(config)?;
        let log = self.folder.path().join("sts.log");
        let mut process =
            Program::new("obolus-sts", program, log).arg("--config").arg(config).start()?;
        let plain = https::plain_client()?;
        let health = format!("http://{}/healthz", self.operations.address());
        let ready = eventually(&health, READY, || {
            let (running, request) = (process.still_runs(), plain.get(&health).send());
            async move {
                running?;
                Ok(request.await?.error_for_status().map(drop)?)
            }
        });
        ready.await.with_context(|| process.log_tail())?;
        Ok(Sts { process, plan: self, http: https::client(&authority.pem())?, plain })
    }
}

impl Sts {
    /// `https://localhost:port`.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.plan.service)
    }

    /// Writes a file that the configuration names.
    pub fn write(&self, name: &str, content: &str) -> Result<PathBuf> {
        self.plan.write(name, content)
    }

    /// A client that trusts its certificate and has none of its own.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Waits until it has keys of an issuer.
    pub async fn has_keys(&self) -> Result<()> {
        eventually("the STS's readiness", READY, || async {
            let answer = self.operations("/readyz").await?;
            ensure!(answer.0 == StatusCode::OK, "{}", answer.1);
            Ok(())
        })
        .await
    }

    /// What a path of the operations port answers.
    pub async fn operations(&self, path: &str) -> Result<(StatusCode, String)> {
        let url = format!("http://{}{path}", self.plan.operations.address());
        let answer = self.plain.get(url).send().await?;
        Ok((answer.status(), answer.text().await?))
    }

    /// The sum of all samples of a metric whose line starts like this.
    pub async fn metric(&self, start: &str) -> Result<f64> {
        let (_, text) = self.operations("/metrics").await?;
        let lines = text.lines().filter(|line| line.starts_with(start));
        lines.map(|line| Ok(line.rsplit(' ').next().context("no value")?.parse::<f64>()?)).sum()
    }

    /// A request for an exchange, to be changed or sent.
    pub fn request(&self, caller: (&str, &str), token: &str, target: &str) -> RequestBuilder {
        exchange_request(&self.http, &self.url(), caller, token, target)
    }

    /// Asks for an exchange: status and body.
    pub async fn exchange(
        &self,
        caller: (&str, &str),
        token: &str,
        target: &str,
    ) -> Result<(StatusCode, Value)> {
        let answer = self.request(caller, token, target).send().await?;
        Ok((answer.status(), answer.json().await.context("the STS's answer is not JSON")?))
    }

    /// The log so far.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Asks it to end, and returns its exit code.
    pub fn stop(&mut self) -> Result<i32> {
        self.process.stop(GRACE)
    }
}

/// A request for an exchange with any client.
pub fn exchange_request(
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
    // Test ids and secrets need no form encoding (RFC 6749 §2.3.1).
    let pair = STANDARD.encode(format!("{id}:{secret}"));
    http.post(format!("{url}/exchange"))
        .header("authorization", format!("Basic {pair}"))
        .form(&form)
}
