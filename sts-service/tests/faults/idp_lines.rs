//! The connections to the identity provider: what is sent over them once is not sent again by the client's own doing,
//! and one that leads nowhere is given up.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::ensure;
use axum::body::Bytes;
use axum::http::{Response, StatusCode, Version};
use h2::{Reason, RecvStream};
use obolus_tests::deadline::eventually;
use obolus_tests::pki::{Authority, Leaf};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::idp::Running;
use crate::world::{World, configuration, granted, refused};

const LATER: Duration = Duration::from_secs(60);

/// How a token endpoint that speaks HTTP/2 only ends a request that it has read.
#[derive(Debug, Clone, Copy)]
enum Ends {
    /// By a refusal.
    Answers,
    /// Without an answer, and claiming that it did nothing (RFC 9113 §8.7): clients may repeat such a request.
    RefusesTheStream,
}

/// The forms that have come to such an endpoint.
#[derive(Clone, Default)]
struct Forms(Arc<Mutex<Vec<HashMap<String, String>>>>);

impl Forms {
    /// Serves it, and returns its port.
    async fn come_to(&self, leaf: &Leaf, ends: Ends) -> u16 {
        obolus_tests::https::install_crypto();
        let chain = CertificateDer::pem_slice_iter(leaf.chain.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).unwrap();
        let mut tls = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain.collect::<Result<_, _>>().unwrap(), key)
            .unwrap();
        tls.alpn_protocols = vec![b"h2".to_vec()];
        let (tls, forms) = (TlsAcceptor::from(Arc::new(tls)), self.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                let (tls, forms) = (tls.clone(), forms.clone());
                // A client that speaks no HTTP/2 does not get through the handshake.
                tokio::spawn(async move {
                    let mut connection = h2::server::handshake(tls.accept(tcp).await?).await?;
                    while let Some(request) = connection.accept().await {
                        let (request, mut answer) = request?;
                        let forms = forms.clone();
                        let reading = tokio::spawn(forms.read(request.into_body()));
                        match ends {
                            Ends::Answers => tokio::spawn(async move {
                                reading.await??;
                                let head = Response::builder()
                                    .status(StatusCode::BAD_REQUEST)
                                    .header("content-type", "application/json")
                                    .body(())?;
                                let body = Bytes::from_static(b"{\"error\":\"invalid_grant\"}");
                                answer.send_response(head, false)?.send_data(body, true)?;
                                anyhow::Ok(())
                            }),
                            Ends::RefusesTheStream => tokio::spawn(async move {
                                reading.await??;
                                answer.send_reset(Reason::REFUSED_STREAM);
                                anyhow::Ok(())
                            }),
                        };
                    }
                    anyhow::Ok(())
                });
            }
        });
        port
    }

    async fn read(self, mut body: RecvStream) -> anyhow::Result<()> {
        let mut whole = Vec::new();
        while let Some(chunk) = body.data().await {
            let chunk = chunk?;
            body.flow_control().release_capacity(chunk.len())?;
            whole.extend_from_slice(&chunk);
        }
        let form = form_urlencoded::parse(&whole).into_owned().collect();
        self.0.lock().unwrap().push(form);
        Ok(())
    }
}

