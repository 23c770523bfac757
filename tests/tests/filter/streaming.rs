//! Answers that come in pieces are passed on piece by piece, and end when either side ends them.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, ensure};
use obolus_tests::fixtures::workbench::{Plan, Workbench};
use obolus_tests::ports::Port;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

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

    /// The next connection, with the head of its request read.
    async fn accept(&self) -> Result<TcpStream> {
        let (mut stream, _) = self.listener.accept().await?;
        stream.set_nodelay(true)?;
        let mut read = Vec::new();
        while !read.ends_with(b"}") {
            ensure!(stream.read_buf(&mut read).await? > 0, "no request");
        }
        Ok(stream)
    }
}

/// A call whose answer has begun, and the server's side of it.
async fn call(server: &Server, bench: &Workbench) -> Result<(reqwest::Response, TcpStream)> {
    let call = bench.call(&bench.token("alice")?).send();
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
