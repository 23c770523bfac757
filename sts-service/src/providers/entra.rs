//! Entra ID's On-Behalf-Of flow.
//!
//! Only the resource's scope is asked for: without `offline_access` and `openid` there should be neither a refresh
//! token nor an ID token in the answer, and one that is there all the same is dropped unread.

use obolus_core::Reason;
use obolus_core::exchange::Answer;
use obolus_core::token::{EntraTenants, TenantId};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret as _;

use super::{Exchange, Failure, answer, attempts, entra_refusal};
use crate::clock::now;
use crate::guid;
use crate::idp_client::Line;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// A GUID by which an administrator finds the request in Entra's sign-in logs.
const REQUEST_ID: HeaderName = HeaderName::from_static("client-request-id");
const RETURN_REQUEST_ID: HeaderName = HeaderName::from_static("return-client-request-id");

/// Asks Entra.
pub(super) async fn ask(exchange: &Exchange<'_>) -> Result<Answer, Failure> {
    let tenants = exchange.mirror.issuer().rules.provider.entra().ok_or(Reason::Internal)?;
    // INVARIANT: of the verified token: a guest is somebody in the tenant that issued it, and nobody at home.
    let tenant = exchange.principal.tenant().ok_or(Reason::Internal)?;
    let token_endpoint = token_endpoint(tenants, tenant);
    attempts::ask(exchange, |line| request(exchange, line, &token_endpoint)).await
}

/// Never `/common`: which tenant answers must not depend on what somebody else makes of an assertion.
fn token_endpoint(tenants: &EntraTenants, tenant: &TenantId) -> String {
    format!("{}/{tenant}/oauth2/v2.0/token", tenants.authority_host())
}

async fn request(
    exchange: &Exchange<'_>,
    line: Line,
    token_endpoint: &str,
) -> Result<Answer, Failure> {
    let request_id = guid::random().ok_or(Reason::Internal)?;
    let request_id = exchange.request_id.get_or_init(|| request_id);
    let mut headers = HeaderMap::new();
    let value = HeaderValue::from_str(request_id).map_err(|_| Reason::Internal)?;
    headers.insert(REQUEST_ID, value);
    headers.insert(RETURN_REQUEST_ID, HeaderValue::from_static("true"));
    let form = [
        ("grant_type", GRANT_TYPE),
        ("requested_token_use", "on_behalf_of"),
        ("assertion", exchange.subject_token.expose_secret()),
        ("scope", exchange.scope),
    ];
    let answered = exchange.post(line, token_endpoint, token_endpoint, headers, &form).await?;
    if answered.status == 200 {
        return answer(&answered);
    }
    let is_new = entra_refusal::is_new(exchange.principal.issued_at(), now());
    Err(entra_refusal::read(&answered, is_new))
}
