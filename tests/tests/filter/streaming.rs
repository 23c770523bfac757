//! Answers that come in pieces are passed on piece by piece, and end when either side ends them, or a token does.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::idp::Behaviour;
use obolus_tests::fixtures::workbench::{Plan, Workbench};
use obolus_tests::ports::Port;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::sessions::{KEY, SESSION, initialize, key};
use crate::wire::http1;

const SOON: Duration = Duration::from_secs(10);

const HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

/// An MCP server that writes what it is told to.
struct Server {
    listener: TcpListener,
    port: Port,
}

impl Server {
    async fn start() -> Result<Self> {
        let port = Port::reserve()?;
        Ok(Self { listener: TcpListener::bind(port.address()).await?, port })
    }

    fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The next connection, with a request read whose body is JSON.
    async fn accept(&self) -> Result<TcpStream> {
        self.accept_up_to(b"}").await
    }

    /// The next connection, with what comes up to these bytes read.
    async fn accept_up_to(&self, end: &[u8]) -> Result<TcpStream> {
        let (mut stream, _) = self.listener.accept().await?;
        stream.set_nodelay(true)?;
        let mut read = Vec::new();
        while !read.ends_with(end) {
            ensure!(stream.read_buf(&mut read).await? > 0, "no request");
        }
        Ok(stream)
    }
}

/// A call whose answer has begun, and the server's side of it.
async fn call(server: &Server, bench: &Workbench) -> Result<(reqwest::Response, TcpStream)> {
    call_with(server, bench, &bench.token("alice")?).await
}

/// The same with this token.
async fn call_with(
    server: &Server,
    bench: &Workbench,
    token: &str,
) -> Result<(reqwest::Response, TcpStream)> {
    let call = bench.call(token).send();
    let serve = async {
        let mut stream = server.accept().await?;
        stream.write_all(HEAD.as_bytes()).await?;
        anyhow::Ok(stream)
    };
    // The head is there before any event is.
    let (answer, stream) = tokio::join!(call, serve);
    Ok((answer?, stream?))
}

async fn begin() -> Result<(Server, Workbench)> {
    let server = Server::start().await?;
    let mut plan = Plan::new().await?;
    plan.gateway.protected = server.address();
    Ok((server, plan.start().await?))
}

#[tokio::test]
async fn events_pass_one_by_one_as_the_server_writes_them() -> Result<()> {
    let (server, bench) = begin().await?;
    let (mut answer, mut stream) = call(&server, &bench).await?;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    for number in 0..5 {
        // The server writes the next event only after the client has got this one.
        let event =
            format!("data: {{\"jsonrpc\":\"2.0\",\"method\":\"x\",\"params\":{number}}}\n\n");
        stream.write_all(&http1::chunk(event.as_bytes())).await?;
        assert_eq!(answer.chunk().await?.unwrap(), event);
    }
    stream.write_all(http1::LAST_CHUNK.as_bytes()).await?;
    assert_eq!(answer.chunk().await?, None);
    Ok(())
}

/// MCP 2026-07-28: the client's end of the stream is how a call is cancelled.
#[tokio::test]
async fn each_side_learns_that_the_other_has_gone() -> Result<()> {
    let (server, bench) = begin().await?;
    let (mut answer, mut stream) = call(&server, &bench).await?;
    stream.write_all(&http1::chunk(b"data: 1\n\n")).await?;
    assert_eq!(answer.chunk().await?.unwrap(), "data: 1\n\n");
    drop(answer);
    let end = tokio::time::timeout(SOON, stream.read(&mut [0; 1])).await?;
    assert!(matches!(end, Ok(0) | Err(_)), "the server is not told");

    let (mut answer, mut stream) = call(&server, &bench).await?;
    stream.write_all(&http1::chunk(b"data: 1\n\n")).await?;
    assert_eq!(answer.chunk().await?.unwrap(), "data: 1\n\n");
    drop(stream);
    assert!(tokio::time::timeout(SOON, answer.chunk()).await?.is_err(), "the client is not told");
    Ok(())
}

fn millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

/// Writes events with the time, until nobody reads them.
async fn write_for_ever(stream: TcpStream) {
    write_events(stream, |time| time.to_string()).await;
}

/// The same as messages of the server's own, which are all that a session's stream may have.
async fn write_messages(stream: TcpStream) {
    write_events(stream, |time| {
        json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {"data": time}})
            .to_string()
    })
    .await;
}

