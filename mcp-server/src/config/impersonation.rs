//! `[cluster.impersonation]`: acting for people at an API server that cannot be told of their identity provider.
//!
//! The words are those of Kubernetes' `AuthenticationConfiguration` where it has one, and those of the gateway's issuers
//! otherwise. It is the only setting by which this server has a credential, and it is off unless the table is there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ::http::Uri;
use obolus_core::config::brought::Notice;
use obolus_core::config::{Section, algorithms, issuer_fault, provider};
use obolus_core::token::{IssuerRules, Profile, Provider};

use super::name_prefix::{NamePrefix, PrefixFault};
use super::values;
use crate::cluster::{check_key_file, check_token_file};

const TABLE: &str = "impersonation";
/// `impersonation` stands in logs where another issuer's name would.
const ISSUER: &str = "impersonation";

/// As whom people act at a cluster, and what has to be proved of them first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImpersonationConfig {
    /// The server's own credential at this API server.
    pub token_file: PathBuf,
    /// What people's tokens must look like.
    pub rules: Arc<IssuerRules>,
    /// Where the keys are that they are verified with.
    pub keys: KeysFrom,
    /// How often keys are fetched: the longest that a removed key is still believed here.
    pub keys_refresh: Duration,
    /// How long keys are believed that nobody confirms.
    pub keys_max_stale: Duration,
    /// What people are called at the API server.
    pub names: NamesConfig,
}

/// Where an issuer's keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeysFrom {
    /// At its `jwks_uri`.
    Url {
        /// https.
        uri: Uri,
        /// The CAs that may have signed its certificate; without it, the system's.
        certificate_authority: Option<PathBuf>,
    },
    /// In a file, which somebody keeps new.
    File(PathBuf),
}

/// Which claims name people and groups, and what is put before them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamesConfig {
    /// `Impersonate-User`.
    pub username: Named,
    /// `Impersonate-Group`, if groups are passed on at all.
    pub groups: Option<Named>,
    /// The groups that are passed on, as the token says them; without it, all.
    pub allowed_groups: Option<BTreeSet<String>>,
    /// `Impersonate-Uid`.
    pub uid_claim: Option<String>,
}

/// A claim, and what is put before its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// At the top of the token's claims.
    pub claim: String,
    /// So that nobody has a name of the cluster's own.
    pub prefix: NamePrefix,
}

impl ImpersonationConfig {
    /// What an operator should know, wherever it is on.
    #[must_use]
    pub fn notice(&self, cluster: Option<&str>) -> Notice {
        let path = match cluster {
            None => "cluster.impersonation".to_owned(),
            Some(name) => format!("clusters.{name}.impersonation"),
        };
        Notice::new(
            &path,
            "is on: this server has a credential of its own at this API server, by which it may act as whomever RBAC lets it \
             impersonate. It verifies people's tokens itself, and sends their names in place of the tokens; its RBAC should \
             name the users and groups (resourceNames). Leave it out wherever the API server can be told of the identity provider",
        )
    }
}

/// What `[cluster.impersonation]` says, and the audiences that people's tokens for this cluster have.
pub(super) fn read(
    cluster: &Section<'_>,
    folder: &Path,
) -> Option<(Option<ImpersonationConfig>, Vec<String>)> {
    let section = cluster.optional_section(TABLE)?;
    if cluster.has(super::clusters::AUDIENCE) {
        cluster.problem(
            super::clusters::AUDIENCE,
            "is said by impersonation.audiences where people are impersonated: leave it out here",
        );
    }
    let token_file = token_file(&section, folder);
    let rules = rules(&section);
    let provider = rules.as_ref().map(|rules| &rules.provider);
    let keys = keys(&section, folder, provider);
    let keys_refresh = section.integer("keys_refresh_seconds", 60, 1..=3600);
    let keys_max_stale = section.integer("keys_max_stale_seconds", 3600, 60..=86_400);
    if keys_max_stale < keys_refresh {
        section.problem(
            "keys_max_stale_seconds",
            "must be at least keys_refresh_seconds, or there would be no keys in between",
        );
    }
    let audiences =
        section.some_strings("audiences", "what people's tokens for this cluster carry in aud");
    let names = names(&section, provider);
    section.finish();
    let built = || {
        Some(ImpersonationConfig {
            token_file: token_file?,
            rules: Arc::new(rules?),
            keys: keys?,
            keys_refresh: Duration::from_secs(keys_refresh),
            keys_max_stale: Duration::from_secs(keys_max_stale),
            names: names?,
        })
    };
    Some((built(), audiences))
}

fn token_file(section: &Section<'_>, folder: &Path) -> Option<PathBuf> {
    const KEY: &str = "token_file";
    section.string(
        KEY,
        "the file of this server's own token at this API server, a service account's that may impersonate",
    );
    let file = values::file(section, KEY, folder)?;
    if let Err(reason) = check_token_file(&file) {
        section.problem(KEY, reason);
    }
    Some(file)
}

