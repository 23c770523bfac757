//! One cluster, both servers, and one person.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use obolus_tests::fixtures::cluster::{
    Cluster, ClusterOptions, OidcIssuer, PeoplesClaims, username,
};
use obolus_tests::fixtures::idp::{Idp, Key};
use obolus_tests::fixtures::kubernetes_mcp_server::{
    KubernetesMcpServer, KubernetesMcpServerOptions,
};
use obolus_tests::fixtures::mcp_server::{McpServer, McpServerOptions};
use obolus_tests::pki::Authority;
use obolus_tests::process::tail;
use serde_json::{Value, json};

use super::client::{self, Asking, Client};
use crate::bench::closed_loop::{self, Window};
use crate::dist::build;

const AUDIENCE: &str = "kubernetes";
const PERSON: &str = "alice";
const USER: &str = "kc:alice";
/// Longer than any run.
const LIFE: u64 = 4 * 3600;
/// Requests before a window, per connection.
const WARM_UP: usize = 20;
/// Calls whose requests to the API server are counted.
const COUNTED: usize = 20;

/// The program as `cargo xtask dist` builds it, or another.
pub(crate) fn program(other: Option<&Path>) -> Result<PathBuf> {
    match other {
        Some(program) => Ok(std::path::absolute(program)?),
        None => build::programs(&["obolus-mcp"])?.pop().context("nothing was built"),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Ours,
    Theirs,
}

impl Side {
    pub(crate) const BOTH: [Self; 2] = [Self::Ours, Self::Theirs];
}

/// Something of both servers.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Both<T> {
    pub(crate) ours: T,
    pub(crate) theirs: T,
}

impl<T> Both<T> {
    pub(crate) fn of(mut of: impl FnMut(Side) -> Result<T>) -> Result<Self> {
        Ok(Self { ours: of(Side::Ours)?, theirs: of(Side::Theirs)? })
    }
}

/// What is asked for throughput.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Question {
    List,
    Get,
}

/// Windows of one question.
pub(crate) struct Row {
    pub(crate) question: Question,
    pub(crate) crowd: Both<Vec<Window>>,
    pub(crate) alone: Both<Vec<Window>>,
    /// Bytes of an answer.
    pub(crate) bytes: Both<usize>,
    /// For a list: how many tools are in it.
    pub(crate) tools: Option<Both<usize>>,
}

pub(crate) struct World {
    pub(crate) cluster: Cluster,
    ours: McpServer,
    theirs: KubernetesMcpServer,
    idp: Idp,
    key: Key,
    /// The person's, for everything that is not about many tokens.
    token: String,
    pod: String,
    /// Whether both servers keep sessions, and the person's then, one for each connection.
    sessions: bool,
    open: Both<Vec<String>>,
}

impl World {
    pub(crate) async fn start(program: PathBuf, sessions: bool) -> Result<Self> {
        let authority = Authority::new("obolus bench")?;
        let idp = Idp::start(&authority).await?;
        let key = Key::new("ES256", "bench")?;
        idp.publish(vec![key.clone()]);
        let issuer = OidcIssuer {
            url: idp.issuer(),
            ca_pem: authority.pem(),
            audience: AUDIENCE.to_owned(),
            claims: PeoplesClaims::Keycloak,
        };
        let options = ClusterOptions { issuers: vec![issuer], ..ClusterOptions::default() };
        let cluster = Cluster::start(options).await?;
        let ours = McpServer::start(&McpServerOptions {
            server: cluster.url().to_owned(),
            ca_pem: cluster.ca_pem().to_owned(),
            program: Some(program),
            settings: format!("sessions = {sessions}\n"),
            ..McpServerOptions::default()
        })
        .await?;
        let mut options = KubernetesMcpServerOptions::default();
        if sessions {
            options.more = options.more.replace("stateless = true", "stateless = false");
        }
        let theirs = KubernetesMcpServer::start(&cluster, &options).await?;
        let mut world = Self {
            cluster,
            ours,
            theirs,
            idp,
            key,
            token: String::new(),
            pod: String::new(),
            sessions,
            open: Both::default(),
        };
        world.token = world.token(PERSON)?;
        world.cluster.wait_for_issuer(&world.token).await?;
        let pods = world.cluster.admin_get("/api/v1/namespaces/shop/pods").await?;
        let name = pods["items"][0]["metadata"]["name"].as_str().context("no pod in shop")?;
        name.clone_into(&mut world.pod);
        Ok(world)
    }

