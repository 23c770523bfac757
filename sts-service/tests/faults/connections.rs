//! The transport: which requests are read at all, and for how long one waits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use obolus_tests::deadline::eventually;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::idp::Does;
use crate::world::{SOON, World, granted, outcome, refused};

#[tokio::test]
async fn only_a_plain_form_of_ordinary_size_is_read() {
    let world = World::start().await;
    let request = world.request(&world.idp().token("alice")).build().unwrap();
    let form = request.body().unwrap().as_bytes().unwrap().to_vec();
    let credential = request.headers()["authorization"].clone();
    let send = async |types: &[&str], encoding: Option<&str>, body: reqwest::Body| {
        let mut request =
            world.http.post(world.url("/exchange")).header("authorization", &credential).body(body);
        for value in types {
            request = request.header("content-type", *value);
        }
        if let Some(encoding) = encoding {
            request = request.header("content-encoding", encoding);
        }
        outcome(request.send().await.unwrap()).await.0
    };
    let plain = "application/x-www-form-urlencoded";
    assert_eq!(send(&[plain], None, form.clone().into()).await, granted());
    let spelled = "Application/X-WWW-Form-Urlencoded ; charset=utf-8";
    assert_eq!(send(&[spelled], None, form.clone().into()).await, granted());
    let malformed = refused(400, "exchange_request_malformed");
    for types in
        [&[][..], &["application/json"], &["text/plain"], &[plain, plain], &["multipart/form-data"]]
    {
        assert_eq!(send(types, None, form.clone().into()).await, malformed, "{types:?}");
    }
    // Parameters in a query stand in logs.
    let query = world.http.post(world.url("/exchange?audience=kubernetes"));
    let query =
        query.header("authorization", &credential).header("content-type", plain).body(form.clone());
    assert_eq!(outcome(query.send().await.unwrap()).await.0, malformed);
    let encoded = refused(415, "content_encoding_refused");
    assert_eq!(send(&[plain], Some("gzip"), form.clone().into()).await, encoded);
    let mut large = form.clone();
    large.extend(std::iter::repeat_n(b'x', 33 * 1024));
    assert_eq!(send(&[plain], None, large.into()).await, refused(413, "body_too_large"));
}

#[tokio::test]
async fn both_versions_of_http_are_spoken() {
    let world = World::start().await;
    let alice = world.idp().token("alice");
    let response = world.request(&alice).send().await.unwrap();
    assert_eq!(response.version(), reqwest::Version::HTTP_2);
    let certificate = std::fs::read(world.path().join("authority.crt")).unwrap();
    let http1 = obolus_tests::https::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(&certificate).unwrap()])
        .http1_only()
        .build()
        .unwrap();
    let response = http1.execute(world.request(&alice).build().unwrap()).await.unwrap();
    assert_eq!(response.version(), reqwest::Version::HTTP_11);
    assert_eq!(outcome(response).await.0, granted());
    let plain = obolus_tests::https::plain_client().unwrap();
    let url = world.url("/keys/idp").replace("https", "http");
    assert!(plain.get(url).send().await.is_err());
}

#[tokio::test]
async fn who_says_nothing_is_not_waited_for() {
    let world = World::start().await;
    let address = world.sts.as_ref().unwrap().service_address();
    let mut silent = tokio::net::TcpStream::connect(address).await.unwrap();
    let end = tokio::time::timeout(Duration::from_secs(20), silent.read(&mut [0; 1])).await;
    assert_eq!(end.expect("the handshake is waited for").unwrap_or(0), 0);
}

#[tokio::test]
async fn a_request_that_is_under_way_at_the_end_is_answered() {
    let mut world = World::start().await;
    let alice = world.idp().token("alice");
    world.idp().at("/token", Does::Waits);
    let under_way = tokio::spawn(world.request(&alice).send());
    eventually("the exchange", SOON, || async {
        ensure!(world.running.calls("/token") == 1);
        Ok(())
    })
    .await
    .unwrap();
    let stopping = tokio::spawn(world.sts.take().unwrap().stop());
    let address = world.url("/keys/idp");
    let certificate = std::fs::read_to_string(world.path().join("authority.crt")).unwrap();
    eventually("the end of listening", SOON, || async {
        let another = obolus_tests::https::client(&certificate)?;
        ensure!(another.get(&address).send().await.is_err());
        Ok(())
    })
    .await
    .unwrap();
    world.idp().let_go(1);
    assert_eq!(outcome(under_way.await.unwrap().unwrap()).await.0, granted());
    stopping.await.unwrap();
}

/// A connection by which a test says what it likes.
async fn connect(world: &World) -> std::io::Result<TlsStream<TcpStream>> {
    connect_by(world, Arc::new(client(world, &[]))).await
}

