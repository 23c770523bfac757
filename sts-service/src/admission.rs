//! Who gets to ask for anything: whatever is asked for, a request passes the same steps first. Their order is the point:
//! nothing of a request is looked at before the step that it has to pass first, and neither memory nor the identity
//! provider before all of them.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request;
use axum::response::Response;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use obolus_core::exchange::ExchangeRequest;
use obolus_core::policy::require_person;
use obolus_core::token::{Lookup, Principal, Unverified, UnverifiedToken};
use obolus_core::{Denial, Reason};
use secrecy::ExposeSecret as _;

use crate::callers;
use crate::clock::now;
use crate::config::{Caller, Target};
use crate::keys::KeyMirror;
use crate::record::Record;
use crate::reply;
use crate::serve::KnownCaller;
use crate::service::Service;
use crate::signatures::Ring;

/// A token of 16 KiB and the rest of the form.
const MAX_BODY_BYTES: usize = 32 * 1024;
/// How long a body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A person whose token a known caller may use for this target.
pub(crate) struct Admitted<'s> {
    pub(crate) target: &'s Arc<Target>,
    pub(crate) principal: Principal,
    /// By whose keys the token was verified.
    pub(crate) mirror: &'s Arc<KeyMirror>,
    pub(crate) request: ExchangeRequest,
}

/// Runs a request as a task of its own: it ends even if its client goes away, with others perhaps waiting for the same
/// thing, and a panic in it is this request's alone.
pub(crate) async fn in_a_task(work: impl Future<Output = Response> + Send + 'static) -> Response {
    tokio::spawn(work).await.unwrap_or_else(|_| reply::refused(&Reason::Internal.into()))
}

/// Writes the record, and makes a refusal of a denial.
pub(crate) fn conclude(
    service: &Service,
    record: Record,
    outcome: Result<Response, Denial>,
) -> Response {
    let known = record.caller.is_some();
    record.write(outcome.as_ref().map(drop).map_err(Denial::reason), &service.metrics);
    let mut response = outcome.unwrap_or_else(|denial| reply::refused(&denial));
    if known {
        response.extensions_mut().insert(KnownCaller);
    }
    response
}

/// Judges a request by its caller, its form, its token and what the caller was granted.
pub(crate) async fn admit<'s>(
    service: &'s Service,
    parts: &request::Parts,
    body: Body,
    record: &mut Record,
) -> Result<Admitted<'s>, Reason> {
    // INVARIANT: nobody's body is read before we know whose it is: bodies are memory, and strangers have many.
    let visitor = parts.extensions.get().copied();
    let judged = callers::judge(service, visitor, &parts.headers).await;
    record.is_strangers = judged.is_err();
    let caller = judged?;
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
        return Err(Reason::TargetNotGranted);
    }
    Ok(Admitted { target, principal, mirror, request })
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
