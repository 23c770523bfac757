//! The person whom a kubeconfig's context is for, towards its API server.

use std::fmt;
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::files::Files;
use super::issued::{Issued, IssuedCertificate};
use crate::bounded_file;
use crate::cluster::Cluster;
use crate::failure::Failure;
use crate::stdio::kubeconfig::{Certificate, Context, Endpoint, Kubeconfig, Pem, Proof, User};
use crate::stdio::wire::wire;

/// How often files are looked at.
const FILES_ARE_FRESH: Duration = Duration::from_secs(10);
/// How long before its end a credential is no longer used: a request takes a while.
const BEFORE_THE_END: SignedDuration = SignedDuration::from_secs(10);
/// How long a plugin that failed is not run again, nor one whose new credential was refused.
const AGAIN: Duration = Duration::from_secs(5);
const MAX_TOKEN_BYTES: u64 = 1024 * 1024;
/// So many of the credentials that were shown are taken out of foreign words.
const REMEMBERED: usize = 4;

/// One context's person. Only [`crate::stdio`] makes one.
#[derive(Clone)]
pub(crate) struct KubeconfigIdentity(Arc<Person>);

struct Person {
    context: String,
    kubeconfig: Arc<Kubeconfig>,
    cluster: Arc<Cluster>,
    endpoint: Endpoint,
    user: User,
    state: Mutex<State>,
    /// What foreign words are searched for.
    shown: SyncMutex<Vec<SecretString>>,
}

struct State {
    /// Whether the cluster's connections are this person's.
    wired: bool,
    files: Files,
    looked: Instant,
    /// From a file or a plugin.
    token: Option<Token>,
    failed: Option<(Instant, String)>,
}

struct Token {
    authorization: Option<HeaderValue>,
    since: Instant,
    expires: Option<Timestamp>,
}

impl KubeconfigIdentity {
    /// The person of a context. No file is read and no program run before the first call.
    pub(in crate::stdio) fn new(
        kubeconfig: Arc<Kubeconfig>,
        cluster: Arc<Cluster>,
        context: Context,
    ) -> Self {
        let Context { name: context, endpoint, user, .. } = context;
        let pems = user.certificate.iter().flat_map(|pair| [&pair.chain, &pair.key]);
        let files = Files::new(pems.chain(&endpoint.authority).filter_map(Pem::file));
        let mut shown = Vec::new();
        match &user.proof {
            Proof::Token(token) => shown.push(token.clone()),
            Proof::Password { username, password } => {
                shown.push(password.clone());
                shown.push(basic(username, password));
            }
            Proof::None | Proof::TokenFile { .. } | Proof::Exec(_) => {}
        }
        let state =
            State { wired: false, files, looked: Instant::now(), token: None, failed: None };
        let (state, shown) = (Mutex::new(state), SyncMutex::new(shown));
        Self(Arc::new(Person { context, kubeconfig, cluster, endpoint, user, state, shown }))
    }

    /// The headers that say who asks: `Authorization`, unless a certificate says it, and whom to act as.
    ///
    /// # Errors
    /// When there is no credential to be had.
    pub(crate) async fn headers(&self) -> Result<HeaderMap, Failure> {
        // In a task of its own: a call that is given up does not take along a plugin at which somebody is logging in.
        let person = Arc::clone(&self.0);
        match tokio::spawn(async move { person.headers().await }).await {
            Ok(headers) => headers,
            Err(_) => Err(self.0.failure("the credential's task broke off".to_owned())),
        }
    }

    /// Whether there may be a better credential than `refused`, which the API server did not accept.
    pub(crate) async fn renewed_after(&self, refused: &HeaderMap) -> bool {
        self.0.renewed_after(refused).await
    }

