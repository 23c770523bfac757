//! Calls that are taken back: what they have open at the API server and behind it closes within a second, and a thousand
//! of them leave nothing.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use axum::body::{Body, Bytes};
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;
use http_body_util::channel::Channel;
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::kubelet::{Asked, containers};
use obolus_tests::fixtures::mcp_client::{McpClient, Revision};
use obolus_tests::fixtures::mcp_server::{McpServer, McpServerOptions};
use obolus_tests::fixtures::recorder::{Recorded, Recorder};
use obolus_tests::pki::Authority;
use serde_json::{Value, json};
use tokio::task::{JoinHandle, JoinSet};

use crate::world::{Person, SHOP, World};

/// How soon what was opened has to be closed.
const SOON: Duration = Duration::from_secs(1);
/// How long is waited for anything.
const PATIENCE: Duration = Duration::from_secs(30);

type Call = JoinHandle<Result<()>>;

fn start(client: &McpClient, tool: &'static str, arguments: Value) -> Call {
    let client = client.clone();
    tokio::spawn(async move { client.call(tool, arguments).await.map(drop) })
}

fn follow(client: &McpClient, pod: &str, container: &str) -> Call {
    let arguments = json!({
        "namespace": SHOP, "name": pod, "container": container, "follow": true, "follow_seconds": 600,
    });
    start(client, "pods_log", arguments)
}

/// What the kubelet was asked last for this container, once it answers.
async fn reaches(world: &World, part: &str) -> Asked {
    eventually(&format!("{part} to reach the kubelet"), PATIENCE, || async {
        let asked = world.cluster.kubelet()?.last_asked(part)?;
        ensure!(asked.status.is_some() && asked.ended.is_none(), "{asked:?}");
        Ok(asked)
    })
    .await
    .unwrap()
}

/// Waits for the end of what [`reaches`] has found, and tells how long after `since` it came.
async fn ends(world: &World, part: &str, since: Instant) -> Duration {
    let ended = eventually(&format!("{part} to end at the kubelet"), PATIENCE, || async {
        let asked = world.cluster.kubelet()?.last_asked(part)?;
        asked.ended.context("it goes on: the call was taken back, and its stream was not closed")
    })
    .await
    .unwrap();
    ended.saturating_duration_since(since)
}

#[tokio::test]
async fn a_log_that_is_not_followed_any_more_closes_up_to_the_kubelet_and_another_goes_on() {
    let world = World::get().await.unwrap();
    let pod = world.unique("followed");
    let both = [containers::ENDLESS, containers::QUIET];
    world.cluster.run_at_kubelet(SHOP, &pod, &both).await.unwrap();
    let other = world.unique("goes-on");
    world.cluster.run_at_kubelet(SHOP, &other, &[containers::QUIET]).await.unwrap();
    let control = world.client(Person::Bob, "bob-goes-on").unwrap();
    let control = follow(&control, &other, containers::QUIET);
    let goes_on = format!("/{other}/");
    reaches(world, &goes_on).await;

    let follower = world.client(Person::Bob, "bob-follows").unwrap();
    for revision in Revision::ALL {
        for container in both {
            let part = format!("/{pod}/{container}");
            let call = follow(&follower.speaking(revision), &pod, container);
            reaches(world, &part).await;
            let since = Instant::now();
            call.abort();
            let took = ends(world, &part, since).await;
            assert!(took < SOON, "{revision:?} {container}: closed after {took:?}");
        }
    }
    assert!(reaches(world, &goes_on).await.ended.is_none() && !control.is_finished());
    let since = Instant::now();
    control.abort();
    assert!(ends(world, &goes_on, since).await < SOON, "and then the other one, too");
}

#[tokio::test]
async fn before_2026_a_client_may_take_its_call_back_by_its_number() {
    let world = World::get().await.unwrap();
    let pod = world.unique("numbered");
    world.cluster.run_at_kubelet(SHOP, &pod, &[containers::QUIET]).await.unwrap();
    let mine = world.client(Person::Bob, "bob-takes-back").unwrap();
    let other = world.client(Person::Bob, "bob-takes-nothing-back").unwrap();
    for revision in [Revision::V2025_06_18, Revision::V2025_11_25] {
        let part = format!("/{pod}/{}", containers::QUIET);
        let call = follow(&mine.speaking(revision), &pod, containers::QUIET);
        reaches(world, &part).await;
        // The same number, and somebody else's.
        take_back(&other.speaking(revision)).await;
        assert!(reaches(world, &part).await.ended.is_none(), "{revision:?}");
        let since = Instant::now();
        take_back(&mine.speaking(revision)).await;
        let took = ends(world, &part, since).await;
        assert!(took < SOON, "{revision:?}: closed after {took:?}");
        call.await.unwrap().unwrap();
    }
}