/// An HTTP client may send a request again by itself, which the other end says that it has not looked at. It may have:
/// and then somebody is told of a replay, who has made none.
#[tokio::test]
async fn an_assertion_is_sent_once_also_where_the_other_end_says_that_it_did_not_look_at_it() {
    for ends in [Ends::Answers, Ends::RefusesTheStream] {
        let authority = Authority::new("one time").unwrap();
        let running = Running::start(&authority).await;
        let forms = Forms::default();
        let port = forms.come_to(&authority.server().unwrap(), ends).await;
        let config = configuration(&running.idp.issuer(), "idp_timeout_ms = 2500")
            .replace(
                "method = \"client_secret_basic\"\nsecret_file = \"secret\"",
                "method = \"private_key_jwt\"\nalgorithm = \"ES256\"\nkey_file = \"client.key\"",
            )
            .replace(
                "profile = \"oidc\"",
                &format!("profile = \"oidc\"\ntoken_endpoint = \"https://localhost:{port}/token\""),
            );
        let world = World::start_configured(&authority, running, |folder| {
            let key = rcgen::KeyPair::generate().unwrap();
            std::fs::write(folder.join("client.key"), key.serialize_pem()).unwrap();
            config
        })
        .await;
        let expected = match ends {
            Ends::Answers => refused(401, "subject_token_refused"),
            // The second attempt is by HTTP/1.1, which is not spoken there.
            Ends::RefusesTheStream => refused(503, "idp_unavailable"),
        };
        assert_eq!(world.exchange_for("alice").await, expected, "{ends:?}");
        let forms = forms.0.lock().unwrap();
        assert_eq!(forms.len(), 1, "{ends:?}: sent again");
        assert_eq!(forms[0]["client_assertion"].split('.').count(), 3, "{ends:?}");
    }
}

/// Passes bytes on, until whoever is connected is cut off without being told.
struct Relay {
    port: u16,
    connections: Arc<AtomicUsize>,
    silent: Arc<AtomicUsize>,
}

impl Relay {
    async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let (connections, silent) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let (counted, cut_off) = (Arc::clone(&connections), Arc::clone(&silent));
        tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                let number = counted.fetch_add(1, Ordering::SeqCst);
                let (from_near, to_near) = near.into_split();
                let far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let (from_far, to_far) = far.into_split();
                tokio::spawn(pass_on(from_near, to_far, number, Arc::clone(&cut_off)));
                tokio::spawn(pass_on(from_far, to_near, number, Arc::clone(&cut_off)));
            }
        });
        Self { port: own, connections, silent }
    }

    /// Nothing more comes through on the connections that there are, not even their end. Others are as before.
    fn falls_silent(&self) {
        self.silent.store(self.connections.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

async fn pass_on(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    number: usize,
    silent: Arc<AtomicUsize>,
) {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let length = from.read(&mut bytes).await.unwrap_or(0);
        if number < silent.load(Ordering::SeqCst) {
            // With both ends open.
            std::future::pending::<()>().await;
        }
        if length == 0 || to.write_all(&bytes[..length]).await.is_err() {
            return;
        }
    }
}

/// A firewall that forgets a connection, or a machine that is gone, tells nobody. Each request would wait for it in vain
/// and be saved by its second attempt only, for as long as there are requests.
#[tokio::test]
async fn a_connection_that_leads_nowhere_is_found_out_and_replaced() {
    let authority = Authority::new("silence").unwrap();
    let running = Running::start(&authority).await;
    let relay = Relay::to(running.recorder.port()).await;
    let endpoint = format!("token_endpoint = \"https://localhost:{}/token\"", relay.port);
    let config = configuration(&running.idp.issuer(), "")
        .replace("profile = \"oidc\"", &format!("profile = \"oidc\"\n{endpoint}"));
    let world = World::start_configured(&authority, running, |_| config).await;
    let came_over_http2 = || {
        let requests = world.running.recorder.take();
        let asked = requests.iter().filter(|request| request.uri.path() == "/token");
        asked.map(|request| request.version).any(|version| version == Version::HTTP_2)
    };
    assert_eq!(world.exchange_for("before").await, granted());
    assert!(came_over_http2());
    relay.falls_silent();
    let asked = AtomicUsize::new(0);
    eventually("the usual connection, anew", LATER, || async {
        let number = asked.fetch_add(1, Ordering::Relaxed);
        // By the second attempt, which is made over HTTP/1.1, or by the first.
        assert_eq!(world.exchange_for(&format!("person-{number}")).await, granted());
        ensure!(came_over_http2(), "{number} requests");
        Ok(())
    })
    .await
    .unwrap();
    assert!(asked.into_inner() > 1, "it was not silent");
}
