//! `POST /exchange` (RFC 8693). The order of the steps is the point: nothing of a request is looked at before the
//! step that it has to pass first, and neither memory nor the identity provider before all of them.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, request};
use axum::response::{IntoResponse as _, Response};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use obolus_core::Reason;
use obolus_core::exchange::{ACCESS_TOKEN_TYPE, ExchangeRequest, ExchangedToken};
use obolus_core::token::{Principal, PureRust, Unverified, UnverifiedToken};
use secrecy::ExposeSecret as _;
use serde::Serialize;

use crate::cache::Key;
use crate::callers::authenticate;
use crate::clock::now;
use crate::config::{Caller, Target};
use crate::providers::Failure;
use crate::providers::keycloak::Exchange;
use crate::record::Record;
use crate::reply;
use crate::service::Service;

/// A token of 16 KiB and the rest of the form.
const MAX_BODY_BYTES: usize = 32 * 1024;
/// How long a body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

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
    let body = match read(&parts, body).await {
        Ok(body) => body,
        Err(reason) => {
            Record::begin().write(Err(reason), &service.metrics);
            return reply::refused(reason);
        }
    };
    // A task of its own: it ends even if its client goes away, with others perhaps waiting for the same exchange, and
    // a panic in it is this request's alone.
    let task = tokio::spawn(async move { judge(&service, &parts.headers, &body).await });
    task.await.unwrap_or_else(|_| reply::refused(Reason::Internal))
}

async fn judge(service: &Service, headers: &HeaderMap, form: &[u8]) -> Response {
    let mut record = Record::begin();
    let outcome = grant(service, headers, form, &mut record).await;
    record.write(outcome.as_ref().map(drop).map_err(|reason| *reason), &service.metrics);
    match outcome {
        Ok((token, principal)) => granted(&token, &principal),
        Err(reason) => reply::refused(reason),
    }
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
    service: &Service,
    headers: &HeaderMap,
    form: &[u8],
    record: &mut Record,
) -> Result<(Arc<ExchangedToken>, Principal), Reason> {
    let caller = authenticate(&service.callers, headers)?;
    record.caller = Some(caller.id.clone());
    let request = ExchangeRequest::from_form(form)?;
    let target = service.targets.get(&request.audience).ok_or(Reason::TargetUnknown)?;
    record.target = Some(target.name().to_owned());
    // INVARIANT: no principal, no grant; no grant, neither memory nor the identity provider.
    let principal = verify(service, caller, &request, record).await?;
    record.principal = Some(principal.clone());
    if !caller.grants.iter().any(|grant| grant.covers(&principal, target.name())) {
        return Err(Reason::TargetNotGranted);
    }
    let scope = scope(target, &request.scopes)?;
    let token = exchanged(service, &request, target, &scope, &principal, record).await?;
    Ok((token, principal))
}

/// Verifies the subject token against what this caller's grants say of its issuer.
async fn verify(
    service: &Service,
    caller: &Caller,
    request: &ExchangeRequest,
    record: &mut Record,
) -> Result<Principal, Reason> {
    let token = UnverifiedToken::parse(request.subject_token.expose_secret())?;
    record.token_digest = Some(token.digest());
    let mirror = service
        .mirrors
        .values()
        .find(|mirror| token.claimed_issuer() == Some(&mirror.issuer().rules.issuer))
        .ok_or(Reason::IssuerUnknown)?;
    let issuer = mirror.issuer();
    let grants = caller.grants.iter().filter(|grant| grant.issuer == issuer.name());
    let audiences: Vec<_> = grants.flat_map(|grant| &grant.audiences).cloned().collect();
    if audiences.is_empty() {
        return Err(Reason::IssuerUnknown);
    }
    let checked = token.check(&[Arc::clone(&issuer.rules)], &audiences, now())?;
    if mirror.held().is_none() {
        mirror.refetch().await;
    }
    let held = mirror.held().ok_or(Reason::KeysUnavailable)?;
    let checked = match checked.verify(&held.keys, &PureRust) {
        Ok(principal) => return Ok(principal),
        Err(Unverified::Refused(reason)) => return Err(reason),
        Err(Unverified::KeyUnknown(checked)) => checked,
    };
    mirror.refetch().await;
    let held = mirror.held().ok_or(Reason::KeysUnavailable)?;
    checked.verify(&held.keys, &PureRust).map_err(|unverified| match unverified {
        Unverified::KeyUnknown(_) => Reason::KeyUnknown,
        Unverified::Refused(reason) => reason,
    })
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

/// From memory, or from the identity provider.
async fn exchanged(
    service: &Service,
    request: &ExchangeRequest,
    target: &Target,
    scope: &str,
    principal: &Principal,
    record: &mut Record,
) -> Result<Arc<ExchangedToken>, Reason> {
    let mirror = service.mirrors.get(&target.issuer).ok_or(Reason::Internal)?;
    let key = Key::new(
        principal.issuer_name(),
        &request.subject_token,
        target.name(),
        scope,
        target.client.generation(),
    );
    let ask = async {
        let _one =
            service.exchanges.try_acquire().map_err(|_| Failure::from(Reason::Overloaded))?;
        let subject_token = &request.subject_token;
        Exchange { mirror, target, scope, subject_token, principal }.run(&service.metrics).await
    };
    match service.cache.get_or_exchange(key, principal.identity(), ask).await {
        Ok((token, source)) => {
            record.source = Some(source);
            record.exchanged(&token);
            Ok(token)
        }
        Err(failure) => {
            record.failed_upstream(&failure);
            Err(failure.reason)
        }
    }
}

fn granted(token: &ExchangedToken, principal: &Principal) -> Response {
    let expires_at = token.expires_at().min(principal.expires_at());
    let answer = Answer {
        access_token: token.access_token().expose_secret(),
        issued_token_type: ACCESS_TOKEN_TYPE,
        token_type: "Bearer",
        expires_in: expires_at.saturating_sub(now()),
    };
    ([(CACHE_CONTROL, reply::NO_STORE)], Json(answer)).into_response()
}
