//! The tokens of Keycloak and of plain OpenID providers: which of them are access tokens, and what they say.

use super::claims::Claims;
use super::reading::{Identity, Reading, is_identifier};
use super::unverified::HeaderType;
use super::{Profile, UnverifiedToken};
use crate::Reason;

mod told;

use told::Told;

/// RFC 9068 §4 wants `at+jwt`; most providers say `JWT` or nothing, and then ID tokens and logout tokens must
/// be told by the claims that only they have.
pub(super) fn check_kind(
    token: &UnverifiedToken,
    profile: Profile,
    audiences: &[String],
) -> Result<(), Reason> {
    const REFUSED: Result<(), Reason> = Err(Reason::TokenTypeRefused);
    let claims = &token.claims;
    let Some(header_type) = token.header.access_token_type() else { return REFUSED };
    match (profile, claims.typ.as_deref()) {
        (_, Some("Bearer")) => {}
        (Profile::Keycloak, _) | (_, Some("ID" | "Refresh" | "Offline" | "Logout" | "DPoP")) => {
            return REFUSED;
        }
        _ => {}
    }
    // Keycloak says what a token is, and puts a nonce into access tokens, too.
    if profile == Profile::Keycloak || header_type == HeaderType::AccessToken {
        return Ok(());
    }
    if claims.has_id_token_claims() || claims.events || is_for_its_client(claims, audiences) {
        return REFUSED;
    }
    Ok(())
}

/// Whether all that speaks for the token here is that it is for the client which got it: an ID token's audience
/// (OpenID Connect Core §2), where a resource takes a client's id for its own.
fn is_for_its_client(claims: &Claims, audiences: &[String]) -> bool {
    let Some(client) = claims.azp.as_ref().or(claims.client_id.as_ref()) else { return false };
    audiences.contains(client)
        && claims.aud.contains(client)
        && !claims.aud.iter().any(|audience| audience != client && audiences.contains(audience))
}

pub(super) fn read(
    claims: &Claims,
    claims_part: &str,
    profile: Profile,
) -> Result<Reading, Reason> {
    let identity = Identity {
        issuer: claims.iss.clone().ok_or(Reason::IssuerUnknown)?,
        subject: claims
            .sub
            .clone()
            .filter(|sub| is_identifier(sub))
            .ok_or(Reason::SubjectMissing)?,
    };
    // `azp` (OpenID Connect Core §2) and `client_id` (RFC 9068 §2.2) mean the same; two that differ mean
    // that we do not know the client.
    let client = match (&claims.azp, &claims.client_id) {
        (Some(azp), Some(client_id)) if azp != client_id => return Err(Reason::TokenMalformed),
        (azp, client_id) => azp.as_ref().or(client_id.as_ref()).cloned(),
    };
    // Nor is a client whose name cannot be written the same as none at all.
    if client.as_deref().is_some_and(|client| !is_identifier(client)) {
        return Err(Reason::TokenMalformed);
    }
    let is_app_only = client.as_deref().is_some_and(|client| claims.speaks_for_client(client))
        || (profile == Profile::Keycloak && claims.is_without_session());
    let told = Told::decode(claims_part).ok_or(Reason::TokenMalformed)?;
    Ok(Reading {
        identity,
        tenant: None,
        client,
        scopes: claims.scope.iter().cloned().collect(),
        groups: told.groups(),
        roles: told.roles(profile),
        auth_contexts: told.auth_contexts(),
        auth_methods: told.auth_methods(),
        is_app_only,
        token_id: claims.jti.clone().filter(|id| is_identifier(id)),
    })
}