async fn write_events(mut stream: TcpStream, event: impl Fn(u64) -> String) {
    loop {
        let event = format!("data: {}\n\n", event(millis()));
        if stream.write_all(&http1::chunk(event.as_bytes())).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The times in the events that come, until one is later than this or the stream ends.
async fn read_until(answer: &mut reqwest::Response, end: u64) -> Result<Vec<u64>> {
    let mut times = Vec::new();
    while let Ok(Some(chunk)) = tokio::time::timeout(SOON, answer.chunk()).await? {
        let text = String::from_utf8(chunk.to_vec())?;
        let time = |data: &str| match data.parse() {
            Ok(time) => Some(time),
            Err(_) => serde_json::from_str::<Value>(data).ok()?["params"]["data"].as_u64(),
        };
        let read = text.lines().filter_map(|line| time(line.strip_prefix("data: ")?));
        times.extend(read);
        if times.last().is_some_and(|last| *last > end) {
            break;
        }
    }
    Ok(times)
}

/// Whoever could not open a stream now has none: with the end of the client's token, and of the one that we sent.
#[tokio::test]
async fn a_stream_ends_when_a_token_of_its_own_does_and_others_go_on() -> Result<()> {
    let (server, bench) = begin().await?;
    let living = bench.token("bob")?;
    // Exchanged while the provider's tokens still live long.
    let (mut other, stream) = call_with(&server, &bench, &living).await?;
    tokio::spawn(write_for_ever(stream));
    for whose in ["the client's", "the exchanged"] {
        let end = millis() / 1000 + 4;
        let mut claims = bench.claims(&format!("alice, {whose}"));
        if whose == "the client's" {
            claims["exp"] = json!(end);
        } else {
            bench.idp.behave(Behaviour::Claims(json!({"exp": end})));
        }
        let token = bench.idp.mint(&claims)?;
        let (mut answer, stream) = call_with(&server, &bench, &token).await?;
        let server_side = tokio::spawn(write_for_ever(stream));
        let times = read_until(&mut answer, u64::MAX).await?;
        let ended = millis();
        let late = i128::from(ended) - i128::from(end * 1000);
        ensure!((0..2000).contains(&late), "{whose} token: {late} ms after its end");
        ensure!(times.len() > 5, "{whose} token: it had not begun: {times:?}");
        tokio::time::timeout(SOON, server_side).await??;
        let times = read_until(&mut other, ended + 500).await?;
        ensure!(times.last().is_some_and(|last| *last > ended + 500), "{times:?}");
    }
    assert_eq!(bench.gateway.counters().await?["stream_ended"], 2);
    Ok(())
}

/// A session's stream that has begun, and the server's side of it.
async fn session_stream(
    server: &Server,
    bench: &Workbench,
    token: &str,
) -> Result<(reqwest::Response, TcpStream)> {
    let begin = bench.call(token).body(initialize()).send();
    let serve = async {
        let mut stream = server.accept().await?;
        let result = "{\"jsonrpc\":\"2.0\",\"id\":\"initialize\",\"result\":{}}";
        let length = result.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
             mcp-session-id: one\r\nconnection: close\r\n\r\n{result}"
        );
        anyhow::Ok(stream.write_all(head.as_bytes()).await?)
    };
    let (begun, served) = tokio::join!(begin, serve);
    served?;
    let begun = begun?;
    let session = begun.headers().get(SESSION).context("no session")?.clone();
    let client = reqwest::Client::new();
    let open = client.get(bench.gateway.resource()).bearer_auth(token).header(SESSION, session);
    let serve = async {
        let mut stream = server.accept_up_to(b"\r\n\r\n").await?;
        stream.write_all(HEAD.as_bytes()).await?;
        anyhow::Ok(stream)
    };
    let (answer, stream) = tokio::join!(open.header("accept", "text/event-stream").send(), serve);
    Ok((answer?, stream?))
}

/// MCP 2025-11-25: the stream that a client opens with GET, on which the server speaks of its own accord.
#[tokio::test]
async fn a_session_s_stream_ends_with_its_token_and_another_person_s_goes_on() -> Result<()> {
    let server = Server::start().await?;
    let mut plan = Plan::new().await?;
    plan.gateway.protected = server.address();
    plan.configure(|configuration| {
        configuration["resources"][0]["sessions"] = json!({"keyEnv": KEY});
    });
    plan.gateway.envoy.environment.push((KEY.to_owned(), key()));
    let bench = plan.start().await?;
    let (mut other, stream) = session_stream(&server, &bench, &bench.token("bob")?).await?;
    tokio::spawn(write_messages(stream));

    let end = millis() / 1000 + 4;
    let mut claims = bench.claims("alice");
    claims["exp"] = json!(end);
    let token = bench.idp.mint(&claims)?;
    let (mut answer, stream) = session_stream(&server, &bench, &token).await?;
    let server_side = tokio::spawn(write_messages(stream));
    let times = read_until(&mut answer, u64::MAX).await?;
    let ended = millis();
    let late = i128::from(ended) - i128::from(end * 1000);
    ensure!((0..2000).contains(&late), "{late} ms after the token's end");
    ensure!(times.len() > 5, "it had not begun: {times:?}");
    tokio::time::timeout(SOON, server_side).await??;
    let times = read_until(&mut other, ended + 500).await?;
    ensure!(times.last().is_some_and(|last| *last > ended + 500), "bob's went, too: {times:?}");
    assert_eq!(bench.gateway.counters().await?["stream_ended"], 1);
    Ok(())
}

/// A call that was made in time has its answer, when the token has ended meanwhile.
#[tokio::test]
async fn an_answer_that_comes_after_the_token_s_end_is_there_once_and_does_not_go_on() -> Result<()>
{
    let (server, bench) = begin().await?;
    let end = millis() / 1000 + 2;
    let mut claims = bench.claims("alice");
    claims["exp"] = json!(end);
    let token = bench.idp.mint(&claims)?;
    let call = tokio::spawn(bench.call(&token).send());
    let mut stream = server.accept().await?;
    let ended = async || {
        ensure!(millis() > end * 1000 + 500, "it lives");
        Ok(())
    };
    eventually("the token's end", SOON, ended).await?;
    stream.write_all(HEAD.as_bytes()).await?;
    stream.write_all(&http1::chunk(b"data: the answer\n\n")).await?;
    let began = millis();
    let mut answer = call.await??;
    assert_eq!(answer.chunk().await?.unwrap(), "data: the answer\n\n");
    assert!(tokio::time::timeout(SOON, answer.chunk()).await?.is_err(), "it goes on");
    assert!(millis() - began < 2500, "it went on for {} ms", millis() - began);
    let refused = bench.call(&token).send().await?;
    assert_eq!(refused.status(), 401);
    Ok(())
}
