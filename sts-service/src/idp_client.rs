//! The HTTP client for one identity provider: https only, no redirects, no proxies, bounded in time and bytes.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use axum::body::Bytes;
use obolus_core::RetrySeconds;
use reqwest::header::{ACCEPT, CONTENT_TYPE, DATE, HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, StatusCode};
use rustls::ClientConfig;

use crate::upstream::retry_after;

/// A connection should be there long before the answer is.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Below the idle timeouts that servers and load balancers have, so that few requests meet a closed connection.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// How often the other end of a busy connection is looked for, and how long it may take to say that it is there.
const PING: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// The client could not be made.
    #[error("the HTTP client: {0}")]
    Client(#[source] reqwest::Error),
    /// No connection, no answer, no end of the answer, or not in time. The URL holds no secret.
    #[error("{}", chain(.0))]
    NoAnswer(#[from] reqwest::Error),
    /// More bytes than such an answer has.
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
}

/// An answer of any status, read whole.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    /// Whether it says that it is JSON.
    pub(crate) is_json: bool,
    /// When it was sent, by the clock of whoever sent it.
    pub(crate) sent_at: Option<SystemTime>,
    /// After what time it wants to be asked again.
    pub(crate) retry_after: Option<RetrySeconds>,
    pub(crate) body: Vec<u8>,
}

/// Over which connections: many requests share one, and with it whatever happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// The ones that there are.
    Usual,
    /// Others, for a second attempt: HTTP/1.1, of which each carries one request, and takes no other along.
    Other,
}

/// Copies of it are one and the same.
#[derive(Debug, Clone)]
pub(crate) struct IdpClient {
    /// Which program asks.
    name: &'static str,
    lines: Arc<ArcSwap<Lines>>,
    timeout: Duration,
}

#[derive(Debug)]
struct Lines {
    usual: reqwest::Client,
    other: reqwest::Client,
}

impl IdpClient {
    pub(crate) fn new(
        name: &'static str,
        tls: ClientConfig,
        timeout: Duration,
    ) -> Result<Self, CallError> {
        let lines = Arc::new(ArcSwap::from_pointee(Lines::new(name, &tls, timeout)?));
        Ok(Self { name, lines, timeout })
    }

    /// Believes others from now on. No connection outlives this but by the requests that are under way on it.
    pub(crate) fn renew(&self, tls: &ClientConfig) -> Result<(), CallError> {
        self.lines.store(Arc::new(Lines::new(self.name, tls, self.timeout)?));
        Ok(())
    }

    pub(crate) fn get(&self, url: &str) -> RequestBuilder {
        self.lines.load().usual.get(url)
    }

    /// Any other method, over the usual connections.
    pub(crate) fn request(&self, method: Method, url: &str) -> RequestBuilder {
        self.lines.load().usual.request(method, url)
    }

    pub(crate) fn post(&self, line: Line, url: &str) -> RequestBuilder {
        let lines = self.lines.load();
        match line {
            Line::Usual => lines.usual.post(url),
            Line::Other => lines.other.post(url),
        }
    }

    /// Sends a request and reads at most `limit` bytes of the answer.
    pub(crate) async fn call(
        &self,
        request: RequestBuilder,
        limit: usize,
    ) -> Result<Answered, CallError> {
        let mut response = request.header(ACCEPT, "application/json").send().await?;
        let status = response.status();
        let headers = response.headers();
        let is_json = text(headers, CONTENT_TYPE).is_some_and(is_json);
        let sent_at = text(headers, DATE).and_then(|date| httpdate::parse_http_date(date).ok());
        let retry_after = text(headers, RETRY_AFTER)
            .and_then(|value| retry_after(value, sent_at, SystemTime::now()));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            push(&mut body, &chunk, limit)?;
        }
        Ok(Answered { status, is_json, sent_at, retry_after, body })
    }
}

impl Lines {
    fn new(name: &str, tls: &ClientConfig, timeout: Duration) -> Result<Self, CallError> {
        let client = |tls: &ClientConfig| {
            reqwest::Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .https_only(true)
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .referer(false)
                // Every request carries an assertion that must not be sent twice.
                .retry(reqwest::retry::never())
                .connect_timeout(CONNECT_TIMEOUT.min(timeout))
                .timeout(timeout)
                .pool_idle_timeout(IDLE_TIMEOUT)
                // One that nobody is at the end of any more is found out while requests wait.
                .http2_keep_alive_interval(PING)
                .http2_keep_alive_timeout(PING)
                .user_agent(format!("{name}/{}", env!("CARGO_PKG_VERSION")))
        };
        let mut one_each = tls.clone();
        one_each.alpn_protocols = vec![b"http/1.1".to_vec()];
        let other = client(&one_each).http1_only().build();
        Ok(Self {
            usual: client(tls).build().map_err(CallError::Client)?,
            other: other.map_err(CallError::Client)?,
        })
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn push(body: &mut Vec<u8>, chunk: &Bytes, limit: usize) -> Result<(), CallError> {
    if body.len() + chunk.len() > limit {
        return Err(CallError::TooLarge(limit));
    }
    body.extend_from_slice(chunk);
    Ok(())
}

/// `application/json`, and `application/jwk-set+json` and its like.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// reqwest's own text ends before the cause.
fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::tls::Trust;

    /// No configuration and no document names such a URL and is believed. Should one be some day, no secret goes there.
    #[tokio::test]
    async fn nothing_is_sent_without_tls() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let tls = Trust::open(None).unwrap().current().unwrap();
        let client = IdpClient::new("obolus-sts", tls, Duration::from_secs(2)).unwrap();
        let url = |scheme| format!("{scheme}://{address}/token");
        for line in [Line::Usual, Line::Other] {
            let request = client.post(line, &url("http")).body("client_secret=x");
            let CallError::NoAnswer(error) = client.call(request, 1024).await.unwrap_err() else {
                panic!("{line:?}: not refused");
            };
            assert!(error.is_builder(), "{line:?}: {error:?}");
            assert!(listener.accept().is_err(), "{line:?}: a connection");
            // The control: with TLS there is one, which hears no secret, as nobody is there who could prove who it is.
            let request = client.post(line, &url("https")).body("client_secret=x");
            assert!(client.call(request, 1024).await.is_err());
            listener.accept().unwrap();
        }
    }
}
