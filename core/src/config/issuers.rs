//! The issuers in the filter's configuration.

use std::sync::Arc;

use super::facade::facade;
use super::names::check_name;
use super::{Facade, Section, algorithms, issuer_url, provider};
use crate::token::{IssuerRules, Provider};

/// The issuers of a configuration, and the façades of those that have one, each with its path.
#[derive(Debug, Default)]
pub(super) struct Issuers {
    pub(super) all: Vec<Arc<IssuerRules>>,
    paths: Vec<String>,
    pub(super) facades: Vec<(String, Arc<Facade>)>,
}

impl Issuers {
    /// The façade of the issuer of this name.
    pub(super) fn facade_of(&self, name: &str) -> Option<&Arc<Facade>> {
        self.facades.iter().map(|(_, facade)| facade).find(|facade| facade.issuer_name == name)
    }

    pub(super) fn with_paths(&self) -> Vec<(String, &IssuerRules)> {
        self.paths.iter().cloned().zip(self.all.iter().map(|rules| &**rules)).collect()
    }
}

pub(super) fn issuers(top: &Section<'_>) -> Issuers {
    let mut issuers = Issuers::default();
    for section in top.sections("issuers") {
        let (rules, facade) = issuer_rules(&section);
        if let Some(rules) = rules {
            let path = section.path_of("").trim_end_matches('.').to_owned();
            if issuers.all.iter().any(|other| other.name == rules.name) {
                section.problem("name", "is taken by another issuer");
            }
            if issuers.all.iter().any(|other| other.provider.overlaps(&rules.provider)) {
                let key = if rules.provider.entra().is_some() { "tenants" } else { "issuer" };
                section.problem(key, "is configured twice");
            }
            issuers.facades.extend(facade.map(|facade| (format!("{path}.facade"), facade)));
            issuers.paths.push(path);
            issuers.all.push(Arc::new(rules));
        }
        section.finish();
    }
    if issuers.all.is_empty() && top.is_empty_array_or_missing("issuers") {
        top.problem("issuers", "must name at least one issuer");
    }
    issuers
}

/// The keys that an issuer has in the filter's configuration.
fn issuer_rules(section: &Section<'_>) -> (Option<IssuerRules>, Option<Arc<Facade>>) {
    let name = section.string("name", "a short name, such as keycloak");
    let provider = provider(section, "authorityHost");
    let profile = provider.as_ref().map(Provider::profile).unwrap_or_default();
    let algorithms = algorithms(section, "algorithms", profile);
    let clock_skew_seconds = section.integer("clockSkewSeconds", 30, 0..=300);
    check_name(section, name.as_deref());
    if let Some(fault) = provider.as_ref().and_then(issuer_url::issuer_fault) {
        section.problem("issuer", fault);
    }
    let facade = facade(section, name.as_deref(), provider.as_ref());
    let rules = name.zip(provider).map(|(name, provider)| IssuerRules {
        name,
        provider,
        algorithms,
        clock_skew_seconds,
    });
    (rules, facade)
}
