//! The stand-in: HTTPS with HTTP/2, a record of what arrived, and whatever answer a test wants.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use axum::body::{Body, Bytes};
use futures_util::{SinkExt as _, StreamExt as _};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::identity::Identity;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) authorization: Vec<String>,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) connection: usize,
}

impl Arrived {
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }
}

pub(crate) enum Answer {
    Json(u16, Value),
    Text(u16, String),
    /// JSON with an `ETag`, or nothing but that it is the same, to whoever has it.
    Tagged(&'static str, Value),
    /// Never.
    Hang,
    /// JSON, but not before the notice.
    After(Arc<Notify>, u16, Value),
    /// Text as it comes, and then nothing more and no end.
    Endless(&'static str),
    /// So many bytes of one line, behind which stands another: `end`.
    LongLine(usize),
    /// A WebSocket that sends these messages, and hangs up; or does not.
    Channels(&'static str, Vec<Vec<u8>>, HangUp),
}

/// What happens after the last message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum HangUp {
    Yes,
    No,
}

type Handler = Arc<dyn Fn(&Arrived) -> Answer + Send + Sync>;

pub(crate) struct ApiServer {
    pub(crate) url: String,
    pub(crate) ca_pem: String,
    log: Arc<Mutex<Vec<Arrived>>>,
    /// Requests whose answer nobody waits for any more.
    abandoned: Arc<AtomicUsize>,
    /// Streams that are open: endless answers, and WebSockets.
    open: Arc<AtomicUsize>,
    _accepting: JoinSet<()>,
}

impl ApiServer {
    pub(crate) async fn start(
        handler: impl Fn(&Arrived) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let Identity { ca_pem, certificate_pem, key_pem } = Identity::localhost();
        let config = server_config(&certificate_pem, &key_pem);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let log = Arc::new(Mutex::new(Vec::new()));
        let abandoned = Arc::new(AtomicUsize::new(0));
        let open = Arc::new(AtomicUsize::new(0));
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(
            listener,
            acceptor,
            Arc::new(handler),
            Arc::clone(&log),
            Arc::clone(&abandoned),
            Arc::clone(&open),
        ));
        Self { url, ca_pem, log, abandoned, open, _accepting: accepting }
    }

    /// Answers `whoami` with the bearer as the user's name, and nothing else.
    pub(crate) async fn echoing_users() -> Self {
        Self::start(|request| Answer::Json(201, review(&request.authorization.join("+")))).await
    }

    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn open_streams(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    pub(crate) fn abandoned(&self) -> usize {
        self.abandoned.load(Ordering::SeqCst)
    }
}

/// What the API server says of a user.
pub(crate) fn review(username: &str) -> Value {
    json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview", "metadata": {},
        "status": {"userInfo": {"username": username, "groups": ["system:authenticated"]}},
    })
}

/// A failure as the API server words it.
pub(crate) fn status(code: u16, message: &str) -> Answer {
    Answer::Json(
        code,
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}),
    )
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    handler: Handler,
    log: Arc<Mutex<Vec<Arrived>>>,
    abandoned: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
) {
    let mut connections = JoinSet::new();
    for connection in 0.. {
        let Ok((stream, _)) = listener.accept().await else { return };
        let (acceptor, handler, log, abandoned, open) =
            (acceptor.clone(), handler.clone(), log.clone(), abandoned.clone(), open.clone());
        connections.spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = tower::service_fn(move |request| {
                answer(
                    request,
                    connection,
                    handler.clone(),
                    log.clone(),
                    Abandoned(abandoned.clone(), true),
                    open.clone(),
                )
            });
            let _ = auto::Builder::new(TokioExecutor::new())
                .serve_connection_with_upgrades(
                    TokioIo::new(stream),
                    TowerToHyperService::new(service),
                )
                .await;
        });
    }
}

/// Counts when it is dropped before it is disarmed.
struct Abandoned(Arc<AtomicUsize>, bool);