fn rules(section: &Section<'_>) -> Option<IssuerRules> {
    let provider = provider(section, "authority_host");
    let profile = provider.as_ref().map(Provider::profile).unwrap_or_default();
    let algorithms = algorithms(section, "algorithms", profile);
    let clock_skew_seconds = section.integer("clock_skew_seconds", 30, 0..=300);
    let provider = provider?;
    if let Some(fault) = issuer_fault(&provider) {
        section.problem("issuer", fault);
    }
    if provider.entra().is_some_and(|tenants| tenants.list().len() > 1) {
        section.problem(
            "tenants",
            "must be one: people of two tenants may have the same names, and the API server would take them for the same",
        );
    }
    Some(IssuerRules { name: ISSUER.to_owned(), provider, algorithms, clock_skew_seconds })
}

fn keys(section: &Section<'_>, folder: &Path, provider: Option<&Provider>) -> Option<KeysFrom> {
    const URI: &str = "jwks_uri";
    const FILE: &str = "jwks_file";
    const CA: &str = "certificate_authority";
    let uri = section.optional_string(URI);
    let file = values::file(section, FILE, folder);
    let authority = values::file(section, CA, folder);
    if let Some(file) = file {
        if uri.is_some() {
            section.problem(FILE, "stands beside jwks_uri: write one of the two");
        }
        if section.has(CA) {
            section.problem(CA, "is for jwks_uri, and there is none: leave it out");
        }
        if let Err(reason) = check_key_file(&file) {
            section.problem(FILE, reason);
        }
        return Some(KeysFrom::File(file));
    }
    if let Err(error) = crate::tls::client_config(authority.as_deref()) {
        section.problem(CA, error.to_string());
    }
    let of_tenant = provider.and_then(Provider::entra).and_then(|tenants| {
        let tenant = tenants.list().first()?;
        Some(format!("{}/{tenant}/discovery/v2.0/keys", tenants.authority_host()))
    });
    let is_entra = provider.is_some_and(|provider| provider.profile() == Profile::Entra);
    let uri = match (uri, is_entra) {
        (Some(_), true) => {
            section.problem(URI, "follows from authority_host and the tenant: leave it out");
            None
        }
        (None, true) => of_tenant,
        (Some(uri), false) => Some(uri),
        (None, false) => {
            // A key of the wrong type has had its problem.
            if !section.has(URI) && !section.has(FILE) {
                section.problem(
                    URI,
                    "is missing: write the URL that the issuer's discovery document has as jwks_uri, or jwks_file",
                );
            }
            None
        }
    }?;
    let parsed = values::plain_https(&uri);
    if parsed.is_none() {
        section.problem(
            URI,
            "must be an https URL without user, query, fragment or escapes, such as https://idp.example.com/keys",
        );
    }
    Some(KeysFrom::Url { uri: parsed?, certificate_authority: authority })
}

fn names(section: &Section<'_>, provider: Option<&Provider>) -> Option<NamesConfig> {
    let is_entra = provider.is_some_and(|provider| provider.profile() == Profile::Entra);
    let username = claim(section, "username_claim");
    if username.is_none() && !section.has("username_claim") {
        section.problem(
            "username_claim",
            "is missing: write the claim that names a person for good, such as sub, or oid of Entra ID",
        );
    }
    if is_entra && username.as_deref() == Some("email") {
        section.problem(
            "username_claim",
            "must not be email with Entra ID, which does not verify it: write oid",
        );
    }
    let username_prefix = prefix(section, "username_prefix", username.is_some());
    let groups = claim(section, "groups_claim");
    let groups_prefix = prefix(section, "groups_prefix", groups.is_some());
    let allowed = section.strings("allowed_groups");
    let allowed_groups = section.has("allowed_groups").then(|| allowed.into_iter().collect());
    if !section.has("groups_claim") {
        for key in ["groups_prefix", "allowed_groups"] {
            if section.has(key) {
                section.problem(key, "is for groups, and no groups_claim says where they are: write it, or leave this out");
            }
        }
    }
    let uid_claim = claim(section, "uid_claim");
    let groups = match groups {
        Some(claim) => Some(Named { claim, prefix: groups_prefix? }),
        None => None,
    };
    let username = Named { claim: username?, prefix: username_prefix? };
    Some(NamesConfig { username, groups, allowed_groups, uid_claim })
}

fn claim(section: &Section<'_>, key: &str) -> Option<String> {
    section.optional_string(key)
}

fn prefix(section: &Section<'_>, key: &str, is_needed: bool) -> Option<NamePrefix> {
    if !section.has(key) {
        if is_needed {
            section.problem(
                key,
                "is missing: write what the API server knows these names by, such as \"kc:\"; without one, somebody could have \
                 a name of the cluster's own",
            );
        }
        return None;
    }
    match NamePrefix::try_from(section.optional_string(key)?.as_str()) {
        Ok(prefix) => Some(prefix),
        Err(PrefixFault::Reserved) => {
            section.problem(
                key,
                "must not begin with system:, nor be what system: begins with: those names are the cluster's own",
            );
            None
        }
        Err(PrefixFault::Unfit) => {
            section.problem(
                key,
                "must be at most 64 printable ASCII characters without spaces, such as \"kc:\"",
            );
            None
        }
    }
}

#[cfg(test)]
mod tests;
