//! A request that works on a cluster: who makes it, what it may have to ask, how it ends. Tools, prompts and resources
//! all go this one way.

use std::sync::Arc;

use http::request::Parts;
use rmcp::RoleServer;
use rmcp::model::{ErrorData, InputRequiredResult, JsonObject};
use rmcp::service::RequestContext;

use super::McpServer;
use crate::call_log::CallLog;
use crate::clock;
use crate::cluster::{Caller, Cluster};
use crate::confirmation::{Bound, Gate, Returned, Way};
use crate::failure::Failure;
use crate::generation::Generation;
use crate::user_token::UserToken;

/// What is asked for, and what its client sent back of an earlier question.
pub(super) struct Request<'a> {
    pub(super) context: &'a RequestContext<RoleServer>,
    pub(super) generation: &'a Generation,
    /// The cluster that it is for, if there is such a one.
    pub(super) cluster: Result<&'a Arc<Cluster>, Failure>,
    pub(super) returned: Returned,
    pub(super) method: &'static str,
    pub(super) called: &'a str,
    pub(super) arguments: &'a JsonObject,
}

/// How a request ends that does not fail.
pub(super) enum Outcome<T> {
    Done(T),
    /// With a question to its person, to be made again with the answer.
    Asked(InputRequiredResult),
}

// === impl Outcome ===

impl<T> Outcome<T> {
    /// For log and metrics.
    fn label(&self) -> &'static str {
        match self {
            Self::Done(_) => "ok",
            Self::Asked(_) => "asked",
        }
    }

    pub(super) fn into_response<R: From<T> + From<InputRequiredResult>>(self) -> R {
        match self {
            Self::Done(result) => result.into(),
            Self::Asked(question) => question.into(),
        }
    }
}

// === impl McpServer ===

impl McpServer {
    /// Does `work` as the caller, behind a gate at which the person can be asked, for as long as the client wants it; and
    /// says in log and metrics how it ended.
    ///
    /// # Errors
    /// When it is not known who calls. What goes wrong after that is for each kind of request to tell in its own way.
    pub(super) async fn serve<T, W, F>(
        &self,
        mut log: CallLog,
        request: Request<'_>,
        work: W,
    ) -> Result<Result<Outcome<T>, Failure>, ErrorData>
    where
        W: FnOnce(Caller, Arc<Gate>) -> F,
        F: Future<Output = Result<T, Failure>>,
    {
        let Request { context, generation, cluster, returned, method, called, arguments } = request;
        let token = Self::token(generation, context)?;
        let work = async {
            let cluster = cluster?;
            log.on(cluster.name());
            let caller = generation.caller(cluster, token).await?.within(log.scope());
            let (person, cluster) = (caller.person(), caller.server());
            let (person, cluster) = (person.as_str(), cluster.as_str());
            let bound = Bound { person, method, called, cluster, arguments };
            let seal = &self.shared.seal;
            let (rules, way) = (&generation.rules, Way::of(context));
            let gate = Arc::new(returned.gate(seal, bound, rules, way, clock::now())?);
            let result = work(caller.guarded_by(Arc::clone(&gate)), Arc::clone(&gate)).await;
            match gate.question(seal, bound, clock::now()).await? {
                Some(question) => Ok(Outcome::Asked(question)),
                None => result.map(Outcome::Done),
            }
        };
        let ended = self.while_wanted(context, work).await;
        log.end(match &ended {
            Ok(outcome) => outcome.label(),
            Err(failure) => failure.label(),
        });
        Ok(ended)
    }

    /// rmcp leaves a handler running when its client has gone, and only fires the token: dropping the work is ours. What
    /// a client of HTTP takes back by its number rmcp does not know, since it keeps no sessions here.
    pub(super) async fn while_wanted<T>(
        &self,
        context: &RequestContext<RoleServer>,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let parts = context.extensions.get::<Parts>();
        let call = parts
            .and_then(|parts| parts.extensions.get::<UserToken>())
            .map(|token| self.shared.under_way.begin(token.digest(), context.id.clone()));
        let taken_back = async {
            match &call {
                Some(call) => call.taken_back().await,
                None => std::future::pending().await,
            }
        };
        let in_turn = async {
            let _turn = match &self.shared.turns {
                Some(turns) => turns.acquire().await.ok(),
                None => None,
            };
            work.await
        };
        tokio::select! {
            () = context.ct.cancelled() => Err(Failure::Cancelled),
            () = taken_back => Err(Failure::Cancelled),
            result = in_turn => result,
        }
    }

    /// What this request is served by: what the listener gave it, because a session's handler is older than its requests.
    pub(super) fn generation(&self, context: &RequestContext<RoleServer>) -> Arc<Generation> {
        let parts = context.extensions.get::<Parts>();
        let own = parts.and_then(|parts| parts.extensions.get::<Arc<Generation>>());
        Arc::clone(own.unwrap_or(&self.generation))
    }

    /// The caller's token. It is an extension of this very request, put there by [`crate::front`]; there is no
    /// other place to look, so a request without one gets nowhere. In stdio mode there is none, and no request for one.
    pub(super) fn token(
        generation: &Generation,
        context: &RequestContext<RoleServer>,
    ) -> Result<Option<UserToken>, ErrorData> {
        let parts = context.extensions.get::<Parts>();
        let token = parts.and_then(|parts| parts.extensions.get::<UserToken>()).cloned();
        if token.is_none() && !generation.is_of_one_person() {
            return Err(ErrorData::internal_error("the request carries no caller", None));
        }
        Ok(token)
    }
}
