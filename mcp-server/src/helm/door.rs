//! What `helm` takes for the API server: a listener of this program's own, for one run, on loopback.
//!
//! Whoever comes has to know a path that only that run was told, in its environment, and that is good for nothing else
//! and no longer. It is no credential of the person's: those stay in this program, which puts them on what goes on.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{Method, StatusCode, Uri};
use http_body_util::{BodyExt as _, Limited};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use subtle::ConstantTimeEq as _;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::cluster::{ApiPath, Relayed};
use crate::failure::Failure;

/// As much as etcd takes, and room around it: charts have large CRDs.
const MAX_REQUEST_BYTES: usize = 8 * 1024 * 1024;
/// Connections of one run at a time; `helm` opens a few.
const MAX_CONNECTIONS: usize = 64;

/// Open until it is dropped; then everything that is under way through it is, too.
#[derive(Debug)]
pub(super) struct Door {
    address: SocketAddr,
    path: SecretString,
    seen: Arc<Mutex<Seen>>,
    _serving: JoinSet<()>,
}

/// What passed.
#[derive(Debug, Default, Clone)]
pub(super) struct Seen {
    /// What was not let through here, at first.
    pub(super) refused: Option<Failure>,
    /// What the API server refused.
    pub(super) refusals: Vec<Failure>,
    /// Whether a Secret was read that helm does not keep for itself, or was sent and not taken: what is said may quote it.
    pub(super) may_quote_secrets: bool,
}

#[derive(Clone)]
struct Side {
    path: Arc<str>,
    relayed: Arc<Relayed>,
    release: Option<Arc<str>>,
    seen: Arc<Mutex<Seen>>,
}

impl Door {
    /// Opens it for a run on the named release.
    ///
    /// # Errors
    /// When there is no port or no randomness to be had.
    pub(super) async fn open(
        relayed: Arc<Relayed>,
        release: Option<&str>,
    ) -> Result<Self, Failure> {
        let failed = |what: &str| Failure::Internal(format!("helm cannot be run: {what}"));
        let mut random = [0_u8; 32];
        getrandom::fill(&mut random).map_err(|_| failed("there is no randomness"))?;
        let path = URL_SAFE_NO_PAD.encode(random);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.map_err(|_| failed("no port is free"))?;
        let address = listener.local_addr().map_err(|_| failed("no port is free"))?;
        let seen = Arc::new(Mutex::new(Seen::default()));
        let side = Side {
            path: Arc::from(&*path),
            relayed,
            release: release.map(Arc::from),
            seen: Arc::clone(&seen),
        };
        let app = Router::new().fallback(pass).with_state(side);
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, app));
        Ok(Self { address, path: path.into(), seen, _serving: serving })
    }

    /// What `helm` is told to be the API server's URL.
    pub(super) fn url(&self) -> SecretString {
        format!("http://{}/{}", self.address, self.path.expose_secret()).into()
    }

    /// What `helm` is told to ask for anything that is not on loopback: nobody.
    pub(super) fn proxy(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `text` with the API server's URL in place of ours.
    pub(super) fn scrub(&self, text: &str, server: &str) -> String {
        text.replace(self.url().expose_secret(), server)
            .replace(&self.address.to_string(), server)
            .replace(self.path.expose_secret(), "")
    }

    pub(super) fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(listener: TcpListener, app: Router) {
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= MAX_CONNECTIONS {
            connections.join_next().await;
        }
        let Ok((stream, _)) = listener.accept().await else { return };
        let service = TowerToHyperService::new(app.clone());
        connections.spawn(async move {
            // A connection that breaks is the end of it.
            let server = auto::Builder::new(TokioExecutor::new());
            drop(server.serve_connection(TokioIo::new(stream), service).await);
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn pass(State(side): State<Side>, request: Request) -> Response {
    let Some(target) = within(request.uri(), &side.path) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let (mut parts, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_REQUEST_BYTES).collect().await else {
        return refused(StatusCode::PAYLOAD_TOO_LARGE, "the object is too large");
    };
    parts.uri = target;
    let is_secret = side.is_about_secrets(&parts.uri);
    let reads = parts.method == Method::GET;
    // What is read is the cluster's, and a template can put it anywhere.
    side.seen().may_quote_secrets |= is_secret && reads;
    match side.relayed.send(http::Request::from_parts(parts, body.to_bytes())).await {
        Ok((response, refusal)) => {
            let mut seen = side.seen();
            seen.refusals.extend(refusal);
            // Decoders and admission rules quote what they were given.
            seen.may_quote_secrets |= is_secret && !response.status().is_success();
            drop(seen);
            answer(response)
        }
        Err(failure) => {
            let text = failure.to_string();
            side.seen().refused.get_or_insert(failure);
            refused(StatusCode::FORBIDDEN, &text)
        }
    }
}

/// What is below the path that this run knows.
fn within(uri: &Uri, path: &str) -> Option<Uri> {
    let (known, rest) = uri.path().strip_prefix('/')?.split_once('/')?;
    if !bool::from(known.as_bytes().ct_eq(path.as_bytes())) {
        return None;
    }
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    format!("/{rest}{query}").parse().ok()
}

impl Side {
    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_about_secrets(&self, uri: &Uri) -> bool {
        let query = uri.query().unwrap_or_default();
        ApiPath::read(uri.path())
            .is_some_and(|api| api.is_secret_of_others(query, self.release.as_deref()))
    }
}

/// The API server's answer as it comes.
fn answer(response: http::Response<Body>) -> Response {
    let (parts, body) = response.into_parts();
    let mut answer = Response::new(body);
    *answer.status_mut() = parts.status;
    for name in [CONTENT_TYPE, CONTENT_ENCODING] {
        if let Some(value) = parts.headers.get(&name) {
            answer.headers_mut().insert(name, value.clone());
        }
    }
    answer
}

/// As the API server words it.
fn refused(status: StatusCode, message: &str) -> Response {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": "Forbidden", "code": status.as_u16(),
    });
    (status, axum::Json(body)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_path_that_the_run_was_told_leads_anywhere() {
        let of = |uri: &str| within(&uri.parse().unwrap(), "s3cret").map(|uri| uri.to_string());
        assert_eq!(of("/s3cret/api/v1/pods?limit=5").as_deref(), Some("/api/v1/pods?limit=5"));
        for uri in [
            "/",
            "/s3cret",
            "/s3cre/api",
            "/s3cretx/api",
            "/api/v1/pods",
            "/S3CRET/api",
            "//s3cret/api",
        ] {
            assert_eq!(of(uri), None, "{uri}");
        }
    }
}
