//! To the collector: with this program's own HTTP and TLS, past every proxy, and to no other place.

use std::time::Duration;

use axum::body::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use obolus_telemetry::Post;

use crate::config::TelemetryConfig;
use crate::tls::{self, TlsError};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PRODUCT: HeaderValue =
    HeaderValue::from_static(concat!("obolus-mcp/", env!("CARGO_PKG_VERSION")));
/// An answer is read for the sake of its connection alone.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
const IDLE_CONNECTION: Duration = Duration::from_secs(30);

/// See [`Post`].
#[derive(Debug)]
pub(crate) struct Way {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: Uri,
    /// What the collector wants to see of us: it may be a credential, and is marked as one.
    headers: HeaderMap,
}

impl Way {
    pub(super) fn new(config: &TelemetryConfig) -> Result<Self, TlsError> {
        let tls = match config.url.scheme_str() {
            Some("https") => tls::client_config(config.certificate_authority.as_deref())?,
            // There need be no authorities then, and the system's take memory.
            _ => tls::client_config_of_nobody()?,
        };
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_CONNECTION)
            .pool_max_idle_per_host(1)
            .build(connector.enable_http1().wrap_connector(tcp));
        Ok(Self { client, url: config.url.clone(), headers: config.headers.clone() })
    }
}

impl Post for Way {
    async fn post(&self, document: String) -> Result<(), String> {
        let mut request = Request::post(self.url.clone())
            .body(Full::from(document))
            .map_err(|error| error.to_string())?;
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().insert(CONTENT_TYPE, JSON);
        request.headers_mut().insert(USER_AGENT, PRODUCT);
        let answer = match self.client.request(request).await {
            Ok(answer) => answer,
            Err(error) if error.is_connect() => return Err("cannot be connected to".to_owned()),
            Err(_) => return Err("the connection broke".to_owned()),
        };
        let status = answer.status();
        // What does not end is not waited for: the connection is closed.
        drop(Limited::new(answer.into_body(), MAX_ANSWER_BYTES).collect().await);
        if status.is_success() { Ok(()) } else { Err(format!("status {}", status.as_u16())) }
    }
}