/// The fixture's calls all have the number 1.
async fn take_back(client: &McpClient) {
    let message = json!({
        "jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1},
    });
    let notification = client.request("notifications/cancelled", json!({}));
    let answer = notification.body(message.to_string()).send().await.unwrap();
    assert_eq!(answer.status(), 202);
}

#[tokio::test]
async fn a_command_that_nobody_waits_for_is_hung_up() {
    let world = World::get().await.unwrap();
    let pod = world.unique("waits");
    world.cluster.run_at_kubelet(SHOP, &pod, &["web"]).await.unwrap();
    let alice = world.client(Person::Alice, "alice-waits").unwrap();
    let arguments = json!({"namespace": SHOP, "name": pod, "command": ["wait"]});
    let call = start(&alice, "pods_exec", arguments);
    let part = format!("/exec/{SHOP}/{pod}/");
    reaches(world, &part).await;
    let since = Instant::now();
    call.abort();
    let took = ends(world, &part, since).await;
    assert!(took < SOON, "closed after {took:?}");
}

/// An API server whose lists never come, and whose logs never end.
struct StandIn {
    mcp: McpServer,
    open: OpenStreams,
    _api: Recorder,
}

/// What is open, or when it was closed, by the namespace that was asked for; and how much was opened.
#[derive(Clone, Default)]
struct OpenStreams {
    now: Arc<Mutex<BTreeMap<String, Option<Instant>>>>,
    ever: Arc<AtomicUsize>,
}

/// Something that is open until this is dropped.
struct Open {
    of: OpenStreams,
    namespace: String,
}

impl OpenStreams {
    fn open(&self, namespace: &str) -> Open {
        self.ever.fetch_add(1, Ordering::Relaxed);
        self.set(namespace, None);
        Open { of: self.clone(), namespace: namespace.to_owned() }
    }

    fn set(&self, namespace: &str, closed: Option<Instant>) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.insert(namespace.to_owned(), closed);
    }

    /// When it was closed; nothing yet, as long as it is open.
    fn of(&self, namespace: &str) -> Result<Option<Instant>> {
        let now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.get(namespace).copied().with_context(|| format!("{namespace} was not asked for"))
    }

    fn has(&self, namespace: &str) -> bool {
        self.of(namespace).is_ok_and(|closed| closed.is_none())
    }

    fn forget(&self, namespace: &str) {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).remove(namespace);
    }

    fn ever(&self) -> usize {
        self.ever.load(Ordering::Relaxed)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.of.set(&self.namespace, Some(Instant::now()));
    }
}

impl StandIn {
    async fn start() -> Result<Self> {
        let authority = Authority::new("slow")?;
        let open = OpenStreams::default();
        let opened = open.clone();
        let api = Recorder::answering_tls(&authority.server()?, move |request| {
            let opened = opened.clone();
            async move { answer(&request, &opened).await }
        })
        .await?;
        let mcp = McpServer::start(&McpServerOptions {
            server: api.url(),
            ca_pem: authority.pem(),
            ..McpServerOptions::default()
        })
        .await?;
        Ok(Self { mcp, open, _api: api })
    }

    fn client(&self, token: &str) -> Result<McpClient> {
        McpClient::new(&self.mcp.url(), Some(token))
    }

    /// Starts a call, takes it back once it has reached the API server, and tells how long it took to close.
    async fn taken_back(
        &self,
        client: &McpClient,
        tool: &'static str,
        namespace: &str,
    ) -> Result<Duration> {
        let arguments = match tool {
            "pods_log" => json!({"namespace": namespace, "name": "web", "follow": true}),
            _ => json!({"namespace": namespace}),
        };
        self.open.forget(namespace);
        let call = start(client, tool, arguments);
        eventually(&format!("{tool} to reach the API server"), PATIENCE, || async {
            self.open.of(namespace)
        })
        .await?;
        let since = Instant::now();
        call.abort();
        let closed = eventually(&format!("{tool} to be closed"), PATIENCE, || async {
            self.open.of(namespace)?.context("it is open")
        })
        .await?;
        Ok(closed.saturating_duration_since(since))
    }