impl Drop for Abandoned {
    fn drop(&mut self) {
        if self.1 {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Counts for as long as it is held.
struct Open(Arc<AtomicUsize>);

impl Open {
    fn new(count: Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn endless(text: &'static str, open: Open) -> Body {
    let first =
        futures_util::stream::iter([Ok::<_, Infallible>(Bytes::from_static(text.as_bytes()))]);
    let never = futures_util::stream::poll_fn(move |_| {
        let _held = &open;
        Poll::Pending
    });
    Body::from_stream(first.chain(never))
}

fn long_line(bytes: usize) -> Body {
    let piece = Bytes::from(vec![b'x'; 64 * 1024]);
    let pieces = std::iter::repeat_n(piece, bytes / (64 * 1024));
    let all = pieces.chain([Bytes::from_static(b"\nend\n")]).map(Ok::<_, Infallible>);
    Body::from_stream(futures_util::stream::iter(all))
}

/// Speaks the server's side of a WebSocket, until the client is gone.
async fn channels(upgrade: OnUpgrade, messages: Vec<Vec<u8>>, hang_up: HangUp, open: Open) {
    let _held = open;
    let io = TokioIo::new(upgrade.await.unwrap());
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
    for message in messages {
        if socket.send(Message::Binary(message.into())).await.is_err() {
            return;
        }
    }
    if hang_up == HangUp::Yes {
        let _ = socket.close(None).await;
    }
    while let Some(Ok(_)) = socket.next().await {}
}

async fn answer<B>(
    mut request: Request<B>,
    connection: usize,
    handler: Handler,
    log: Arc<Mutex<Vec<Arrived>>>,
    mut abandoned: Abandoned,
    open: Arc<AtomicUsize>,
) -> Result<Response<Body>, Infallible>
where
    B: axum::body::HttpBody<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    let upgrade = hyper::upgrade::on(&mut request);
    let (parts, body) = request.into_parts();
    let arrived = Arrived {
        method: parts.method.to_string(),
        target: parts.uri.path_and_query().unwrap().to_string(),
        authorization: parts
            .headers
            .get_all("authorization")
            .iter()
            .map(|value| value.to_str().unwrap().to_owned())
            .collect(),
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes(),
        connection,
    };
    log.lock().unwrap().push(arrived.clone());
    let mut tag = None;
    let (code, kind, text) = match handler(&arrived) {
        Answer::Tagged(etag, value) => {
            tag = Some(etag);
            let is_same = arrived.headers.get("if-none-match").is_some_and(|known| known == etag);
            let code = if is_same { 304 } else { 200 };
            (code, "application/json", if is_same { String::new() } else { value.to_string() })
        }
        Answer::Json(code, value) => (code, "application/json", value.to_string()),
        Answer::Text(code, text) => (code, "text/plain", text),
        Answer::Hang => std::future::pending().await,
        Answer::After(notice, code, value) => {
            notice.notified().await;
            (code, "application/json", value.to_string())
        }
        Answer::Endless(text) => {
            abandoned.1 = false;
            return Ok(Response::new(endless(text, Open::new(open))));
        }
        Answer::LongLine(bytes) => {
            abandoned.1 = false;
            return Ok(Response::new(long_line(bytes)));
        }
        Answer::Channels(protocol, messages, hang_up) => {
            abandoned.1 = false;
            tokio::spawn(channels(upgrade, messages, hang_up, Open::new(open)));
            let accept = derive_accept_key(arrived.headers["sec-websocket-key"].as_bytes());
            let response = Response::builder()
                .status(101)
                .header("connection", "upgrade")
                .header("upgrade", "websocket")
                .header("sec-websocket-accept", accept)
                .header("sec-websocket-protocol", protocol);
            return Ok(response.body(Body::empty()).unwrap());
        }
    };
    abandoned.1 = false;
    let mut response = Response::builder().status(code).header("content-type", kind);
    if let Some(tag) = tag {
        response = response.header("etag", tag);
    }
    Ok(response.body(Body::from(text)).unwrap())
}

fn server_config(certificate_pem: &str, key_pem: &str) -> ServerConfig {
    let certificate = CertificateDer::from_pem_slice(certificate_pem.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}