    /// Somebody's token. To the API server all are one user, who may do the same; to whoever reads the token they are not.
    fn token(&self, subject: &str) -> Result<String> {
        let mut claims = self.idp.claims(subject, AUDIENCE);
        claims["preferred_username"] = json!(PERSON);
        claims["groups"] = json!(["developers"]);
        claims["exp"] = json!(obolus_tests::fixtures::idp::now() + LIFE);
        self.key.sign(&claims)
    }

    pub(crate) fn tokens(&self, count: usize) -> Result<Vec<String>> {
        (1..=count).map(|number| self.token(&format!("{number:0>36}"))).collect()
    }

    pub(crate) fn token_bytes(&self) -> usize {
        self.token.len()
    }

    pub(crate) fn bearer(&self) -> &str {
        &self.token
    }

    fn address(&self, side: Side) -> SocketAddr {
        match side {
            Side::Ours => self.ours.address(),
            Side::Theirs => self.theirs.address(),
        }
    }

    fn cpu_time(&self, side: Side) -> Result<Duration> {
        match side {
            Side::Ours => self.ours.cpu_time(),
            Side::Theirs => self.theirs.cpu_time(),
        }
    }

    pub(crate) fn rss(&self) -> Result<Both<u64>> {
        Ok(Both { ours: self.ours.memory()?.0, theirs: self.theirs.rss()? })
    }

    /// What a server has said last, for errors.
    pub(crate) fn log_tail(&self, side: Side) -> String {
        match side {
            Side::Ours => tail(self.ours.log_path(), 5),
            Side::Theirs => tail(self.theirs.log_path(), 5),
        }
    }

    /// Throws away what the servers have logged: a run would fill the disk.
    fn empty_logs(&self) -> Result<()> {
        for path in [self.ours.log_path(), self.theirs.log_path()] {
            std::fs::File::options().write(true).open(path)?.set_len(0)?;
        }
        Ok(())
    }

    /// Begins the person's sessions, if there are any.
    pub(crate) fn begin_sessions(&mut self) -> Result<()> {
        if self.sessions {
            let session = |side| {
                let session = Client::session(self.address(side), &self.token)?;
                session.context("no room for a session")
            };
            self.open = Both::of(|side| (0..super::CROWD).map(|_| session(side)).collect())?;
        }
        Ok(())
    }

    /// The session of a connection.
    fn session(&self, side: Side, connection: usize) -> Option<&str> {
        let open = match side {
            Side::Ours => &self.open.ours,
            Side::Theirs => &self.open.theirs,
        };
        open.get(connection).map(String::as_str)
    }

