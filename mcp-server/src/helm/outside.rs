//! The way to charts that are elsewhere: which hosts this server asks for one, wherever the first of them leads.
//!
//! A caller names the first host, but who answers there says where to go next: by a redirect, by where tokens are to be had,
//! or by what its name resolves to. So every host is looked at before it is asked: one that the operator lists may be
//! anywhere; any other has to have a public name, and is connected to at a public address that was looked up once.

use std::error::Error;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, LOCATION, USER_AGENT};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioExecutor;
use rustls::ClientConfig;
use secrecy::{ExposeSecret as _, SecretString};
use tower::Service;

use super::chart::ChartSources;

/// Redirects on the way to one answer.
const MAX_HOPS: usize = 5;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const PRODUCT: HeaderValue =
    HeaderValue::from_static(concat!("obolus-mcp/", env!("CARGO_PKG_VERSION")));

type Http = Client<HttpsConnector<HttpConnector<Resolver>>, Empty<Bytes>>;

/// Who asks, for one chart.
pub(super) struct Outside<'a> {
    sources: &'a ChartSources,
    listed: Http,
    others: Http,
}

/// What was answered in the end.
#[derive(Debug)]
pub(super) struct Got {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl<'a> Outside<'a> {
    /// On connections of its own, to hosts whose certificates `tls` believes.
    pub(super) fn new(sources: &'a ChartSources, tls: &ClientConfig) -> Self {
        Self::resolving(sources, tls, &Resolver::system())
    }

    fn resolving(sources: &'a ChartSources, tls: &ClientConfig, resolver: &Resolver) -> Self {
        let client = |only_public| {
            let resolver = Resolver { only_public, ..resolver.clone() };
            let mut tcp = HttpConnector::new_with_resolver(resolver);
            tcp.enforce_http(false);
            tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
            let tls = HttpsConnectorBuilder::new().with_tls_config(tls.clone()).https_only();
            Client::builder(TokioExecutor::new()).build(tls.enable_http1().wrap_connector(tcp))
        };
        Self { sources, listed: client(false), others: client(true) }
    }

    /// Gets what is at a URL, or where that leads. The token is for the host of the URL and nobody else.
    ///
    /// # Errors
    /// Why not, in words for whoever asked: somebody on the way is not asked, or there is no answer.
    pub(super) async fn get(
        &self,
        from: &Uri,
        accept: &'static str,
        token: Option<&SecretString>,
        max_bytes: usize,
    ) -> Result<Got, String> {
        let mut uri = from.clone();
        for _ in 0..=MAX_HOPS {
            let client = self.client_for(&uri)?;
            let mut request = Request::get(&uri).header(USER_AGENT, PRODUCT).header(ACCEPT, accept);
            if let Some(token) = token.filter(|_| uri.authority() == from.authority()) {
                let value = format!("Bearer {}", token.expose_secret());
                let value = HeaderValue::try_from(value);
                let mut value = value.map_err(|_| "its token is no token".to_owned())?;
                value.set_sensitive(true);
                request = request.header(AUTHORIZATION, value);
            }
            let request = request.body(Empty::new()).map_err(|error| error.to_string())?;
            let response = client.request(request).await.map_err(|error| told(&error))?;
            let (parts, body) = response.into_parts();
            if !parts.status.is_redirection() {
                let body = Limited::new(body, max_bytes).collect().await;
                let body = body.map_err(|_| {
                    format!("its answer breaks off, or is larger than {max_bytes} bytes")
                })?;
                let (status, headers) = (parts.status, parts.headers);
                return Ok(Got { status, headers, body: body.to_bytes() });
            }
            let location = parts.headers.get(LOCATION).and_then(|value| value.to_str().ok());
            let next = location.and_then(|location| joined(&uri, location));
            uri = next.ok_or("it redirects to what is no https:// URL")?;
        }
        Err(format!("it redirects more than {MAX_HOPS} times"))
    }

    /// Looked at for each host on the way, the first one too.
    fn client_for(&self, uri: &Uri) -> Result<&Http, String> {
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        let is_https = uri.scheme() == Some(&Scheme::HTTPS);
        let Some(authority) = authority.filter(|_| is_https) else {
            return Err("it leads to what is no https:// URL".to_owned());
        };
        if self.sources.lists(authority) {
            return Ok(&self.listed);
        }
        if is_on_the_internet(authority) {
            return Ok(&self.others);
        }
        Err(refusal(authority.host()))
    }
}

/// Why a host is not asked.
pub(super) fn refusal(host: &str) -> String {
    format!(
        "{host} is at an address or a name inside of a network: only those that the operator lists in toolset_configs.helm.allowed_registries may be asked"
    )
}

/// Whether a host could be a stranger's as well: no address, and no name that is only known inside of a network.
pub(super) fn is_on_the_internet(authority: &Authority) -> bool {
    /// Names that only mean something inside of a network.
    const INSIDE: [&str; 8] =
        ["arpa", "cluster", "home", "internal", "lan", "local", "localhost", "svc"];
    let host = authority.host().trim_end_matches('.').to_ascii_lowercase();
    let is_address = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    let Some((_, last)) = host.rsplit_once('.') else { return false };
    !is_address && last.starts_with(|c: char| c.is_ascii_alphabetic()) && !INSIDE.contains(&last)
}

/// Whether an address is somebody's on the internet (IANA's special-purpose registries).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = matches!(
        (a, b, c),
        (0 | 10 | 127 | 224.., _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 168, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    );
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        // What a translator makes of an address of the other kind.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            is_public_v4(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
        }
        // Tunnels lead to whom they have in them; documentation.
        [0x2001, ..0x200, ..] | [0x2001, 0xdb8, ..] | [0x2002, ..] | [0x3fff, ..0x1000, ..] => {
            false
        }
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// Where a redirect leads: to a URL, or to a path of the same host.
fn joined(at: &Uri, location: &str) -> Option<Uri> {
    if location.starts_with('/') && !location.starts_with("//") {
        return format!("https://{}{location}", at.authority()?).parse().ok();
    }
    let location = location.split('#').next()?;
    location.parse().ok().filter(|to: &Uri| to.authority().is_some())
}

/// The innermost reason: what wraps it only says that there was one.
fn told(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

type Asked = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Looks names up, and leaves out addresses that are not to be connected to.
#[derive(Clone)]
struct Resolver {
    ask: Arc<dyn Fn(String) -> Asked + Send + Sync>,
    only_public: bool,
}

impl Resolver {
    fn system() -> Self {
        let ask = |host: String| -> Asked {
            Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.collect()) })
        };
        Self { ask: Arc::new(ask), only_public: true }
    }
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (asked, only_public) = ((self.ask)(name.as_str().to_owned()), self.only_public);
        Box::pin(async move {
            let mut addresses = asked.await?;
            addresses.retain(|address| !only_public || is_public(address.ip()));
            if addresses.is_empty() {
                return Err(io::Error::other(refusal(name.as_str())));
            }
            Ok(addresses.into_iter())
        })
    }
}

#[cfg(test)]
mod tests;
