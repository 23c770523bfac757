//! With hosts on loopback that count who connects, under names that resolve to wherever a test wants them to.

use std::sync::Mutex;

use http::Response;
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{RootCertStore, ServerConfig};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::helm::ChartUrl;

/// Names in the certificate that every host here shows.
const NAMES: [&str; 3] = ["charts.example.com", "other.example.com", "127.0.0.1"];
const ARCHIVE: &[u8] = b"the bytes of a chart";

/// What a host answers to a path, to whom.
type Answers = dyn Fn(&str, Option<&str>) -> Response<Full<Bytes>> + Send + Sync;

struct World {
    tls: ClientConfig,
    server: Arc<ServerConfig>,
}

struct Host {
    port: u16,
    connections: Arc<Mutex<usize>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl World {
    fn new() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let parameters = rcgen::CertificateParams::new(NAMES.map(str::to_owned)).unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        let certificate = CertificateDer::from(certificate);
        let provider = || Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(certificate.clone()).unwrap();
        let tls = ClientConfig::builder_with_provider(provider());
        let tls = tls.with_safe_default_protocol_versions().unwrap();
        let tls = tls.with_root_certificates(roots).with_no_client_auth();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let server = ServerConfig::builder_with_provider(provider());
        let server = server.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let server = Arc::new(server.with_single_cert(vec![certificate], key).unwrap());
        Self { tls, server }
    }

    async fn host(
        &self,
        answers: impl Fn(&str, Option<&str>) -> Response<Full<Bytes>> + Send + Sync + 'static,
    ) -> Host {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (connections, asked) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(Vec::new())));
        let host = Host { port, connections: Arc::clone(&connections), asked: Arc::clone(&asked) };
        let acceptor = TlsAcceptor::from(Arc::clone(&self.server));
        let answers: Arc<Answers> = Arc::new(answers);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                *connections.lock().unwrap() += 1;
                let (acceptor, answers) = (acceptor.clone(), Arc::clone(&answers));
                let asked = Arc::clone(&asked);
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service = service_fn(|request: Request<_>| {
                        let target = request.uri().path_and_query().unwrap().to_string();
                        let token = request.headers().get(AUTHORIZATION);
                        let token = token.map(|value| value.to_str().unwrap().to_owned());
                        let answer = answers(&target, token.as_deref());
                        asked.lock().unwrap().push(target);
                        async move { Ok::<_, std::convert::Infallible>(answer) }
                    });
                    drop(
                        http1::Builder::new().serve_connection(TokioIo::new(stream), service).await,
                    );
                });
            }
        });
        host
    }

    /// Every name resolves to loopback; `listed` is what the operator allows.
    async fn fetch(&self, url: &str, listed: &[&str]) -> Result<Vec<u8>, String> {
        let registries = listed.iter().map(|one| ChartUrl::parse(one).unwrap()).collect();
        let sources = ChartSources { registries, folder: None };
        let ask = |_| -> Asked { Box::pin(async { Ok(vec![([127, 0, 0, 1], 0).into()]) }) };
        let resolver = Resolver { ask: Arc::new(ask), only_public: true };
        let outside = Outside::resolving(&sources, &self.tls, &resolver);
        sources.fetch_by(&outside, &ChartUrl::parse(url).unwrap()).await
    }
}

