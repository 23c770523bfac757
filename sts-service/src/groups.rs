//! `POST /groups`: all groups of the person, also where Entra ID leaves them out of a token because they are too many.
//!
//! The form is that of `/exchange`, and whoever may exchange a token for a target may learn the groups, if the target has
//! `[targets.groups]`. What cannot be learned is refused: nobody is in no groups because we could not ask.

use std::sync::{Arc, OnceLock};

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::request;
use axum::response::{IntoResponse as _, Response};
use obolus_core::token::Memberships;
use obolus_core::{Denial, Reason};
use serde::Serialize;
use tokio::time::Instant;

use crate::admission::{self, Admitted};
use crate::cache::{Found, Key, Source};
use crate::clock::now;
use crate::config::Groups;
use crate::providers::{self, Exchange};
use crate::record::{About, Record};
use crate::service::Service;
use crate::telemetry::parent_of;
use crate::upstream::Errand;
use crate::{reply, token};

#[derive(Serialize)]
struct Answer<'a> {
    groups: &'a [String],
    expires_in: u64,
}

/// All groups of somebody, and until when that may be believed.
struct Known {
    groups: Arc<[String]>,
    expires_in: u64,
}

/// Serves one request.
pub(crate) async fn groups(State(service): State<Arc<Service>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    admission::in_a_task(async move { judge(&service, &parts, body).await }).await
}

async fn judge(service: &Arc<Service>, parts: &request::Parts, body: Body) -> Response {
    let trace = service.telemetry.begin(parent_of(&parts.headers), "groups");
    let scope = trace.scope();
    let mut record = Record::begin(trace, About::Groups);
    let outcome = scope.around(answer(service, parts, body, &mut record)).await;
    admission::conclude(service, record, outcome.map(|known| told(&known)))
}

fn told(known: &Known) -> Response {
    let answer = Answer { groups: &known.groups, expires_in: known.expires_in };
    ([(CACHE_CONTROL, reply::NO_STORE)], Json(answer)).into_response()
}

async fn answer(
    service: &Service,
    parts: &request::Parts,
    body: Body,
    record: &mut Record,
) -> Result<Known, Denial> {
    let admitted = admission::admit(service, parts, body, record).await?;
    let at = admitted.target.groups.as_ref().ok_or(Reason::TargetUnknown)?;
    if !admitted.request.scopes.is_empty() {
        return Err(Reason::ScopeUnknown.into());
    }
    let ends = admitted.principal.expires_at();
    let (groups, keep_until) = match admitted.principal.groups() {
        Memberships::Present(own) => {
            (own.iter().cloned().collect(), service.groups.keep_until(ends))
        }
        // Entra says nothing of groups where it was not told to, and where there are none: that is not for us to guess.
        Memberships::Absent | Memberships::Unresolved => {
            let found = resolve(service, &admitted, at, record).await?;
            (found.groups, found.keep_until)
        }
    };
    record.groups = Some(groups.len());
    Ok(Known { groups, expires_in: token::expires_in(ends, keep_until, now()) })
}

/// Asks Graph, or remembers what it has said.
async fn resolve(
    service: &Service,
    admitted: &Admitted<'_>,
    at: &Groups,
    record: &mut Record,
) -> Result<Found, Denial> {
    let Admitted { target, principal, mirror, request } = admitted;
    let path = mirror.source().path();
    let gate = service.gates.get(&path).ok_or(Reason::Internal)?;
    let graph = service.graphs.get(&path).ok_or(Reason::Internal)?;
    let request_id = OnceLock::new();
    let exchange = Exchange {
        mirror,
        gate,
        errand: Errand::Request,
        deadline: Instant::now() + service.idp_timeout,
        target,
        wanted: &at.target,
        scope: &at.scope,
        subject_token: &request.subject_token,
        principal,
        request_id: &request_id,
        metrics: &service.metrics,
    };
    let about = format!("{} {}", at.graph, at.scope);
    let key = Key::new(principal.issuer_name(), &request.subject_token, target, &about);
    let ask = Box::pin(providers::groups(&exchange, at, graph));
    let outcome = service.groups.get_or_ask(key, principal.expires_at(), ask).await;
    record.upstream.request_id = request_id.get().cloned();
    let found = outcome.map_err(|refused| {
        if refused.is_remembered {
            record.source = Some(Source::Refusal);
        }
        record.upstream.clone_from(&refused.failure.upstream);
        refused.failure.denial.clone()
    })?;
    record.source = Some(found.source);
    Ok(found)
}
