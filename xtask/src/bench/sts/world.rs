//! The STS as it is shipped, the endpoint that does nothing, and an identity provider in this process, whose time is not
//! counted.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::idp::{Key, now};
use obolus_tests::fixtures::quick_idp::QuickIdp;
use obolus_tests::fixtures::sts::{CALLER, Sts, StsIssuer, StsOptions};
use obolus_tests::pki::Authority;
use obolus_tests::ports::Port;
use obolus_tests::process::{Process, Program};
use obolus_tests::secret;
use serde_json::json;

use super::client::{Client, Trust};
use crate::bench::closed_loop::{self, Window};
use crate::bench::tokens::{LIFE, Mint, SUBJECT, exchanged_filling};
use crate::dist::build;

const AUDIENCE: &str = "http://localhost:10000/mcp";
/// Bytes of remembered tokens: enough for any number of them, which is what is bounded here.
const ROOM: u64 = 1 << 30;
/// Requests before a window, per connection.
const WARM_UP: usize = 50;

/// What is measured.
pub(crate) struct Programs {
    sts: PathBuf,
    bare: PathBuf,
}

/// Both as `cargo xtask dist` builds programs.
pub(crate) fn programs(other: Option<&Path>) -> Result<Programs> {
    let sts = match other {
        Some(program) => std::path::absolute(program)?,
        None => one(build::programs(&["obolus-sts"])?)?,
    };
    let bare = one(build::binaries("obolus-tests", &["bare-endpoint"])?)?;
    Ok(Programs { sts, bare })
}

