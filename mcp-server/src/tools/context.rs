//! What a tool gets beside its arguments.

use std::sync::Arc;

use obolus_core::token::TokenDigest;
use rmcp::RoleServer;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::{Peer, RequestContext};

use crate::cluster::Caller;
use crate::config::Settings;
use crate::failure::Failure;
use crate::limits::{Limits, StreamPlace};

/// One call of one tool.
#[derive(Debug, Clone)]
pub(crate) struct CallContext {
    /// The person, on the cluster that the call is for.
    pub(crate) caller: Caller,
    /// What the operator has decided.
    pub(crate) settings: Arc<Settings>,
    /// Where long work tells how far it is.
    pub(crate) progress: Progress,
    /// What lasts longer than a request, of everybody.
    pub(crate) streams: Arc<Limits>,
}

impl CallContext {
    /// A place for what lasts longer than a request; `to` is what it is for.
    pub(crate) async fn stream_place(&self, to: &str) -> Result<StreamPlace, Failure> {
        let place = self.streams.stream(TokenDigest::of(self.caller.person().as_str())).await;
        place.ok_or_else(|| Failure::Busy { operation: to.to_owned() })
    }
}

/// Tells the client how far a call is, if the client wants to know.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress(Option<(Peer<RoleServer>, ProgressToken)>);

impl Progress {
    /// For the call that this is the context of.
    pub(crate) fn of(context: &RequestContext<RoleServer>) -> Self {
        Self(context.meta.get_progress_token().map(|token| (context.peer.clone(), token)))
    }

    /// Whether anybody listens.
    pub(crate) fn is_wanted(&self) -> bool {
        self.0.is_some()
    }

    /// `done` has to grow from one report to the next. A client that is gone is none of the call's concern.
    pub(crate) async fn report(&self, done: f64, total: Option<f64>, message: String) {
        let Some((peer, token)) = &self.0 else { return };
        let mut progress =
            ProgressNotificationParam::new(token.clone(), done).with_message(message);
        progress.total = total;
        // The call itself ends when its client has gone.
        drop(peer.notify_progress(progress).await);
    }
}