impl Host {
    fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn found(body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    Response::new(Full::new(body.into()))
}

fn answer(status: u16, header: (&str, &str)) -> Response<Full<Bytes>> {
    let answer = Response::builder().status(status).header(header.0, header.1);
    answer.body(Full::new(Bytes::new())).unwrap()
}

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

#[tokio::test]
async fn a_public_name_that_resolves_to_the_inside_is_not_connected_to() {
    let world = World::new();
    let inside = world.host(|_, _| found(ARCHIVE)).await;
    let url = format!("https://charts.example.com:{}/web-1.0.0.tgz", inside.port);
    let refused = world.fetch(&url, &[]).await.unwrap_err();
    assert!(refused.contains("inside of a network"), "{refused}");
    assert_eq!(inside.connections(), 0);
    // The control: the operator lists it.
    let listed = format!("https://charts.example.com:{}", inside.port);
    assert_eq!(world.fetch(&url, &[&listed]).await.unwrap(), ARCHIVE);
    assert_eq!(inside.connections(), 1);
}

#[tokio::test]
async fn a_redirect_leads_to_nobody_who_could_not_be_asked_at_first() {
    let world = World::new();
    let inside = world.host(|_, _| found(ARCHIVE)).await;
    let port = inside.port;
    let first = world
        .host(move |path, _| {
            let host = match path {
                "/address" => format!("https://127.0.0.1:{port}/"),
                "/name" => format!("https://other.example.com:{port}/"),
                "/localhost" => format!("https://localhost:{port}/"),
                "/plain" => format!("http://127.0.0.1:{port}/"),
                "/user" => format!("https://charts.example.com@127.0.0.1:{port}/"),
                "/slashes" => format!("//127.0.0.1:{port}/"),
                "/file" => "file:///etc/passwd".to_owned(),
                "/round" => "/round".to_owned(),
                "/self" => "/there".to_owned(),
                _ => return found(ARCHIVE),
            };
            answer(302, ("location", &host))
        })
        .await;
    let listed = format!("https://charts.example.com:{}", first.port);
    for (path, said) in [
        ("address", "inside of a network"),
        ("name", "inside of a network"),
        ("localhost", "inside of a network"),
        ("plain", "no https:// URL"),
        ("user", "no https:// URL"),
        ("slashes", "no https:// URL"),
        ("file", "no https:// URL"),
        ("round", "more than 5 times"),
    ] {
        let refused = world.fetch(&format!("{listed}/{path}"), &[&listed]).await.unwrap_err();
        assert!(refused.contains(said), "{path}: {refused}");
    }
    assert_eq!(inside.connections(), 0);
    // The controls: a path of its own, and a host that is listed as well.
    assert_eq!(world.fetch(&format!("{listed}/self"), &[&listed]).await.unwrap(), ARCHIVE);
    let other = format!("oci://127.0.0.1:{}", inside.port);
    let fetched = world.fetch(&format!("{listed}/address"), &[&listed, &other]).await.unwrap();
    assert_eq!((fetched.as_slice(), inside.connections()), (ARCHIVE, 1));
}

/// A registry that wants a token, which is to be had at `realm`.
fn registry(realm: String) -> impl Fn(&str, Option<&str>) -> Response<Full<Bytes>> {
    let manifest = format!(
        "{{\"layers\":[{{\"mediaType\":\"application/vnd.cncf.helm.chart.content.v1.tar+gzip\",\"digest\":\"{}\"}}]}}",
        digest(ARCHIVE)
    );
    let index = format!("{{\"manifests\":[{{\"digest\":\"{}\"}}]}}", digest(manifest.as_bytes()));
    let by_digest = format!("/v2/org/web/manifests/{}", digest(manifest.as_bytes()));
    let forged = format!("/v2/org/forged/blobs/{}", digest(ARCHIVE));
    let blob = format!("/v2/org/web/blobs/{}", digest(ARCHIVE));
    move |path, token| {
        if path.starts_with("/token?service=reg&scope=repository%3Aorg%2F") {
            return found("{\"token\":\"t0ken\"}");
        }
        if token != Some("Bearer t0ken") {
            let challenge = format!("Bearer realm=\"{realm}\",service=\"reg\"");
            return answer(401, ("www-authenticate", &challenge));
        }
        match path {
            "/v2/org/web/tags/list?n=1000" => {
                let mut page = found("{\"tags\":[\"1.9.0\",\"latest\",\"2.0.0-rc.1\"]}");
                let next = "<https://127.0.0.1:1/v2/org/web/tags/list?last=x&n=3>; rel=\"next\"";
                page.headers_mut().insert("link", next.parse().unwrap());
                page
            }
            "/v2/org/web/tags/list?last=x&n=3" => found("{\"tags\":[\"v1.10.0\",\"1.2.0\"]}"),
            "/v2/org/web/manifests/v1.10.0" | "/v2/org/web/manifests/1.0.0_build" => {
                found(manifest.clone())
            }
            "/v2/org/forged/manifests/1.0.0" => found(manifest.clone()),
            "/v2/org/web/manifests/2.0.0" => found(index.clone()),
            _ if path == by_digest => found(manifest.clone()),
            _ if path == blob => found(ARCHIVE),
            _ if path == forged => found("something else"),
            _ => answer(404, ("x", "y")),
        }
    }
}

#[tokio::test]
async fn a_chart_of_a_registry_is_the_newest_or_the_one_that_is_named() {
    let world = World::new();
    let auth = world.host(registry(String::new())).await;
    let host = world.host(registry(format!("https://127.0.0.1:{}/token", auth.port))).await;
    let listed =
        [format!("oci://127.0.0.1:{}/org", host.port), format!("https://127.0.0.1:{}", auth.port)];
    let listed = listed.each_ref().map(String::as_str);
    for reference in ["web", "web:v1.10.0", "web:1.0.0+build", "web:2.0.0"] {
        let fetched = world.fetch(&format!("{}/{reference}", listed[0]), &listed).await;
        assert_eq!(fetched.as_deref(), Ok(ARCHIVE), "{reference}");
    }
    let (asked, here) = (auth.asked(), host.asked());
    assert!(asked.iter().all(|path| path.starts_with("/token?")), "{asked:?}");
    assert!(here.contains(&"/v2/org/web/manifests/v1.10.0".to_owned()), "{here:?}");
    for (reference, said) in [
        ("forged:1.0.0", "does not have the digest"),
        ("web:9.9.9", "answers 404"),
        ("web@sha256:abc", "no SHA-256"),
    ] {
        let fetched = world.fetch(&format!("{}/{reference}", listed[0]), &listed).await;
        assert!(
            fetched.as_ref().is_err_and(|told| told.contains(said)),
            "{reference}: {fetched:?}"
        );
    }
}

#[tokio::test]
async fn a_registry_does_not_say_where_tokens_are_to_be_had_inside_of_the_network() {
    let world = World::new();
    let inside = world.host(registry(String::new())).await;
    for realm in [
        "https://127.0.0.1:PORT/token",
        "http://127.0.0.1:PORT/token",
        "https://other.example.com:PORT/token",
    ] {
        let realm = realm.replace("PORT", &inside.port.to_string());
        let host = world.host(registry(realm.clone())).await;
        let listed = format!("oci://charts.example.com:{}", host.port);
        let url = format!("{listed}/org/web:v1.10.0");
        let refused = world.fetch(&url, &[&listed]).await.unwrap_err();
        assert!(
            refused.contains("inside of a network") || refused.contains("no https"),
            "{refused}"
        );
        assert_eq!((inside.connections(), host.connections()), (0, 1), "{realm}");
    }
    // The control: the same realm, when the operator lists its host.
    let host = world.host(registry(format!("https://127.0.0.1:{}/token", inside.port))).await;
    let listed = [
        format!("oci://charts.example.com:{}", host.port),
        format!("https://127.0.0.1:{}", inside.port),
    ];
    let listed = listed.each_ref().map(String::as_str);
    let url = format!("{}/org/web:v1.10.0", listed[0]);
    assert_eq!(world.fetch(&url, &listed).await.unwrap(), ARCHIVE);
    assert_eq!(inside.connections(), 1);
}

#[tokio::test]
async fn a_token_is_for_the_host_that_wanted_it() {
    let world = World::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&seen);
    let other = world
        .host(move |_, token| {
            told.lock().unwrap().push(token.map(str::to_owned));
            found(ARCHIVE)
        })
        .await;
    let to = format!("https://127.0.0.1:{}/blob", other.port);
    let first = world.host(move |_, _| answer(307, ("location", &to))).await;
    let registries = [first.port, other.port];
    let registries =
        registries.map(|port| ChartUrl::parse(&format!("https://127.0.0.1:{port}")).unwrap());
    let sources = ChartSources { registries: registries.into(), folder: None };
    let outside = Outside::new(&sources, &world.tls);
    let token = SecretString::from("t0ken");
    for (port, wanted) in [(first.port, None), (other.port, Some("Bearer t0ken".to_owned()))] {
        let uri = format!("https://127.0.0.1:{port}/blob").parse().unwrap();
        assert_eq!(outside.get(&uri, "*/*", Some(&token), 100).await.unwrap().body, ARCHIVE);
        assert_eq!(seen.lock().unwrap().pop(), Some(wanted));
    }
}

