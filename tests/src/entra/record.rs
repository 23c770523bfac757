//! What is remembered of each request: enough to see how it asked, and no secret, assertion, code or token.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::deadline::eventually;

/// Where a request went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `openid-configuration`, v1 and v2.
    Discovery,
    /// `discovery/keys`, v1 and v2.
    Keys,
    /// `oauth2/v2.0/authorize`.
    Authorize,
    /// `oauth2/v2.0/token`.
    Token,
    /// The Graph stub.
    Graph,
    /// Anything else.
    Other,
}

/// How a client proved who it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthStyle {
    /// Not at all.
    #[default]
    None,
    /// `client_secret` in the body.
    SecretPost,
    /// `Authorization: Basic`.
    SecretBasic,
    /// An assertion signed with a certificate's key.
    Certificate,
    /// An assertion of another issuer.
    Federated,
}

/// One request.
#[derive(Debug, Clone, Serialize)]
pub struct Request {
    /// Its number since the start, from 0.
    pub number: u64,
    /// When it arrived.
    #[serde(skip)]
    pub at: SystemTime,
    /// Where it went.
    pub endpoint: Endpoint,
    /// GET, POST, ….
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The tenant's name, when it is known.
    pub tenant: Option<String>,
    /// The names of the parameters of body or query, in their order.
    pub parameters: Vec<String>,
    /// `grant_type`.
    pub grant_type: Option<String>,
    /// `scope`.
    pub scope: Option<String>,
    /// The client's name, or its id when nobody knows it.
    pub client: Option<String>,
    /// The user's name, once that was known.
    pub user: Option<String>,
    /// How the client proved who it is.
    pub auth_style: AuthStyle,
    /// The id, not the value, of the secret that proved it.
    pub secret_id: Option<String>,
    /// `alg` of the client's assertion.
    pub assertion_algorithm: Option<String>,
    /// Which member of its header named the certificate: `x5t` or `x5t#S256`.
    pub thumbprint_kind: Option<&'static str>,
    /// The thumbprint that it named, in hexadecimal.
    pub thumbprint: Option<String>,
    /// `jti` of the client's assertion.
    pub jti: Option<String>,
    /// Whether an earlier assertion of the client had that `jti`.
    pub jti_reused: bool,
    /// `client-request-id`.
    pub client_request_id: Option<String>,
    /// `user-agent`.
    pub user_agent: Option<String>,
    /// The answer's status; none while there is no answer.
    pub status: Option<u16>,
    /// The number behind AADSTS, when it was refused.
    pub code: Option<u32>,
    /// `error`, when it was refused.
    pub error: Option<String>,
    /// The fault that hit it.
    pub fault: Option<String>,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, path, grant_type, client, user, auth_style, status, code, .. } = self;
        write!(f, "{} {method} {path}", status.unwrap_or_default())?;
        if let Some(grant_type) = grant_type {
            write!(f, " {grant_type}")?;
        }
        if let Some(client) = client {
            write!(f, " client={client} auth={auth_style:?}")?;
        }
        if let Some(user) = user {
            write!(f, " user={user}")?;
        }
        if self.jti_reused {
            write!(f, " jti=reused")?;
        }
        if let Some(code) = code {
            write!(f, " AADSTS{code}")?;
        }
        self.fault.as_ref().map_or(Ok(()), |fault| write!(f, " fault={fault}"))
    }
}

/// The requests of one emulator.
#[derive(Debug, Default)]
pub struct Requests {
    all: Mutex<Vec<Request>>,
    printed: AtomicBool,
}

impl Requests {
    fn lock(&self) -> MutexGuard<'_, Vec<Request>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All requests so far.
    pub fn all(&self) -> Vec<Request> {
        self.lock().clone()
    }

    /// Those to this endpoint.
    pub fn to(&self, endpoint: Endpoint) -> Vec<Request> {
        self.lock().iter().filter(|request| request.endpoint == endpoint).cloned().collect()
    }

    /// The last one to the token endpoint.
    pub fn last_token(&self) -> Option<Request> {
        self.to(Endpoint::Token).pop()
    }

    /// The On-Behalf-Of requests so far.
    pub fn on_behalf_of(&self) -> Vec<Request> {
        let mut all = self.to(Endpoint::Token);
        all.retain(|request| request.grant_type.as_deref() == Some(super::token::ON_BEHALF_OF));
        all
    }

    /// Waits until so many requests came to this endpoint, at most ten seconds.
    pub async fn wait_for(&self, endpoint: Endpoint, count: usize) -> Result<Vec<Request>> {
        let what = format!("{count} requests to {endpoint:?}");
        eventually(&what, Duration::from_secs(10), || async {
            let found = self.to(endpoint);
            anyhow::ensure!(found.len() >= count, "{} so far", found.len());
            Ok(found)
        })
        .await
    }

    /// From now on, prints what is answered.
    pub(super) fn print(&self) {
        self.printed.store(true, Ordering::Relaxed);
    }

    /// Remembers a request that has just arrived.
    pub(super) fn arrived(&self, endpoint: Endpoint, method: &str, path: &str) -> Request {
        let mut all = self.lock();
        let request = Request {
            number: all.len() as u64,
            at: SystemTime::now(),
            endpoint,
            method: method.to_owned(),
            path: path.to_owned(),
            tenant: None,
            parameters: Vec::new(),
            grant_type: None,
            scope: None,
            client: None,
            user: None,
            auth_style: AuthStyle::None,
            secret_id: None,
            assertion_algorithm: None,
            thumbprint_kind: None,
            thumbprint: None,
            jti: None,
            jti_reused: false,
            client_request_id: None,
            user_agent: None,
            status: None,
            code: None,
            error: None,
            fault: None,
        };
        all.push(request.clone());
        request
    }

    /// Remembers what became known of a request.
    pub(super) fn update(&self, request: &Request) {
        let place = usize::try_from(request.number).unwrap_or(usize::MAX);
        if let Some(known) = self.lock().get_mut(place) {
            known.clone_from(request);
        }
        if request.status.is_some() && self.printed.load(Ordering::Relaxed) {
            println!("{request}");
        }
    }
}
