//! Issuers that no client could use: shapes that others ship, and what to write in their place.

use http::Uri;

use super::{Resource, Section};
use crate::token::{IssuerRules, Provider};

/// What is wrong with `issuer` of a provider that has one.
#[must_use]
pub fn issuer_fault(provider: &Provider) -> Option<&'static str> {
    let issuer = provider.single_issuer()?;
    if issuer.contains(['{', '}']) {
        return Some(
            "is a template, and no token and no document says so: write the one issuer whose tokens are meant, byte for \
             byte",
        );
    }
    if !is_issuer_url(issuer) {
        return Some("must be an https URL without query and fragment");
    }
    if issuer.contains("/.well-known/") {
        return Some(
            "is the URL of a document: write what stands there as `issuer`, byte for byte",
        );
    }
    if matches!(provider, Provider::Keycloak(_)) && !is_keycloaks(issuer) {
        return Some(
            "is not Keycloak's, which is https://HOST/realms/REALM, without a slash at the end: Keycloak says who it is in \
             its tokens and in what it sends back through the browser (RFC 9207), and clients reject it under the name of \
             a gateway (RFC 8414 §3.3); write `issuer` of the realm's /.well-known/openid-configuration, byte for byte",
        );
    }
    None
}

/// Notes issuers that are a resource's URL: a resource that calls itself the issuer is a gateway's label on somebody
/// else's documents.
pub(super) fn check_no_resources(
    top: &Section<'_>,
    issuers: &[(String, &IssuerRules)],
    resources: &[(String, Option<Resource>)],
) {
    for (path, rules) in issuers {
        let provider = &rules.provider;
        let issuer = provider.single_issuer().filter(|_| issuer_fault(provider).is_none());
        let Some(issuer) = issuer else { continue };
        let is_that =
            |resource: &&Resource| resource.url.to_string() == issuer.trim_end_matches('/');
        let resource = resources.iter().filter_map(|(_, resource)| resource.as_ref()).find(is_that);
        if let Some(resource) = resource {
            top.problem(
                &format!("{path}.issuer"),
                format!(
                    "is the URL of the resource `{}`: tokens and documents of an identity provider say its own issuer, \
                     and clients reject another one (RFC 8414 §3.3); write that",
                    resource.name
                ),
            );
        }
    }
}

/// RFC 8414 §2: https, without query and fragment. Anything else would match no honest token.
fn is_issuer_url(text: &str) -> bool {
    let is_url = |uri: Uri| {
        uri.scheme_str() == Some("https")
            && uri.authority().is_some_and(|authority| !authority.host().is_empty())
    };
    text.starts_with("https://")
        && !text.contains(['?', '#', '@'])
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && text.parse().is_ok_and(is_url)
}

/// Keycloak builds it from its host name, which it writes in lower case and without a default port.
fn is_keycloaks(issuer: &str) -> bool {
    let rest = issuer.strip_prefix("https://").unwrap_or_default();
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let realm = path.rsplit_once("/realms/").map(|(_, realm)| realm);
    let is_plain =
        !authority.bytes().any(|byte| byte.is_ascii_uppercase()) && !authority.ends_with(":443");
    is_plain
        && realm.is_some_and(|realm| !realm.is_empty() && !realm.contains('/'))
        && !path.split('/').skip(1).any(|segment| matches!(segment, "" | "." | ".."))
}
