//! `[[issuers]]`: whose tokens are verified, and where the keys for that come from.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use obolus_core::config::{Section, algorithms};
use obolus_core::token::{IssuerRules, Profile};
use rustls::ClientConfig;

use super::{check_name, files};
use crate::tls::client_config;

/// One identity provider.
#[derive(Debug)]
pub struct Issuer {
    /// What its tokens must look like.
    pub rules: Arc<IssuerRules>,
    /// Where its keys are, if not where its discovery document says.
    pub jwks_uri: Option<String>,
    /// Whom we believe to be it.
    pub tls: ClientConfig,
    /// How often keys are fetched: the longest that a removed key is still believed here.
    pub keys_refresh: Duration,
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
            if issuers.iter().any(|other| other.rules.issuer == issuer.rules.issuer) {
                section.problem("issuer", "is configured twice");
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
    let issuer = section.string("issuer", "the issuer's URL, byte for byte as in its tokens");
    let profile = section.word("profile", "keycloak, oidc", Profile::Oidc);
    let algorithms = algorithms(section, "algorithms");
    let clock_skew_seconds = section.integer("clock_skew_seconds", 30, 0..=300);
    let jwks_uri = section.optional_string("jwks_uri");
    let ca_file = files::optional(section, "ca_file", folder);
    let keys_refresh = section.integer("keys_refresh_seconds", 60, 1..=3600);
    if let Some(name) = &name {
        check_name(section, "name", name);
    }
    for (key, url) in [("issuer", &issuer), ("jwks_uri", &jwks_uri)] {
        if url.as_ref().is_some_and(|url| !is_https(url)) {
            section.problem(key, "must be an https URL without a fragment or user information");
        }
    }
    let tls = client_config(ca_file.as_deref());
    if let Err(error) = &tls {
        section.problem("ca_file", error.to_string());
    }
    Some(Issuer {
        rules: Arc::new(IssuerRules {
            name: name?,
            issuer: issuer?,
            profile,
            algorithms,
            clock_skew_seconds,
        }),
        jwks_uri,
        tls: tls.ok()?,
        keys_refresh: Duration::from_secs(keys_refresh),
    })
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