    /// `text` without the credentials that were shown, for words that somebody else wrote.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let shown = self.0.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let secrets = shown.iter().map(|secret| secret.expose_secret());
        // An empty text, as a password may be one, stands everywhere.
        secrets
            .filter(|secret| !secret.is_empty())
            .fold(text.to_owned(), |text, secret| text.replace(secret, "[redacted]"))
    }

    /// The context, for texts.
    pub(crate) fn context(&self) -> &str {
        &self.0.context
    }

    /// The kubeconfig without its credentials: whole, or what this context needs of it.
    pub(crate) fn kubeconfig(&self, minified: bool) -> Option<Value> {
        let view = self.0.kubeconfig.view(&self.0.context, minified).ok()?;
        serde_json::to_value(view).ok()
    }

    /// The API server that the person is known at.
    pub(in crate::stdio) fn cluster(&self) -> &Arc<Cluster> {
        &self.0.cluster
    }
}

impl fmt::Debug for KubeconfigIdentity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("KubeconfigIdentity")
            .field("context", &self.0.context)
            .finish_non_exhaustive()
    }
}

impl Person {
    async fn headers(&self) -> Result<HeaderMap, Failure> {
        let mut state = self.state.lock().await;
        self.look_at_files(&mut state)?;
        let authorization = match &self.user.proof {
            Proof::None => None,
            Proof::Token(token) => Some(self.header("Bearer", token)?),
            Proof::Password { username, password } => {
                Some(self.header("Basic", &basic(username, password))?)
            }
            Proof::TokenFile { .. } => self.of_file(&mut state)?,
            Proof::Exec(_) => self.of_plugin(&mut state).await?,
        };
        let mut headers = self.user.impersonation.clone();
        if let Some(authorization) = authorization {
            headers.insert(AUTHORIZATION, authorization);
        }
        Ok(headers)
    }

    fn failure(&self, reason: String) -> Failure {
        Failure::NotSignedIn { context: self.context.clone(), reason }
    }

    fn header(&self, scheme: &str, credential: &SecretString) -> Result<HeaderValue, Failure> {
        let text = format!("{scheme} {}", credential.expose_secret());
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| self.failure("its credential does not fit into a header".to_owned()))?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// Certificates are shown as they are now, soon after they change. What cannot be used is told, and the last good
    /// ones stay.
    fn look_at_files(&self, state: &mut State) -> Result<(), Failure> {
        if !state.wired {
            let wire = wire(&self.endpoint, self.user.certificate.as_ref());
            self.cluster.rewire(wire.map_err(|reason| self.failure(reason))?);
            state.wired = true;
        } else if state.looked.elapsed() >= FILES_ARE_FRESH {
            self.reread(state);
        }
        Ok(())
    }

    /// Whether other files are in use now.
    fn reread(&self, state: &mut State) -> bool {
        state.looked = Instant::now();
        if !state.files.changed() {
            return false;
        }
        match wire(&self.endpoint, self.user.certificate.as_ref()) {
            Ok(wire) => {
                self.cluster.rewire(wire);
                // A plugin's certificate was on the connections of before.
                if matches!(self.user.proof, Proof::Exec(_)) {
                    state.token = None;
                }
                true
            }
            Err(reason) => {
                let context = &self.context;
                tracing::warn!(
                    context,
                    reason,
                    "changed files cannot be used: the last good ones stay"
                );
                false
            }
        }
    }

    fn of_file(&self, state: &mut State) -> Result<Option<HeaderValue>, Failure> {
        if let Some(token) = &state.token
            && token.since.elapsed() < FILES_ARE_FRESH
        {
            return Ok(token.authorization.clone());
        }
        let Proof::TokenFile { file, otherwise } = &self.user.proof else { return Ok(None) };
        let read = bounded_file::read(file, MAX_TOKEN_BYTES).map_err(|error| error.to_string());
        let read = read.and_then(|bytes| {
            let text = std::str::from_utf8(&bytes).map_err(|_| "it is no text".to_owned())?;
            let token = text.trim();
            if token.is_empty() {
                Err("it is empty".to_owned())
            } else {
                Ok(SecretString::from(token))
            }
        });
        let token = match (read, otherwise) {
            (Ok(token), _) => token,
            (Err(reason), _) if state.token.is_some() => {
                tracing::warn!(
                    context = self.context,
                    reason,
                    "the token's file cannot be read: the last good token stays in use"
                );
                if let Some(token) = &mut state.token {
                    token.since = Instant::now();
                }
                return Ok(state.token.as_ref().and_then(|token| token.authorization.clone()));
            }
            (Err(_), Some(otherwise)) => otherwise.clone(),
            (Err(reason), None) => {
                return Err(self.failure(format!("its tokenFile {}: {reason}", file.display())));
            }
        };
        self.keep(state, Some(&token), None)
    }