fn client(world: &World, protocols: &[&[u8]]) -> rustls::ClientConfig {
    let mut roots = RootCertStore::empty();
    let file = world.path().join("authority.crt");
    roots.add(CertificateDer::from_pem_file(file).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    tls
}

async fn connect_by(
    world: &World,
    tls: Arc<rustls::ClientConfig>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let tcp = TcpStream::connect(world.sts.as_ref().unwrap().service_address()).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(tls).connect(name, tcp).await
}

/// Sends this, and returns the first line of the answer.
async fn say(stream: &mut TlsStream<TcpStream>, text: &str) -> String {
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = [0; 4096];
    let length = stream.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    answer.lines().next().unwrap_or_default().to_owned()
}

/// When the other side ends this connection, at most 20 s from now.
async fn end(stream: &mut TlsStream<TcpStream>) -> Option<()> {
    let rest = async { while stream.read(&mut [0; 4096]).await.unwrap_or(0) > 0 {} };
    timeout(Duration::from_secs(20), rest).await.ok()
}

#[tokio::test]
async fn a_strangers_body_is_not_waited_for() {
    let world = World::start().await;
    let mut stream = connect(&world).await.unwrap();
    let head = "POST /exchange HTTP/1.1\r\nhost: localhost\r\ncontent-length: 30000\r\n\
                content-type: application/x-www-form-urlencoded\r\n\r\ngrant_type=";
    let begun = Instant::now();
    assert_eq!(say(&mut stream, head).await, "HTTP/1.1 401 Unauthorized");
    assert!(begun.elapsed() < Duration::from_secs(5));
}

/// The head of a known caller's request, without what says how long the body is.
fn head(world: &World) -> String {
    let request = world.request(&world.idp().token("alice")).build().unwrap();
    let credential = request.headers()["authorization"].to_str().unwrap().to_owned();
    format!(
        "POST /exchange HTTP/1.1\r\nhost: localhost\r\nauthorization: {credential}\r\n\
         content-type: application/x-www-form-urlencoded\r\n"
    )
}

#[tokio::test]
async fn a_body_that_does_not_say_its_length_is_read_up_to_the_limit_and_no_further() {
    let world = World::start().await;
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    for (chunks, expected) in
        [(7, "HTTP/1.1 400 Bad Request"), (9, "HTTP/1.1 413 Payload Too Large")]
    {
        let mut stream = connect(&world).await.unwrap();
        // The large one has no end: an answer can only come before it.
        let end = if chunks == 7 { "0\r\n\r\n" } else { "" };
        let body = chunk.repeat(chunks) + end;
        let text = format!("{}transfer-encoding: chunked\r\n\r\n{body}", head(&world));
        assert_eq!(say(&mut stream, &text).await, expected);
    }
}

#[tokio::test]
async fn a_known_callers_body_is_waited_for_shortly() {
    let world = World::start().await;
    let mut stream = connect(&world).await.unwrap();
    let text = format!("{}content-length: 1000\r\n\r\ngrant_type=", head(&world));
    let answer = timeout(Duration::from_secs(120), say(&mut stream, &text)).await;
    assert_eq!(answer.expect("the body is waited for"), "HTTP/1.1 400 Bad Request");
}

/// Else whoever a changed configuration does not let in any more would come back by what it was given before.
#[tokio::test]
async fn no_tls_session_is_resumed() {
    let world = World::start().await;
    let tls = Arc::new(client(&world, &[]));
    for _ in 0..3 {
        let mut stream = connect_by(&world, Arc::clone(&tls)).await.unwrap();
        // With the answer come tickets, if there are any.
        say(&mut stream, "POST /exchange HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
        let kind = stream.get_ref().1.handshake_kind();
        assert_eq!(kind, Some(rustls::HandshakeKind::Full));
    }
}

/// How HTTP/2 begins (RFC 9113 §3.4), with no settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// The next frame: type, flags and payload (RFC 9113 §4.1).
async fn frame(stream: &mut TlsStream<TcpStream>) -> (u8, u8, Vec<u8>) {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    let mut payload = vec![0; usize::from(u16::from_be_bytes([head[1], head[2]]))];
    stream.read_exact(&mut payload).await.unwrap();
    (head[3], head[4], payload)
}

#[tokio::test]
async fn heads_are_bounded_in_number_and_size_and_streams_in_number() {
    let world = World::start().await;
    world.has_keys().await;
    for (headers, expected) in
        [(60, "HTTP/1.1 200 OK"), (70, "HTTP/1.1 431 Request Header Fields Too Large")]
    {
        let mut stream = connect(&world).await.unwrap();
        let more: String = (0..headers).map(|number| format!("x-{number}: x\r\n")).collect();
        let text = format!("GET /keys/idp HTTP/1.1\r\nhost: localhost\r\n{more}\r\n");
        assert_eq!(say(&mut stream, &text).await, expected);
    }
    // What HTTP/2 is told at the beginning (RFC 9113 §6.5): identifier and value, each after each.
    let tls = Arc::new(client(&world, &[b"h2"]));
    let mut stream = connect_by(&world, tls).await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    let (kind, _, settings) = frame(&mut stream).await;
    assert_eq!(kind, 4, "SETTINGS");
    let settings: Vec<_> = settings
        .chunks(6)
        .map(|s| (u16::from_be_bytes([s[0], s[1]]), u32::from_be_bytes([s[2], s[3], s[4], s[5]])))
        .collect();
    for (name, id, value) in [("streams", 3, 32), ("a head's bytes", 6, 32 * 1024)] {
        assert!(settings.contains(&(id, value)), "{name}: {settings:?}");
    }
}

/// A gateway that is gone without a word would hold its place for much longer.
#[tokio::test]
async fn a_quiet_client_is_asked_whether_it_is_still_there() {
    let world = World::start().await;
    world.has_keys().await;
    let mut stream = connect_by(&world, Arc::new(client(&world, &[b"h2"]))).await.unwrap();
    // GET https://localhost/keys/idp, whole (RFC 7541 §6): it is to stay for a while.
    let fields = b"\x82\x87\x04\x09/keys/idp\x01\x09localhost";
    let head = [0, 0, u8::try_from(fields.len()).unwrap(), 1, 5, 0, 0, 0, 1];
    stream.write_all(&[PREFACE, &head, fields].concat()).await.unwrap();
    let (mut has_keys, ping) = (false, 6);
    let asked = timeout(Duration::from_secs(60), async {
        loop {
            match frame(&mut stream).await {
                (0, _, payload) => has_keys |= payload.starts_with(b"{\"keys\":["),
                (kind, flags, _) if kind == ping && flags & 1 == 0 => return,
                _ => {}
            }
        }
    });
    asked.await.expect("nobody asks");
    assert!(has_keys);
}

#[tokio::test]
async fn only_who_is_of_use_may_stay() {
    let world = World::start().await;
    world.has_keys().await;
    let [mut quiet, mut slow, mut stranger, mut good] = [
        connect(&world).await.unwrap(),
        connect(&world).await.unwrap(),
        connect(&world).await.unwrap(),
        connect(&world).await.unwrap(),
    ];
    let keys = "GET /keys/idp HTTP/1.1\r\nhost: localhost\r\n\r\n";
    slow.write_all(b"GET /keys/idp HT").await.unwrap();
    let refused = say(&mut stranger, "POST /exchange HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert_eq!(refused, "HTTP/1.1 401 Unauthorized");
    assert_eq!(say(&mut good, keys).await, "HTTP/1.1 200 OK");
    let ends = tokio::join!(end(&mut quiet), end(&mut slow), end(&mut stranger));
    assert_eq!(ends, (Some(()), Some(()), Some(())));
    assert_eq!(say(&mut good, keys).await, "HTTP/1.1 200 OK");
}

/// How many connections are open, as the metric says.
async fn open(world: &World) -> u64 {
    world.metric("obolus_sts_connections{listener=\"service\"}").await
}

fn limited(limit: &str) -> String {
    format!("obolus_sts_connections_limited_total{{listener=\"service\",limit=\"{limit}\"}}")
}

async fn so_many_are_open(world: &World, count: u64) {
    eventually("connections", SOON, || async {
        let open = open(world).await;
        ensure!(open == count, "{open} are open");
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn one_address_does_not_have_all_connections() {
    let world = World::start_with(|_| {}, "connections_per_peer = 2").await;
    let turned_away = limited("connections_per_peer");
    assert_eq!((open(&world).await, world.metric(&turned_away).await), (0, 0));
    let first = connect(&world).await.unwrap();
    let second = connect(&world).await.unwrap();
    assert_eq!((open(&world).await, world.metric(&turned_away).await), (2, 0));
    assert!(connect(&world).await.is_err());
    assert_eq!((open(&world).await, world.metric(&turned_away).await), (2, 1));
    drop(first);
    eventually("room for another", SOON, || async { Ok(connect(&world).await.map(drop)?) })
        .await
        .unwrap();
    drop(second);
    so_many_are_open(&world, 0).await;
    // The port of metrics is counted apart: this question comes over one.
    assert_eq!(world.metric("obolus_sts_connections{listener=\"operations\"}").await, 1);
}

#[tokio::test]
async fn who_comes_when_all_connections_are_taken_waits_for_the_end_of_one_and_that_is_counted() {
    let world = World::start_with(|_| {}, "connections = 2").await;
    let all_taken = limited("connections");
    let first = connect(&world).await.unwrap();
    assert_eq!((open(&world).await, world.metric(&all_taken).await), (1, 0));
    let _second = connect(&world).await.unwrap();
    eventually("the limit", SOON, || async {
        ensure!((open(&world).await, world.metric(&all_taken).await) == (2, 1));
        Ok(())
    })
    .await
    .unwrap();
    let mut third = tokio::spawn(async move { connect(&world).await.map(|_| world) });
    assert!(timeout(Duration::from_millis(300), &mut third).await.is_err());
    drop(first);
    let world = timeout(SOON, third).await.unwrap().unwrap().unwrap();
    assert!(world.metric(&all_taken).await >= 1);
}
