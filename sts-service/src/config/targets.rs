//! `[[targets]]`: what tokens are exchanged for, and as which client we ask.

use std::path::Path;
use std::sync::Arc;

use obolus_core::config::Section;
use obolus_core::exchange;
use serde::Deserialize;

use super::{Issuer, check_name, files, list};
use crate::credentials::{
    AssertionAlgorithm, AssertionKey, AssertionRules, ClientCredential, ClientSecret, Reader,
    Thumbprint,
};

/// One target of exchanges.
#[derive(Debug)]
pub struct Target {
    /// Its name, and the audience that a token for it must have.
    pub target: exchange::Target,
    /// The name of the issuer that exchanges.
    pub issuer: String,
    /// The scopes that are asked for, and the only ones that a caller may ask for.
    pub scopes: Vec<String>,
    /// As whom we ask.
    pub client: ClientCredential,
}

impl Target {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.target.name
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Provider {
    Keycloak,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Method {
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJwt,
}

pub(super) fn read(top: &Section<'_>, folder: &Path, issuers: &[Arc<Issuer>]) -> Vec<Arc<Target>> {
    let mut targets: Vec<Arc<Target>> = Vec::new();
    for section in top.sections("targets") {
        if let Some(target) = target(&section, folder, issuers) {
            if targets.iter().any(|other| other.name() == target.name()) {
                section.problem("name", "is taken by another target");
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

fn target(section: &Section<'_>, folder: &Path, issuers: &[Arc<Issuer>]) -> Option<Target> {
    let name = section.string("name", "a short name, such as kubernetes");
    if let Some(name) = &name {
        check_name(section, "name", name);
    }
    // Keycloak is the only one so far; the key must stand there so that a second one changes no file.
    if section.string("provider", "keycloak").is_some() {
        section.word("provider", "keycloak", Provider::Keycloak);
    }
    let issuer = section.string("issuer", "the name of the issuer that exchanges");
    if let Some(issuer) = &issuer
        && !issuers.iter().any(|known| known.name() == issuer)
    {
        let known = list(issuers.iter().map(|issuer| issuer.name()));
        section.problem("issuer", format!("`{issuer}` is not configured; there are: {known}"));
    }
    let audience = section.string("audience", "the audience of the exchanged token");
    let scopes = section.some_strings("scopes", "the scopes that carry the target's audience");
    if scopes.iter().any(|scope| scope.contains(|c: char| c.is_whitespace() || c.is_control())) {
        section.problem("scopes", "must be one scope per string");
    }
    let client = section
        .section("client", "[targets.client] with id and method")
        .and_then(|section| client(section, folder));
    Some(Target {
        target: exchange::Target { name: name?, audience: audience? },
        issuer: issuer?,
        scopes,
        client: client?,
    })
}

fn client(section: Section<'_>, folder: &Path) -> Option<ClientCredential> {
    let allowed = "client_secret_basic, client_secret_post, private_key_jwt";
    let id = section.string("id", "the client id of this STS at the issuer");
    section.string("method", &format!("one of {allowed}"));
    let method = section.word("method", allowed, None::<Method>);
    let credential = match method? {
        Method::ClientSecretBasic => secret(&section, folder)
            .zip(id)
            .map(|(secret, id)| ClientCredential::Basic { id, secret }),
        Method::ClientSecretPost => secret(&section, folder)
            .zip(id)
            .map(|(secret, id)| ClientCredential::Post { id, secret }),
        Method::PrivateKeyJwt => {
            key(&section, folder).zip(id).map(|(key, id)| ClientCredential::Assertion { id, key })
        }
    };
    section.finish();
    credential
}

fn secret(section: &Section<'_>, folder: &Path) -> Option<ClientSecret> {
    let path = files::required(section, "secret_file", folder, "the file of the client secret")?;
    ClientSecret::open(path).map_err(|error| section.problem("secret_file", error.to_string())).ok()
}

fn key(section: &Section<'_>, folder: &Path) -> Option<AssertionKey> {
    let what = "the file of the private key (PEM, PKCS#8)";
    let path = files::required(section, "key_file", folder, what);
    section.string("algorithm", "RS256, PS256 or ES256");
    let algorithm = section.word("algorithm", "RS256, PS256, ES256", None::<AssertionAlgorithm>);
    let key_id = section.optional_string("key_id");
    let certificate = files::optional(section, "certificate_file", folder);
    let rules = AssertionRules {
        reader: Reader::Keycloak,
        algorithm: algorithm?,
        key_id,
        thumbprint: Thumbprint::Sha256,
    };
    AssertionKey::open(path?, certificate, rules)
        .map_err(|error| section.problem(error.setting(), error.to_string()))
        .ok()
}
