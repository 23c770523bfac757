//! `POST /exchange` (RFC 8693).

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::request;
use axum::response::{IntoResponse as _, Response};
use obolus_core::exchange::ACCESS_TOKEN_TYPE;
use obolus_core::{Denial, Reason, UnixSeconds};
use secrecy::ExposeSecret as _;
use serde::Serialize;

use crate::admission::{self, Admitted};
use crate::cache::Got;
use crate::clock::now;
use crate::config::Target;
use crate::record::{About, Record};
use crate::reply;
use crate::service::Service;
use crate::telemetry::parent_of;
use crate::wanted::Wanted;

/// The filter takes no token that ends sooner.
const LEAST_USE: u64 = 5;

/// RFC 8693 §2.2.1.
#[derive(Serialize)]
struct Answer<'a> {
    access_token: &'a str,
    issued_token_type: &'a str,
    token_type: &'a str,
    expires_in: u64,
}

/// Serves one request.
pub(crate) async fn exchange(State(service): State<Arc<Service>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    admission::in_a_task(async move { judge(&service, &parts, body).await }).await
}

async fn judge(service: &Arc<Service>, parts: &request::Parts, body: Body) -> Response {
    let trace = service.telemetry.begin(parent_of(&parts.headers), "exchange");
    let scope = trace.scope();
    let mut record = Record::begin(trace, About::Exchange);
    let outcome = scope.around(grant(service, parts, body, &mut record)).await;
    admission::conclude(service, record, outcome.map(|got| granted(&got)))
}

/// The exchanged token that this request may have, and for whom.
async fn grant(
    service: &Arc<Service>,
    parts: &request::Parts,
    body: Body,
    record: &mut Record,
) -> Result<Got, Denial> {
    let Admitted { target, principal, mirror, request } =
        admission::admit(service, parts, body, record).await?;
    let scope = scope(target, &request.scopes)?;
    let (service, target, mirror) = (Arc::clone(service), Arc::clone(target), Arc::clone(mirror));
    let subject_token = request.subject_token;
    let wanted = Wanted { service, mirror, target, scope, subject_token, principal };
    wanted.get(record).await
}

/// The target's scopes, or those of them that were asked for.
fn scope(target: &Target, asked: &[String]) -> Result<String, Reason> {
    if !asked.iter().all(|scope| target.scopes.contains(scope)) {
        return Err(Reason::ScopeUnknown);
    }
    let wanted = |scope: &&String| asked.is_empty() || asked.contains(scope);
    let scopes: Vec<_> = target.scopes.iter().filter(wanted).map(String::as_str).collect();
    Ok(scopes.join(" "))
}

fn granted(got: &Got) -> Response {
    let answer = Answer {
        access_token: got.token.access_token().expose_secret(),
        issued_token_type: ACCESS_TOKEN_TYPE,
        token_type: "Bearer",
        expires_in: expires_in(got.token.expires_at(), got.keep_until, now()),
    };
    ([(CACHE_CONTROL, reply::NO_STORE)], Json(answer)).into_response()
}

/// For how long whoever asked may keep the token: no longer than it lives, and no longer than we would ourselves, so
/// that one age limit counts for both. But long enough for one use.
pub(crate) fn expires_in(
    expires_at: UnixSeconds,
    keep_until: UnixSeconds,
    now: UnixSeconds,
) -> u64 {
    let life = expires_at.saturating_sub(now);
    let least = if life < LEAST_USE { 1 } else { LEAST_USE };
    keep_until.saturating_sub(now).max(least).min(life)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_kept_as_long_as_we_would_and_at_least_for_one_use() {
        for (life, keep, expected) in [
            (300, 300, 300),
            (300, 60, 60),
            (60, 300, 60),
            (300, 0, 5),
            (300, 4, 5),
            (5, 0, 5),
            (4, 0, 1),
            (4, 3, 3),
            (1, 0, 1),
            (0, 0, 0),
        ] {
            assert_eq!(expires_in(1000 + life, 1000 + keep, 1000), expected, "{life} {keep}");
        }
        assert_eq!(expires_in(1300, 900, 1000), 5);
    }
}
