//! The issuers in the filter's configuration.

use std::sync::Arc;

use http::Uri;

use super::names::check_name;
use super::{Section, algorithms, provider};
use crate::token::{IssuerRules, Provider};

pub(super) fn issuers(top: &Section<'_>) -> Vec<Arc<IssuerRules>> {
    let mut issuers: Vec<Arc<IssuerRules>> = Vec::new();
    for section in top.sections("issuers") {
        let Some(rules) = issuer_rules(&section) else {
            section.finish();
            continue;
        };
        if issuers.iter().any(|other| other.name == rules.name) {
            section.problem("name", "is taken by another issuer");
        }
        if issuers.iter().any(|other| other.provider.overlaps(&rules.provider)) {
            let key = if rules.provider.entra().is_some() { "tenants" } else { "issuer" };
            section.problem(key, "is configured twice");
        }
        section.finish();
        issuers.push(Arc::new(rules));
    }
    if issuers.is_empty() && top.is_empty_array_or_missing("issuers") {
        top.problem("issuers", "must name at least one issuer");
    }
    issuers
}

/// The keys that an issuer has in the filter's configuration.
fn issuer_rules(section: &Section<'_>) -> Option<IssuerRules> {
    let name = section.string("name", "a short name, such as keycloak");
    let provider = provider(section, "authorityHost");
    let profile = provider.as_ref().map(Provider::profile).unwrap_or_default();
    let algorithms = algorithms(section, "algorithms", profile);
    let clock_skew_seconds = section.integer("clockSkewSeconds", 30, 0..=300);
    check_name(section, name.as_deref());
    let issuer = provider.as_ref().and_then(Provider::single_issuer);
    if issuer.is_some_and(|issuer| !is_issuer_url(issuer)) {
        section.problem("issuer", "must be an https URL without query and fragment");
    }
    Some(IssuerRules { name: name?, provider: provider?, algorithms, clock_skew_seconds })
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