fn one(mut built: Vec<PathBuf>) -> Result<PathBuf> {
    built.pop().context("nothing was built")
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Side {
    Sts,
    Bare,
}

pub(crate) struct World {
    sts: Sts,
    bare: Option<(Process, Port)>,
    idp: QuickIdp,
    trust: Trust,
    mint: Mint,
    credential: String,
    programs: Programs,
    /// One for each remembered token.
    requests: Vec<Vec<u8>>,
    answer: Vec<u8>,
    exchanges: u64,
}

impl World {
    /// With room for so many tokens.
    pub(crate) async fn start(programs: Programs, tokens: usize) -> Result<Self> {
        let authority = Authority::new("obolus bench")?;
        let key = Key::new("RS256", "first")?;
        let idp = QuickIdp::start(&authority, &key, LIFE, exchanged_filling()).await?;
        let credential = secret::random()?;
        let options = StsOptions {
            issuers: vec![StsIssuer::oidc(idp.issuer(), vec![AUDIENCE.to_owned()])?],
            credential: credential.clone(),
            more: format!(
                "\n[limits]\ncached_tokens = {tokens}\ncached_bytes = {ROOM}\ncache_max_age_seconds = 3600\n"
            ),
            program: Some(programs.sts.clone()),
            ..StsOptions::default()
        };
        let sts = Sts::start(&authority, &options).await?;
        let now = now();
        let claims = json!({
            "iss": idp.issuer(), "sub": SUBJECT, "aud": [AUDIENCE], "azp": "mcp-client",
            "scope": "openid mcp:tools", "iat": now, "exp": now + LIFE,
        });
        Ok(Self {
            sts,
            bare: None,
            trust: Trust::new(&authority.pem())?,
            mint: Mint::of(key, claims)?,
            idp,
            credential,
            programs,
            requests: Vec::new(),
            answer: Vec::new(),
            exchanges: 0,
        })
    }

    /// Signs tokens until there are so many, and lets each be exchanged once.
    pub(crate) fn fill(&mut self, count: usize) -> Result<()> {
        let first = self.requests.len();
        let next = AtomicUsize::new(first);
        let this = &*self;
        let made: Vec<Vec<Vec<u8>>> = thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|_| scope.spawn(|| this.fill_some(&next, count))).collect();
            let join = |thread: thread::ScopedJoinHandle<'_, Result<_>>| {
                thread.join().map_err(|_| anyhow!("a thread panicked"))?
            };
            threads.into_iter().map(join).collect::<Result<_>>()
        })?;
        self.requests.extend(made.into_iter().flatten());
        self.exchanges = self.idp.exchanges();
        let (asked, there) = (self.exchanges, self.requests.len());
        ensure!(asked == there as u64, "{there} tokens took {asked} exchanges");
        let mut client = self.connect(Side::Sts)?;
        let request = self.requests.first().context("no tokens")?;
        self.answer = client.call(request)?.body().to_vec();
        self.empty_log()
    }

    fn fill_some(&self, next: &AtomicUsize, count: usize) -> Result<Vec<Vec<u8>>> {
        let mut client = self.connect(Side::Sts)?;
        let mut made = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return Ok(made);
            }
            let request = self.request(&self.mint.token(&number.to_string())?)?;
            client.call(&request).with_context(|| self.sts.log_tail())?;
            made.push(request);
        }
    }

    /// As the filter and Envoy write it.
    fn request(&self, token: &str) -> Result<Vec<u8>> {
        use obolus_core::exchange::{ExchangeRequest, basic_authorization};
        use secrecy::{ExposeSecret as _, SecretString};
        let form = ExchangeRequest::new(SecretString::from(token), "kubernetes").to_form();
        let form = form.expose_secret();
        let credential = SecretString::from(self.credential.as_str());
        let authorization = basic_authorization(CALLER, &credential);
        Ok(format!(
            "POST /exchange HTTP/1.1\r\nhost: sts.obolus.internal\r\n\
             content-type: application/x-www-form-urlencoded\r\nauthorization: {}\r\n\
             accept: application/json\r\nx-request-id: 5b0cbf2d-1f6c-4c3c-9f0e-3f2d8f0c7a11\r\n\
             x-envoy-expected-rq-timeout-ms: 5000\r\ncontent-length: {}\r\n\r\n{form}",
            authorization.expose_secret(),
            form.len()
        )
        .into_bytes())
    }

    /// Starts the endpoint that does nothing, with an answer of the STS's, unless it runs.
    pub(crate) async fn start_bare(&mut self) -> Result<()> {
        if self.bare.is_some() {
            return Ok(());
        }
        let (folder, port) = (self.sts.folder(), Port::reserve()?);
        std::fs::write(folder.join("answer.json"), &self.answer)?;
        let mut process =
            Program::new("bare-endpoint", &self.programs.bare, folder.join("bare.log"))
                .args(["--listen", &port.address().to_string()])
                .arg("--certificate")
                .arg(folder.join("server-chain.crt"))
                .arg("--key")
                .arg(folder.join("server.key"))
                .arg("--answer")
                .arg(folder.join("answer.json"))
                .start()?;
        eventually("the bare endpoint", Duration::from_secs(20), || {
            let running = process.still_runs();
            let connected = std::net::TcpStream::connect(port.address());
            async move {
                running?;
                Ok(connected.map(drop)?)
            }
        })
        .await?;
        self.bare = Some((process, port));
        Ok(())
    }

    fn address(&self, side: Side) -> Result<SocketAddr> {
        Ok(match (side, &self.bare) {
            (Side::Sts, _) => self.sts.address(),
            (Side::Bare, Some((_, port))) => port.address(),
            (Side::Bare, None) => bail!("the bare endpoint does not run"),
        })
    }

    fn connect(&self, side: Side) -> Result<Client> {
        Client::connect(self.address(side)?, &self.trust)
    }

    fn cpu_time(&self, side: Side) -> Result<Duration> {
        match (side, &self.bare) {
            (Side::Bare, Some((process, _))) => process.cpu_time(),
            _ => self.sts.cpu_time(),
        }
    }

    pub(crate) fn window(
        &self,
        side: Side,
        connections: usize,
        longest: Duration,
    ) -> Result<Window> {
        let clients = (0..connections).map(|_| {
            let mut client = self.connect(side)?;
            for request in self.requests.iter().take(WARM_UP) {
                client.call(request)?;
            }
            Ok(client)
        });
        let clients = clients.collect::<Result<Vec<_>>>()?;
        let window = closed_loop::run(clients, &self.requests, longest, || self.cpu_time(side));
        self.empty_log()?;
        window.with_context(|| format!("{side:?} with {connections} connections"))
    }

    /// Throws away what the STS has logged: a run would fill the disk.
    fn empty_log(&self) -> Result<()> {
        Ok(std::fs::File::options().write(true).open(self.sts.log_path())?.set_len(0)?)
    }

    pub(crate) fn rss(&self) -> Result<u64> {
        self.sts.rss()
    }

    pub(crate) fn filled(&self) -> usize {
        self.requests.len()
    }

    pub(crate) fn token_bytes(&self) -> usize {
        self.mint.token("0").map_or(0, |token| token.len())
    }

    pub(crate) fn answer_bytes(&self) -> usize {
        self.answer.len()
    }

    /// What is measured is memory: the identity provider must not have been asked.
    pub(crate) fn check_nothing_was_asked(&self) -> Result<()> {
        let more = self.idp.exchanges() - self.exchanges;
        ensure!(
            more == 0,
            "{more} exchanges were asked for while answers were to come from memory"
        );
        Ok(())
    }

    /// Whether the STS remembers verified subject tokens, by its own count.
    pub(crate) async fn verified_by(&self) -> Result<&'static str> {
        let metrics = self.sts.metrics().await?;
        let hits = metrics.lines().find_map(|line| {
            line.strip_prefix("obolus_sts_subject_lookups_total{result=\"hit\"} ")
        });
        let hits: u64 = hits.map_or(Ok(0), str::parse)?;
        Ok(if hits > 0 { "once, then remembered" } else { "each time" })
    }
}

/// So that an error of a fill shows what the STS said.
trait LogTail {
    fn log_tail(&self) -> String;
}

impl LogTail for Sts {
    fn log_tail(&self) -> String {
        obolus_tests::process::tail(self.log_path(), 5)
    }
}
