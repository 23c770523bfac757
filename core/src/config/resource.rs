//! A protected resource in the filter's configuration.

use std::sync::Arc;

use super::access::access;
use super::filter::to_usize;
use super::issuers::Issuers;
use super::names::{check_name, not_configured};
use super::sessions::{SessionSettings, sessions};
use super::targets::targets;
use super::{Section, Targets, allowed_origins, entra_resource, scopes};
use crate::audit::{MAX_CHOSEN, MAX_CHOSEN_NAME_BYTES};
use crate::metadata::ResourceUrl;
use crate::policy::Access;
use crate::token::IssuerRules;

/// How long a body may be where the configuration does not say: Envoy's own default.
pub const DEFAULT_MAX_BODY_BYTES: u64 = 1 << 20;

/// How long a list may be where the configuration does not say. A list of 50 tools has some tens of kilobytes.
pub const DEFAULT_MAX_LIST_BYTES: u64 = 4 << 20;

/// One protected resource: an MCP endpoint with a public URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its name in metrics, audit records and metadata.
    pub name: String,
    /// Its identifier.
    pub url: ResourceUrl,
    /// The Envoy clusters that serve it, none of which is reached without a permit.
    pub clusters: Vec<String>,
    /// Whose tokens it accepts.
    pub issuers: Vec<Arc<IssuerRules>>,
    /// Where clients are sent for a token (RFC 9728 §2, `authorization_servers`), byte for byte.
    pub authorization_servers: Vec<String>,
    /// The public client that was registered for people whose client cannot register itself. The page shows it, and
    /// nothing else rests on it.
    pub client_id: Option<String>,
    /// The audiences, any one of which a token must have.
    pub audiences: Vec<String>,
    /// The scopes, all of which a token must carry.
    pub required_scopes: Vec<String>,
    /// Who may use what. Without it, whoever has the required scopes may use everything.
    pub access: Option<Access>,
    /// Where the keys of its sessions stand. Without it, no session goes through.
    pub sessions: Option<SessionSettings>,
    /// What tokens are exchanged for.
    pub targets: Targets,
    /// The `Origin`s that may call from a browser.
    pub allowed_origins: Vec<String>,
    /// The longest body, in bytes. Envoy's own buffer must be larger.
    pub max_body_bytes: usize,
    /// The longest answer to a list request, or event of one, in bytes, where [`Self::access`] has it cut. Envoy's own
    /// buffer must be larger.
    pub max_list_bytes: usize,
    /// The arguments of calls that audit records show, by name.
    pub audit_arguments: Vec<String>,
}

/// `issuer_names` are all that were written, also of issuers that have a fault.
pub(super) fn resource(
    section: Section<'_>,
    issuers: &Issuers,
    issuer_names: &[&str],
) -> Option<Resource> {
    let name = section.string("name", "a short name, such as kubernetes");
    check_name(&section, name.as_deref());
    let url = section
        .string("resource", "the public URL, such as https://mcp.example.com/mcp")
        .and_then(|text| match ResourceUrl::parse(&text) {
            Ok(url) => Some(url),
            Err(error) => {
                section.problem("resource", error.to_string());
                None
            }
        });
    let clusters = section.some_strings("clusters", "the Envoy clusters that serve it");
    let names = section.some_strings("issuers", "the names of issuers");
    let resource_issuers: Vec<_> = names
        .iter()
        .enumerate()
        .filter_map(|(index, name)| {
            if names.iter().take(index).any(|earlier| earlier == name) {
                section.problem("issuers", format!("`{name}` stands here twice"));
            }
            let rules = issuers.all.iter().find(|rules| rules.name == *name).cloned();
            if rules.is_none() && !issuer_names.contains(&name.as_str()) {
                section.problem("issuers", not_configured(name, issuer_names));
            }
            rules
        })
        .collect();
    let authorization_servers = resource_issuers
        .iter()
        .flat_map(|rules| match issuers.facade_of(&rules.name) {
            Some(facade) => vec![facade.issuer.to_string()],
            None => rules.provider.authorization_servers(),
        })
        .collect();
    let client_id = client_id(&section);
    let audiences = audiences(&section, url.as_ref());
    let required_scopes = scopes::required(&section);
    let targets = targets(&section);
    entra_resource::check(
        &section,
        &resource_issuers,
        &audiences,
        &required_scopes,
        targets.as_ref(),
    );
    let name_or_none = name.as_deref().unwrap_or_default();
    let access = access(&section, name_or_none, &resource_issuers, &audiences);
    let sessions = sessions(&section);
    let allowed_origins = allowed_origins(&section, "allowedOrigins");
    let max_body_bytes =
        to_usize(section.integer("maxBodyBytes", DEFAULT_MAX_BODY_BYTES, 1024..=(16 << 20)));
    let max_list_bytes =
        to_usize(section.integer("maxListBytes", DEFAULT_MAX_LIST_BYTES, 1024..=(16 << 20)));
    let audit_arguments = audit_arguments(&section);
    section.finish();
    Some(Resource {
        name: name?,
        url: url?,
        clusters,
        issuers: resource_issuers,
        authorization_servers,
        client_id,
        audiences,
        required_scopes,
        access,
        sessions,
        targets: targets?,
        allowed_origins,
        max_body_bytes,
        max_list_bytes,
        audit_arguments,
    })
}

/// People copy it into commands, so it has no character that a shell or a quoted text would read as anything else.
fn client_id(section: &Section<'_>) -> Option<String> {
    let id = section.optional_string("clientId")?;
    let is_plain = id.len() <= 256
        && id.starts_with(|first: char| first.is_ascii_alphanumeric())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~:/".contains(&byte));
    if !is_plain {
        section.problem(
            "clientId",
            "must be the id of a public client: at most 256 letters, digits and - . _ ~ : /, and a letter or digit first",
        );
    }
    is_plain.then_some(id)
}

/// None unless they are named: what people ask for may be confidential.
fn audit_arguments(section: &Section<'_>) -> Vec<String> {
    let names = section.strings("auditArguments");
    if names.len() > MAX_CHOSEN {
        section.problem("auditArguments", format!("must be at most {MAX_CHOSEN} names"));
    }
    let fits = |name: &String| (1..=MAX_CHOSEN_NAME_BYTES).contains(&name.len());
    if !names.iter().all(fits) {
        section.problem(
            "auditArguments",
            format!("each must be the name of an argument, such as namespace: at most {MAX_CHOSEN_NAME_BYTES} bytes"),
        );
    }
    names
}

/// The resource's own URL unless others are named.
fn audiences(section: &Section<'_>, url: Option<&ResourceUrl>) -> Vec<String> {
    if !section.has("audiences") {
        return url.map(ToString::to_string).into_iter().collect();
    }
    let audiences = section.some_strings("audiences", "the resource's URL or a client id");
    if audiences.iter().any(|audience| audience == "account") {
        section.problem(
            "audiences",
            "`account` stands in every token of a Keycloak realm: write the resource's URL, and give the \
             client scope an audience mapper",
        );
    }
    audiences
}
