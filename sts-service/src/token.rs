//! `POST /exchange` (RFC 8693). The order of the steps is the point: nothing of a request is looked at before the
//! step that it has to pass first, and neither memory nor the identity provider before all of them.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request;
use axum::response::{IntoResponse as _, Response};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use obolus_core::exchange::{ACCESS_TOKEN_TYPE, ExchangeRequest};
use obolus_core::policy::require_person;
use obolus_core::token::{Lookup, Principal, Unverified, UnverifiedToken};
use obolus_core::{Denial, Reason, UnixSeconds};
use secrecy::ExposeSecret as _;
use serde::Serialize;

use crate::cache::Got;
use crate::callers;
use crate::clock::now;
use crate::config::{Caller, Target};
use crate::keys::KeyMirror;
use crate::record::Record;
use crate::reply;
use crate::serve::KnownCaller;
use crate::service::Service;
use crate::signatures::Ring;
use crate::wanted::Wanted;

/// A token of 16 KiB and the rest of the form.
const MAX_BODY_BYTES: usize = 32 * 1024;
/// How long a body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
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
    // A task of its own: it ends even if its client goes away, with others perhaps waiting for the same exchange, and
    // a panic in it is this request's alone.
    let task = tokio::spawn(async move { judge(&service, &parts, body).await });
    task.await.unwrap_or_else(|_| reply::refused(&Reason::Internal.into()))
}

async fn judge(service: &Arc<Service>, parts: &request::Parts, body: Body) -> Response {
    let trace = service.telemetry.begin(&parts.headers, "exchange");
    let scope = trace.scope();
    let mut record = Record::begin(trace);
    let outcome = scope.around(grant(service, parts, body, &mut record)).await;
    let known = record.caller.is_some();
    record.write(outcome.as_ref().map(drop).map_err(Denial::reason), &service.metrics);
    let mut response = match outcome {
        Ok(got) => granted(&got),
        Err(denial) => reply::refused(&denial),
    };
    if known {
        response.extensions_mut().insert(KnownCaller);
    }
    response
}

/// The form's bytes, if this is a form at all.
async fn read(parts: &request::Parts, body: Body) -> Result<Bytes, Reason> {
    if parts.uri.query().is_some() {
        // RFC 6749 §3.2: parameters stand in the body, and queries stand in logs.
        return Err(Reason::ExchangeRequestMalformed);
    }
    if parts.headers.contains_key(CONTENT_ENCODING) {
        return Err(Reason::ContentEncodingRefused);
    }
    let mut types = parts.headers.get_all(CONTENT_TYPE).iter();
    let is_form = matches!((types.next(), types.next()), (Some(only), None) if only
        .to_str()
        .is_ok_and(|text| text.split(';').next().is_some_and(|essence| essence
            .trim()
            .eq_ignore_ascii_case("application/x-www-form-urlencoded"))));
    if !is_form {
        return Err(Reason::ExchangeRequestMalformed);
    }
    let announced = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if announced
        .and_then(|length| length.parse().ok())
        .is_some_and(|length: usize| length > MAX_BODY_BYTES)
    {
        return Err(Reason::BodyTooLarge);
    }
    let collected =
        tokio::time::timeout(BODY_TIMEOUT, Limited::new(body, MAX_BODY_BYTES).collect()).await;
    match collected {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Reason::BodyTooLarge),
        _ => Err(Reason::ExchangeRequestMalformed),
    }
}

/// The exchanged token that this request may have, and for whom.
async fn grant(
    service: &Arc<Service>,
    parts: &request::Parts,
    body: Body,
    record: &mut Record,
) -> Result<Got, Denial> {
    // INVARIANT: nobody's body is read before we know whose it is: bodies are memory, and strangers have many.
    let visitor = parts.extensions.get().copied();
    let caller = callers::judge(service, visitor, &parts.headers)?;
    record.caller = Some(caller.id.clone());
    let form = read(parts, body).await?;
    let request = ExchangeRequest::from_form(&form)?;
    let target = service.target(&request)?;
    record.target = Some(Arc::clone(target));
    // INVARIANT: no principal, no grant; no grant, neither memory nor the identity provider.
    let (principal, mirror) = verify(service, caller, &request, record).await?;
    record.principal = Some(principal.clone());
    require_person(&principal)?;
    // INVARIANT: one issuer's token never reaches another's target, whatever a grant says.
    let is_own = target.issuer == principal.issuer_name();
    if !is_own || !caller.grants.iter().any(|grant| grant.covers(&principal, target.name())) {
        return Err(Reason::TargetNotGranted.into());
    }
    let scope = scope(target, &request.scopes)?;
    let (service, target, mirror) = (Arc::clone(service), Arc::clone(target), Arc::clone(mirror));
    let subject_token = request.subject_token;
    let wanted = Wanted { service, mirror, target, scope, subject_token, principal };
    wanted.get(record).await
}

/// Verifies the subject token against what this caller's grants say of its issuer. Waits for no keys but its own
/// issuer's, or tenant's; theirs is the mirror that is returned.
async fn verify<'s>(
    service: &'s Service,
    caller: &Caller,
    request: &ExchangeRequest,
    record: &mut Record,
) -> Result<(Principal, &'s Arc<KeyMirror>), Reason> {
    let token = UnverifiedToken::parse(request.subject_token.expose_secret())?;
    record.token_digest = Some(token.digest());
    let rules = token.rules_among(service.issuers.iter().map(|issuer| &issuer.rules))?;
    let grants = caller.grants.iter().filter(|grant| grant.issuer == rules.name);
    let audiences: Vec<_> = grants.flat_map(|grant| &grant.audiences).cloned().collect();
    if audiences.is_empty() {
        return Err(Reason::IssuerUnknown);
    }
    let checked = token.check(&[Arc::clone(rules)], &audiences, now())?;
    let source = checked.key_source();
    let mirror = service.mirrors.get(&source.path()).ok_or(Reason::Internal)?;
    if mirror.held().is_none() {
        mirror.refetch().await;
    }
    let held = mirror.held().ok_or(Reason::KeysUnavailable)?;
    let checked = match checked.verify(&held.keys, &Ring) {
        Ok(principal) => return Ok((principal, mirror)),
        Err(Unverified::Refused(reason)) => return Err(reason),
        Err(Unverified::KeyUnknown(checked)) => checked,
    };
    let lookup = if mirror.refetch().await { Lookup::Confirmed } else { Lookup::Unconfirmed };
    let held = mirror.held().ok_or_else(|| source.without_key(Lookup::Failed))?;
    match checked.verify(&held.keys, &Ring) {
        Ok(principal) => Ok((principal, mirror)),
        Err(Unverified::KeyUnknown(_)) => Err(source.without_key(lookup)),
        Err(Unverified::Refused(reason)) => Err(reason),
    }
}

/// The target's scopes, or those of them that were asked for.
fn scope(target: &Target, asked: &[String]) -> Result<String, Reason> {
    if !asked.iter().all(|scope| target.scopes.contains(scope)) {
        return Err(Reason::ExchangeRequestMalformed);
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
fn expires_in(expires_at: UnixSeconds, keep_until: UnixSeconds, now: UnixSeconds) -> u64 {
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