    /// A client of one server and a call of a tool, ready to be sent.
    pub(crate) fn call(
        &self,
        side: Side,
        tool: &str,
        arguments: &Value,
    ) -> Result<(Client, Vec<u8>)> {
        let params = json!({"name": tool, "arguments": arguments});
        let request = client::request("tools/call", &params, &self.token, self.session(side, 0));
        Ok((Client::connect(self.address(side), r#""result""#)?, request))
    }

    fn request(&self, question: Question, token: &str, session: Option<&str>) -> Vec<u8> {
        match question {
            Question::List => client::request("tools/list", &json!({}), token, session),
            Question::Get => {
                let params = json!({
                    "name": "pods_get",
                    "arguments": {"namespace": "shop", "name": self.pod},
                });
                client::request("tools/call", &params, token, session)
            }
        }
    }

    /// What is in every right answer.
    fn expected(&self, question: Question) -> &str {
        match question {
            Question::List => "pods_list_in_namespace",
            Question::Get => &self.pod,
        }
    }

    /// Requests to the API server per call, by tool, of the person and nobody else; discovery that is kept for all has
    /// been there before.
    pub(crate) async fn api_requests(&self) -> Result<BTreeMap<&'static str, Both<f64>>> {
        let deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web"});
        let calls = [
            ("pods_get", json!({"namespace": "shop", "name": self.pod})),
            ("pods_list_in_namespace", json!({"namespace": "shop"})),
            ("pods_log", json!({"namespace": "shop", "name": self.pod})),
            ("namespaces_list", json!({})),
            ("events_list", json!({"namespace": "shop"})),
            (
                "resources_list",
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop"}),
            ),
            ("resources_get", deployment),
        ];
        let mut counted = BTreeMap::new();
        for (tool, arguments) in calls {
            let mut both = Both::default();
            for side in Side::BOTH {
                let count = self.api_requests_of(side, tool, &arguments).await;
                let count = count.with_context(|| format!("{side:?}, {tool}"))?;
                match side {
                    Side::Ours => both.ours = count,
                    Side::Theirs => both.theirs = count,
                }
            }
            counted.insert(tool, both);
        }
        Ok(counted)
    }

    async fn api_requests_of(&self, side: Side, tool: &str, arguments: &Value) -> Result<f64> {
        let (mut client, request) = self.call(side, tool, arguments)?;
        tokio::task::block_in_place(|| client.ask(&request).map(drop))?;
        let marker = self.cluster.marker().await?;
        tokio::task::block_in_place(|| {
            (0..COUNTED).try_for_each(|_| client.ask(&request).map(drop))
        })?;
        let seen = self.cluster.requests_since(marker).await?;
        // What takes long has two events.
        let own = seen.iter().filter(|event| username(event) == USER);
        let own: BTreeSet<_> = own.map(|event| event["auditID"].to_string()).collect();
        let own = own.len();
        ensure!(own >= COUNTED, "{COUNTED} calls were {own} requests in the audit log");
        Ok(own as f64 / COUNTED as f64)
    }

    /// One `pods_get` with each token, in a session of its own if there are any, which stays open until the server has no
    /// room for others.
    pub(crate) fn call_with_each(&self, side: Side, tokens: &[String]) -> Result<()> {
        let (next, open) = (AtomicUsize::new(0), Mutex::new(VecDeque::new()));
        let session = |token| -> Result<Option<String>> {
            if !self.sessions {
                return Ok(None);
            }
            loop {
                if let Some(session) = Client::session(self.address(side), token)? {
                    let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
                    open.push_back((token, session.clone()));
                    return Ok(Some(session));
                }
                let oldest = open.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                let (token, session) = oldest.context("no room for a session, and none open")?;
                Client::end(self.address(side), token, &session)?;
            }
        };
        let some = || -> Result<()> {
            let mut client = Client::connect(self.address(side), self.expected(Question::Get))?;
            while let Some(token) = tokens.get(next.fetch_add(1, Ordering::Relaxed)) {
                let session = session(token)?;
                client.ask(&self.request(Question::Get, token, session.as_deref()))?;
            }
            Ok(())
        };
        let ended = thread::scope(|scope| {
            let threads: Vec<_> = (0..super::CROWD).map(|_| scope.spawn(some)).collect();
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().map_err(|_| anyhow!("a thread panicked"))?)
        });
        ended.with_context(|| self.log_tail(side))?;
        self.empty_logs()
    }

    /// Both sides by turns: whatever slows one down meets the other, too.
    pub(crate) fn compare(
        &self,
        question: Question,
        crowd: usize,
        rounds: usize,
        window: Duration,
    ) -> Result<Row> {
        let answers = Both::of(|side| {
            let mut client = Client::connect(self.address(side), self.expected(question))?;
            let answer = client.ask(&self.request(question, &self.token, self.session(side, 0)))?;
            Ok((answer.body().len(), client::message(answer)?))
        })?;
        let tools = |message: &Value| message["result"]["tools"].as_array().map(Vec::len);
        let tools = tools(&answers.ours.1)
            .zip(tools(&answers.theirs.1))
            .map(|(ours, theirs)| Both { ours, theirs });
        let mut row = Row {
            question,
            crowd: Both::default(),
            alone: Both::default(),
            bytes: Both { ours: answers.ours.0, theirs: answers.theirs.0 },
            tools,
        };
        for _ in 0..rounds {
            row.crowd.ours.push(self.window(Side::Ours, question, crowd, window)?);
            row.crowd.theirs.push(self.window(Side::Theirs, question, crowd, window)?);
            row.alone.ours.push(self.window(Side::Ours, question, 1, window)?);
            row.alone.theirs.push(self.window(Side::Theirs, question, 1, window)?);
        }
        Ok(row)
    }

    fn window(
        &self,
        side: Side,
        question: Question,
        connections: usize,
        longest: Duration,
    ) -> Result<Window> {
        let clients = (0..connections).map(|connection| {
            let mut client = Client::connect(self.address(side), self.expected(question))?;
            let request = self.request(question, &self.token, self.session(side, connection));
            (0..WARM_UP).try_for_each(|_| client.ask(&request).map(drop))?;
            Ok(Asking { client, request })
        });
        let clients = clients.collect::<Result<Vec<_>>>()?;
        let window = closed_loop::run(clients, &[Vec::new()], longest, || self.cpu_time(side));
        self.empty_logs()?;
        window.with_context(|| format!("{side:?}, {question:?}\n{}", self.log_tail(side)))
    }
}