    async fn of_plugin(&self, state: &mut State) -> Result<Option<HeaderValue>, Failure> {
        let is_good = |token: &Token| {
            let now = Timestamp::now();
            token.expires.is_none_or(|end| end.duration_since(now) > BEFORE_THE_END)
        };
        if let Some(token) = state.token.as_ref().filter(|token| is_good(token)) {
            return Ok(token.authorization.clone());
        }
        if let Some((when, reason)) = &state.failed
            && when.elapsed() < AGAIN
        {
            return Err(self.failure(reason.clone()));
        }
        let Proof::Exec(plugin) = &self.user.proof else { return Ok(None) };
        let issued = match plugin.issue(&self.context).await {
            Ok(issued) => issued,
            Err(reason) => {
                state.failed = Some((Instant::now(), reason.clone()));
                return Err(self.failure(reason));
            }
        };
        let Issued { token, certificate, expires } = issued;
        // A certificate of the kubeconfig's own comes first, as with kubectl.
        if let Some(certificate) = certificate.filter(|_| self.user.certificate.is_none()) {
            let IssuedCertificate { chain, key } = certificate;
            let data = |pem| Pem::Data(Arc::new(pem));
            let pair = Certificate { chain: data(chain), key: data(key) };
            let wire = wire(&self.endpoint, Some(&pair)).map_err(|reason| {
                self.failure(format!("the exec plugin's certificate cannot be used: {reason}"))
            })?;
            self.cluster.rewire(wire);
        }
        self.keep(state, token.as_ref(), expires)
    }

    /// Uses a token from now on.
    fn keep(
        &self,
        state: &mut State,
        token: Option<&SecretString>,
        expires: Option<Timestamp>,
    ) -> Result<Option<HeaderValue>, Failure> {
        let authorization = token.map(|token| self.header("Bearer", token)).transpose()?;
        if let Some(token) = token {
            let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
            if shown.iter().all(|other| other.expose_secret() != token.expose_secret()) {
                shown.push(token.clone());
                if shown.len() > REMEMBERED {
                    shown.remove(0);
                }
            }
        }
        let since = Instant::now();
        state.token = Some(Token { authorization: authorization.clone(), since, expires });
        state.failed = None;
        Ok(authorization)
    }

    async fn renewed_after(&self, refused: &HeaderMap) -> bool {
        let mut state = self.state.lock().await;
        let refused = refused.get(AUTHORIZATION);
        match &self.user.proof {
            Proof::TokenFile { .. } => {
                if let Some(token) = &mut state.token
                    && token.authorization.as_ref() != refused
                {
                    return true;
                }
                let before = state.token.take();
                let renewed = self.of_file(&mut state).is_ok_and(|now| now.as_ref() != refused);
                state.token = state.token.take().or(before);
                renewed
            }
            Proof::Exec(_) => {
                let Some(token) = &state.token else { return true };
                if token.authorization.as_ref() == refused {
                    if token.since.elapsed() < AGAIN {
                        return false;
                    }
                    state.token = None;
                }
                true
            }
            Proof::None => self.reread(&mut state),
            Proof::Token(_) | Proof::Password { .. } => false,
        }
    }
}

fn basic(username: &str, password: &SecretString) -> SecretString {
    STANDARD.encode(format!("{username}:{}", password.expose_secret())).into()
}
