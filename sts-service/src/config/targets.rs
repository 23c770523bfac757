//! `[[targets]]`: what tokens are exchanged for, and as which client we ask.

use std::path::Path;
use std::sync::Arc;

use obolus_core::config::{Section, check_name, not_configured};
use obolus_core::exchange;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::client::client;
use super::names::Names;
use super::{Groups, Issuer, entra_target, groups};
use crate::credentials::{ClientCredential, Generation};

/// One target of exchanges.
#[derive(Debug)]
pub struct Target {
    /// Its name, and the audience that a token for it must have.
    pub target: exchange::Target,
    /// The URI that callers may name it by instead (RFC 8693 §2.1, `resource`).
    pub resource: Option<String>,
    /// How it is exchanged.
    pub exchanged_by: ExchangedBy,
    /// The name of the issuer that exchanges.
    pub issuer: String,
    /// The scopes that are asked for, and the only ones that a caller may ask for.
    pub scopes: Vec<String>,
    /// Of whom the groups are asked that a token leaves out, if of anybody.
    pub groups: Option<Groups>,
    /// As whom we ask.
    pub client: ClientCredential,
}

impl Target {
    /// Changes when the target does, or who we are there: what was got before is then asked for anew. What proves who we are
    /// has a generation of its own.
    #[must_use]
    pub fn generation(&self) -> Generation {
        let Self { target, resource: _, exchanged_by, issuer, scopes: _, groups: _, client } = self;
        let parts =
            [target.name.as_str(), &target.audience, exchanged_by.as_str(), issuer, client.id()];
        let mut all = Sha256::new();
        for part in parts {
            all.update(part.len().to_be_bytes());
            all.update(part);
        }
        all.finalize().into()
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.target.name
    }
}

/// By which rules an exchange is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExchangedBy {
    /// Keycloak's standard token exchange (RFC 8693).
    Keycloak,
    /// Entra ID's On-Behalf-Of.
    Entra,
}

impl ExchangedBy {
    /// The word in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Keycloak => "keycloak",
            Self::Entra => "entra",
        }
    }
}

pub(super) fn read(
    top: &Section<'_>,
    folder: &Path,
    issuers: &[Arc<Issuer>],
    names: &Names<'_>,
) -> Vec<Arc<Target>> {
    let mut targets: Vec<Arc<Target>> = Vec::new();
    for section in top.sections("targets") {
        if let Some(target) = target(&section, folder, issuers, names) {
            if targets.iter().any(|other| other.name() == target.name()) {
                section.problem("name", "is taken by another target");
            }
            let is_taken = |other: &Arc<Target>| other.resource == target.resource;
            if target.resource.is_some() && targets.iter().any(is_taken) {
                section.problem("resource", "is taken by another target");
            }
            targets.push(Arc::new(target));
        }
        section.finish();
    }
    if top.is_empty_array_or_missing("targets") {
        top.problem("targets", "must name at least one target");
    }
    targets
}

fn target(
    section: &Section<'_>,
    folder: &Path,
    issuers: &[Arc<Issuer>],
    names: &Names<'_>,
) -> Option<Target> {
    let name = section.string("name", "a short name, such as kubernetes");
    check_name(section, name.as_deref());
    section.string("provider", "keycloak or entra");
    let exchanged_by = section.word("provider", "keycloak, entra", None::<ExchangedBy>);
    let issuer = section.string("issuer", "the name of the issuer that exchanges");
    if let Some(issuer) = &issuer {
        check_issuer(section, exchanged_by, issuer, issuers, names);
    }
    let audience = section.string("audience", "the audience of the exchanged token");
    let resource = section.optional_string("resource");
    if resource.as_deref().is_some_and(|resource| !is_resource(resource)) {
        section.problem(
            "resource",
            "must be an absolute URI without a fragment, such as https://kubernetes.example.com, as callers write it",
        );
    }
    let scopes = section.some_strings("scopes", "the scopes that carry the target's audience");
    if scopes.iter().any(|scope| scope.contains(|c: char| c.is_whitespace() || c.is_control())) {
        section.problem("scopes", "must be one scope per string");
    }
    let client = section
        .section("client", "[targets.client] with id and method")
        .and_then(|section| client(section, folder, exchanged_by));
    let rules = issuers.iter().find(|known| Some(known.name()) == issuer.as_deref());
    let groups = section
        .optional_section("groups")
        .and_then(|section| groups::read(section, name.as_deref(), exchanged_by, rules?));
    let id = client.as_ref().map(ClientCredential::id);
    match exchanged_by {
        Some(ExchangedBy::Entra) => entra_target::check(section, &scopes, audience.as_deref(), id),
        Some(ExchangedBy::Keycloak) => check_keycloak(section, audience.as_deref(), id),
        None => {}
    }
    if audience.as_deref().is_some_and(|audience| audience.contains(char::is_whitespace)) {
        section.problem("audience", "has white space in it, which no token has: leave it out");
    }
    Some(Target {
        target: exchange::Target { name: name?, audience: audience? },
        resource,
        exchanged_by: exchanged_by?,
        issuer: issuer?,
        scopes,
        groups,
        client: client?,
    })
}

/// A token whose audience is the STS, or everybody, is none for the cluster.
fn check_keycloak(section: &Section<'_>, audience: Option<&str>, client: Option<&str>) {
    if audience.is_some() && audience == client {
        section.problem(
            "audience",
            "is the STS's own client: write the client that stands for the cluster, which the API server has as its audience",
        );
    }
    if audience == Some("account") {
        section.problem(
            "audience",
            "`account` stands in every token of a Keycloak realm: write the client that stands for the cluster",
        );
    }
}

/// RFC 8693 §2.1. It is compared byte for byte, so what a URL would be read as does not matter; what could not be one does.
fn is_resource(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_graphic() && c != '#';
    text.chars().all(is_plain)
        && reqwest::Url::parse(text)
            .is_ok_and(|url| url.username().is_empty() && url.password().is_none())
}

/// The issuer is there, and its tokens are exchanged in this way.
fn check_issuer(
    section: &Section<'_>,
    exchanged_by: Option<ExchangedBy>,
    name: &str,
    issuers: &[Arc<Issuer>],
    names: &Names<'_>,
) {
    let Some(issuer) = issuers.iter().find(|known| known.name() == name) else {
        if !names.issuers.contains(&name) {
            section.problem("issuer", not_configured(name, &names.issuers));
        }
        return;
    };
    let is_entra = issuer.rules.provider.entra().is_some();
    match exchanged_by {
        Some(ExchangedBy::Keycloak) if is_entra => section.problem(
            "provider",
            format!("issuer `{name}` is Entra ID, which exchanges in its own way: write entra"),
        ),
        Some(ExchangedBy::Entra) if !is_entra => section.problem(
            "provider",
            format!("issuer `{name}` is not Entra ID: write keycloak, or an issuer whose profile is entra"),
        ),
        _ => {}
    }
}