    /// Resident memory, and how many files and connections are open.
    fn weight(&self) -> Result<(u64, usize)> {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.mcp.pid()))?.count();
        Ok((self.mcp.memory()?.0, open))
    }
}

async fn answer(request: &Recorded, open: &OpenStreams) -> Response {
    let path = request.uri.path();
    let Some(namespace) =
        path.strip_prefix("/api/v1/namespaces/").and_then(|it| it.split('/').next())
    else {
        return axum::http::StatusCode::NOT_FOUND.into_response();
    };
    let held = open.open(namespace);
    if !path.ends_with("/log") {
        std::future::pending::<()>().await;
    }
    let (mut sender, body) = Channel::<Bytes>::new(1);
    if sender.send_data(Bytes::from_static(b"one\n")).await.is_err() {
        return axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    // Neither an end nor more, for as long as anybody reads.
    Response::new(Body::new(body.map_frame(move |frame| {
        let _held = (&held, &sender);
        frame
    })))
}

#[tokio::test]
async fn a_slow_list_is_closed_at_the_api_server_and_another_goes_on() {
    let slow = StandIn::start().await.unwrap();
    let control = slow.client("somebody-else").unwrap();
    let control = start(&control, "pods_list_in_namespace", json!({"namespace": "control"}));
    eventually("the control", PATIENCE, || async {
        ensure!(slow.open.has("control"), "not there");
        Ok(())
    })
    .await
    .unwrap();
    let client = slow.client("somebody").unwrap();
    for revision in Revision::ALL {
        for tool in ["pods_list_in_namespace", "pods_log"] {
            let took = slow.taken_back(&client.speaking(revision), tool, "slow").await.unwrap();
            assert!(took < SOON, "{revision:?} {tool}: closed after {took:?}");
        }
    }
    assert!(slow.open.has("control") && !control.is_finished(), "what nobody took back goes on");
    control.abort();
}

const CALLS: usize = 1_000;
const AT_A_TIME: usize = 8;
/// Allocators keep something; a stream that is not freed keeps more, a thousand times.
const MORE_MEMORY: u64 = 12 * 1024 * 1024;
/// Connections that idle until they are closed, and whatever the runtime opens once.
const MORE_FILES: usize = 8;

#[tokio::test]
async fn a_thousand_calls_that_are_taken_back_leave_memory_and_connections_as_they_were() {
    let slow = Arc::new(StandIn::start().await.unwrap());
    // What is made once is made first.
    take_back_many(&slow, "first", 10 * AT_A_TIME).await;
    let (memory, files) = slow.weight().unwrap();
    let before = slow.open.ever();
    take_back_many(&slow, "then", CALLS).await;
    assert_eq!(slow.open.ever() - before, CALLS, "each has reached the API server");
    eventually("connections to be as many as before", PATIENCE, || async {
        let (_, now) = slow.weight()?;
        ensure!(now <= files + MORE_FILES, "{now} files are open, {files} were");
        Ok(())
    })
    .await
    .unwrap();
    let (now, _) = slow.weight().unwrap();
    println!("{CALLS} calls taken back: {memory} bytes before, {now} after");
    assert!(now < memory + MORE_MEMORY, "{now} bytes are resident, {memory} were");
}

async fn take_back_many(slow: &Arc<StandIn>, round: &str, calls: usize) {
    let mut tasks = JoinSet::new();
    for task in 0..AT_A_TIME {
        let (slow, round) = (Arc::clone(slow), round.to_owned());
        tasks.spawn(async move {
            let client = slow.client("somebody")?;
            for call in 0..calls / AT_A_TIME {
                let tool = if call % 2 == 0 { "pods_log" } else { "pods_list_in_namespace" };
                let revision = Revision::ALL.get(call % 3).copied().context("a revision")?;
                let namespace = format!("{round}-{task}-{call}");
                let took = slow.taken_back(&client.speaking(revision), tool, &namespace).await?;
                ensure!(took < SOON, "{tool} was closed after {took:?}");
            }
            Ok(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap().unwrap();
    }
}
