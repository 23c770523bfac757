//! Whose tokens an issuer of the configuration stands for, as the filter and the STS both read it.

use super::{Section, entra_tenants};
use crate::token::{EntraTenants, Profile, Provider};

/// The identity provider of an issuer's section: `profile`, and `issuer` or `tenants` and the authority host, whose
/// key the filter and the STS write differently. The form of `issuer` is the caller's to check.
#[must_use]
pub fn provider(section: &Section<'_>, authority_host_key: &str) -> Option<Provider> {
    let profile = section.word("profile", "keycloak, oidc, entra", Profile::Oidc);
    if profile == Profile::Entra {
        if section.has("issuer") {
            section.problem("issuer", "follows from the tenants of an Entra issuer: leave it out");
        }
        return Some(Provider::Entra(entra_tenants(section, authority_host_key)));
    }
    for key in ["tenants", authority_host_key] {
        if section.has(key) {
            section.problem(key, "is for issuers whose profile is entra: leave it out");
        }
    }
    let issuer = section.string("issuer", "the issuer's URL, byte for byte as in its tokens")?;
    if is_entra(&issuer) {
        section.problem(
            "issuer",
            "is Entra ID's: leave it out, and write profile entra and the tenants' GUIDs",
        );
        return None;
    }
    if profile == Profile::Oidc && is_realm(&issuer) {
        section.problem(
            "profile",
            "must be keycloak for a realm of Keycloak's: only so are its applications' own tokens told from people's",
        );
        return None;
    }
    Some(match profile {
        Profile::Keycloak => Provider::Keycloak(issuer),
        Profile::Oidc | Profile::Entra => Provider::Oidc(issuer),
    })
}

/// On any scheme and path: a slip of the pen there is no other identity provider. Under another profile its tokens would be held against `sub`, which is another one at each application.
fn is_entra(issuer: &str) -> bool {
    let rest = issuer.strip_prefix("https://").or_else(|| issuer.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split('/').next());
    host.is_some_and(|host| EntraTenants::authority_of(host).is_some())
}

/// Keycloak's issuers end so, and nobody else's do. As any other provider's, a token of a service account without the scope
/// `profile` would pass for a person's.
fn is_realm(issuer: &str) -> bool {
    let realm = issuer.rsplit_once("/realms/").map(|(_, realm)| realm.trim_end_matches('/'));
    realm.is_some_and(|realm| !realm.is_empty() && !realm.contains('/'))
}