#[tokio::test]
async fn an_answer_is_not_read_beyond_its_bound() {
    let world = World::new();
    let host = world.host(|_, _| found(vec![0; 1000])).await;
    let registries = vec![ChartUrl::parse(&format!("https://127.0.0.1:{}", host.port)).unwrap()];
    let sources = ChartSources { registries, folder: None };
    let outside = Outside::new(&sources, &world.tls);
    let uri = format!("https://127.0.0.1:{}/x", host.port).parse().unwrap();
    assert!(outside.get(&uri, "*/*", None, 1000).await.is_ok());
    let told = outside.get(&uri, "*/*", None, 999).await.unwrap_err();
    assert!(told.contains("larger than 999 bytes"), "{told}");
}

#[tokio::test]
async fn of_what_a_name_resolves_to_only_what_is_public_is_kept() {
    let addresses = ["10.0.0.1", "93.184.216.34", "::1", "2606:2800:220:1::1"];
    let ask = move |_| -> Asked {
        Box::pin(
            async move { Ok(addresses.map(|one| SocketAddr::new(one.parse().unwrap(), 0)).into()) },
        )
    };
    let mut resolver = Resolver { ask: Arc::new(ask), only_public: true };
    let kept = resolver.call("charts.example.com".parse().unwrap()).await.unwrap();
    let kept: Vec<_> = kept.map(|address| address.ip().to_string()).collect();
    assert_eq!(kept, ["93.184.216.34", "2606:2800:220:1::1"]);
}

#[test]
fn an_address_of_a_network_of_somebodys_own_is_not_public() {
    for address in [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "127.8.9.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.168.1.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:10.0.0.1",
        "::ffff:93.184.216.34",
        "fe80::1",
        "fd00:ec2::254",
        "fec0::1",
        "ff02::1",
        "2001::1",
        "2001:db8::1",
        "2002:a00:1::1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a00:1",
        "3fff::1",
    ] {
        assert!(!is_public(address.parse().unwrap()), "{address}");
    }
    for address in [
        "1.1.1.1",
        "93.184.216.34",
        "172.32.0.1",
        "100.128.0.1",
        "192.0.1.1",
        "198.20.0.1",
        "223.255.255.1",
        "2606:4700::1111",
        "2001:4860:4860::8888",
        "64:ff9b::5db8:d822",
    ] {
        assert!(is_public(address.parse().unwrap()), "{address}");
    }
}
