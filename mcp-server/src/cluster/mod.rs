//! One API server, and how calls reach it: on shared connections, each with its own caller's token.
//!
//! Connections are pooled by address alone. Identity is a header of each request ([`as_caller`]), so sharing a
//! connection shares nothing else; a pool, a cache or a client that belonged to a person does not exist here.

mod access;
mod advice;
mod answer;
mod api_kinds;
mod as_caller;
mod caller;
mod clusters;
mod discovery;
mod documents;
mod events;
mod exec;
mod identity;
mod impersonation;
mod known;
mod list;
mod logs;
mod metrics_api;
mod names_of;
mod node_proxy;
mod object;
mod operation;
mod redact;
mod refusal;
mod relay;
mod revisions;
mod stream;
mod url;
mod verbs;
mod watch;
mod web_socket;
mod wire;
mod write;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::config::{ClusterConfig, ContextName, Denied};
use crate::failure::Failure;
use crate::names::Namespace;
use crate::tls::{self, TlsError};
use crate::user_token::UserToken;
pub(crate) use access::{AccessQuery, Rules};
pub(crate) use api_kinds::ApiKind;
use api_kinds::KeptKinds;
pub(crate) use caller::Caller;
pub use clusters::Clusters;
pub(crate) use clusters::{CONTEXT, Contexts};
pub(crate) use discovery::Resource;
use documents::KeptDocuments;
pub(crate) use events::{EventQuery, Told};
pub(crate) use exec::{Channel, ExecEvent};
pub(crate) use identity::Identity;
use impersonation::Impersonation;
pub(crate) use impersonation::{check_key_file, check_token_file};
use known::Known;
pub(crate) use kube::core::params::PropagationPolicy;
pub(crate) use list::{ListQuery, RawList};
pub(crate) use logs::{LogQuery, Since};
pub(crate) use metrics_api::{Usage, UsageOf};
pub(crate) use object::{Noise, RawObject, Shown};
pub(crate) use redact::ShownSecrets;
pub(crate) use redact::redact_message;
pub(crate) use refusal::Refusal;
pub(crate) use relay::{ApiPath, Relayed, Subject};
pub(crate) use revisions::{Revision, annotation};
pub(crate) use stream::{ByteStream, End, Next, Span};
use url::ApiServer;
use wire::Pools;
pub(crate) use wire::Wire;
pub(crate) use write::{Change, Deleted, Deletion, PatchKind, Written, replacing};

/// One API server.
#[derive(Debug)]
pub struct Cluster {
    name: Option<ContextName>,
    audiences: Vec<String>,
    server: ApiServer,
    certificate_authority: Option<PathBuf>,
    impersonation: Option<Impersonation>,
    request_timeout: Duration,
    denied: Denied,
    shown_secrets: Arc<ShownSecrets>,
    known: Known,
    namespace: Option<Namespace>,
    kept_kinds: KeptKinds,
    kept_documents: KeptDocuments,
    pools: ArcSwap<Pools>,
}

impl Cluster {
    /// Prepares the pool; no connection is made before the first call.
    ///
    /// # Errors
    /// When the CAs cannot be read.
    pub fn new(config: &ClusterConfig) -> Result<Self, TlsError> {
        let tls = tls::client_config(config.certificate_authority.as_deref())?;
        let impersonation = config.impersonation.as_ref();
        let impersonation =
            impersonation.map(|of| Impersonation::new(of, &config.audiences)).transpose()?;
        Ok(Self { impersonation, ..Self::over(config, Wire::direct(tls)) })
    }

    /// The same, with connections that are made in another way than `config` has it.
    pub(crate) fn over(config: &ClusterConfig, wire: Wire) -> Self {
        Self {
            name: config.name.clone(),
            audiences: config.audiences.clone(),
            server: ApiServer::new(&config.server),
            certificate_authority: config.certificate_authority.clone(),
            impersonation: None,
            request_timeout: config.request_timeout,
            denied: config.denied.clone(),
            shown_secrets: Arc::new(config.shown_secrets.clone()),
            known: Known::default(),
            namespace: None,
            kept_kinds: KeptKinds::default(),
            kept_documents: KeptDocuments::default(),
            pools: ArcSwap::from_pointee(wire.pools()),
        }
    }

    /// The same, with the namespace of calls that name none; `default` otherwise.
    pub(crate) fn in_namespace(self, namespace: Option<Namespace>) -> Self {
        Self { namespace, ..self }
    }

    /// Reads the CAs again. On error the pool of before stays; on success new calls get a new one.
    ///
    /// # Errors
    /// When the CAs cannot be read.
    pub fn reload(&self) -> Result<(), TlsError> {
        let tls = tls::client_config(self.certificate_authority.as_deref());
        let wired = tls.map(|tls| self.rewire(Wire::direct(tls)));
        // One that is bad does not keep the other from being new.
        let of_keys = self.impersonation.as_ref().map_or(Ok(()), Impersonation::reload);
        wired.and(of_keys)
    }

    /// New calls get new connections.
    pub(crate) fn rewire(&self, wire: Wire) {
        self.pools.store(Arc::new(wire.pools()));
    }

    /// The files that [`Cluster::reload`] reads.
    pub fn certificate_authorities(&self) -> impl Iterator<Item = &PathBuf> {
        let of_keys = self.impersonation.as_ref().and_then(Impersonation::certificate_authority);
        self.certificate_authority.iter().chain(of_keys)
    }

    /// What callers call it, if they have a choice.
    #[must_use]
    pub fn name(&self) -> Option<&ContextName> {
        self.name.as_ref()
    }

    /// Its name, or else its URL, for texts.
    #[must_use]
    pub fn shown(&self) -> String {
        self.name.as_ref().map_or_else(|| self.server.to_string(), ToString::to_string)
    }

    /// This cluster as the owner of a token sees it, if the token says that it is for this one.
    ///
    /// What it says is not believed, only used against it: the API server verifies it. Where nothing is configured for the
    /// only cluster that there is, the API server alone decides.
    ///
    /// Where people are impersonated, the API server is told who they are, and it is verified here.
    pub(crate) async fn admit(self: &Arc<Self>, token: UserToken) -> Result<Caller, Failure> {
        if !self.audiences.is_empty() && !token.is_for_any_of(&self.audiences) {
            return Err(Failure::WrongTarget { cluster: self.shown() });
        }
        let identity = match &self.impersonation {
            None => Identity::Bearer(token),
            Some(impersonation) => {
                Identity::Impersonated(impersonation.admit(&token, self.shown()).await?)
            }
        };
        Ok(self.caller(identity))
    }

    /// This cluster as one person sees it.
    pub(crate) fn caller(self: &Arc<Self>, identity: Identity) -> Caller {
        Caller::new(Arc::clone(self), identity)
    }
}
