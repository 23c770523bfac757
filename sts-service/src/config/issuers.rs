//! `[[issuers]]`: whose tokens are verified, and where the keys for that come from.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use obolus_core::config::{Section, algorithms, check_name, provider};
use obolus_core::token::{IssuerRules, Profile, Provider};

use super::files;
use crate::tls::Trust;

/// One identity provider.
#[derive(Debug)]
pub struct Issuer {
    /// What its tokens must look like.
    pub rules: Arc<IssuerRules>,
    /// Where its keys are, if not where its discovery document says.
    pub jwks_uri: Option<String>,
    /// Where it exchanges tokens, if not where its discovery document says.
    pub token_endpoint: Option<String>,
    /// Whom we believe to be it.
    pub tls: Trust,
    /// How often keys are fetched: the longest that a removed key is still believed here.
    pub keys_refresh: Duration,
    /// How long keys are believed that the issuer does not confirm.
    pub keys_max_stale: Duration,
}

impl Issuer {
    /// Its name in the configuration and in `/keys/{name}`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.rules.name
    }
}

pub(super) fn read(top: &Section<'_>, folder: &Path) -> Vec<Arc<Issuer>> {
    let mut issuers: Vec<Arc<Issuer>> = Vec::new();
    for section in top.sections("issuers") {
        let issuer = issuer(&section, folder);
        if let Some(issuer) = issuer {
            if issuers.iter().any(|other| other.name() == issuer.name()) {
                section.problem("name", "is taken by another issuer");
            }
            let provider = &issuer.rules.provider;
            if issuers.iter().any(|other| other.rules.provider.overlaps(provider)) {
                let key = if provider.entra().is_some() { "tenants" } else { "issuer" };
                section.problem(key, "is configured twice");
            }
            issuers.push(Arc::new(issuer));
        }
        section.finish();
    }
    if top.is_empty_array_or_missing("issuers") {
        top.problem("issuers", "must name at least one issuer");
    }
    issuers
}

fn issuer(section: &Section<'_>, folder: &Path) -> Option<Issuer> {
    let name = section.string("name", "a short name, such as keycloak");
    let provider = provider(section, "authority_host");
    let profile = provider.as_ref().map(Provider::profile).unwrap_or_default();
    let algorithms = algorithms(section, "algorithms", profile);
    let clock_skew_seconds = section.integer("clock_skew_seconds", 30, 0..=300);
    let jwks_uri = section.optional_string("jwks_uri");
    let token_endpoint = section.optional_string("token_endpoint");
    let ca_file = files::optional(section, "ca_file", folder);
    let keys_refresh = section.integer("keys_refresh_seconds", 60, 1..=3600);
    let keys_max_stale = section.integer("keys_max_stale_seconds", 3600, 60..=86_400);
    if keys_max_stale < keys_refresh {
        section.problem(
            "keys_max_stale_seconds",
            "must be at least keys_refresh_seconds, or there would be no keys in between",
        );
    }
    check_name(section, name.as_deref());
    let urls = [
        ("issuer", provider.as_ref().and_then(Provider::single_issuer)),
        ("jwks_uri", jwks_uri.as_deref()),
        ("token_endpoint", token_endpoint.as_deref()),
    ];
    for (key, url) in urls {
        let Some(url) = url else { continue };
        if url.contains(char::is_whitespace) {
            section.problem(key, "has white space in it, which no token has: leave it out");
        } else if !is_https(url) {
            section.problem(key, "must be an https URL without a fragment or user information");
        } else if key == "issuer"
            && let Some(fault) = no_issuer(url, profile)
        {
            section.problem(key, fault);
        }
    }
    if provider.as_ref().is_some_and(|provider| provider.entra().is_some()) {
        for (key, url) in [("jwks_uri", &jwks_uri), ("token_endpoint", &token_endpoint)] {
            if url.is_some() {
                section.problem(
                    key,
                    "follows from authority_host and the tenant of each token: leave it out",
                );
            }
        }
    }
    let tls = Trust::open(ca_file);
    if let Err(error) = &tls {
        section.problem("ca_file", error.to_string());
    }
    Some(Issuer {
        rules: Arc::new(IssuerRules {
            name: name?,
            provider: provider?,
            algorithms,
            clock_skew_seconds,
        }),
        jwks_uri,
        token_endpoint,
        tls: tls.ok()?,
        keys_refresh: Duration::from_secs(keys_refresh),
        keys_max_stale: Duration::from_secs(keys_max_stale),
    })
}

/// Why no token ever has this as its `iss`, which is compared byte for byte.
fn no_issuer(url: &str, profile: Profile) -> Option<&'static str> {
    if url.contains("/.well-known/") {
        return Some(
            "is where the issuer's discovery document is: write what the document has as `issuer`, which is the same \
             without /.well-known/openid-configuration",
        );
    }
    if profile != Profile::Keycloak {
        return None;
    }
    if url.ends_with('/') {
        return Some(
            "ends with a slash, which the issuer of a Keycloak realm does not: leave it out",
        );
    }
    let is_console = url.contains("/admin/") || url.contains("/console");
    is_console.then_some("is of the admin console: write the realm's, such as https://keycloak.example.com/realms/obolus")
}

/// Whether we would ever send anything there.
pub(crate) fn is_https(url: &str) -> bool {
    reqwest::Url::parse(url).is_ok_and(|parsed| {
        parsed.scheme() == "https"
            && url.starts_with("https://")
            && parsed.username().is_empty()
            && parsed.password().is_none()
            && parsed.fragment().is_none()
    })
}

/// Whether both are on one host and port: what goes to one may go to the other.
pub(crate) fn same_origin(one: &str, other: &str) -> bool {
    let origin = |url: &str| reqwest::Url::parse(url).ok().map(|url| url.origin());
    origin(one).is_some() && origin(one) == origin(other)
}
