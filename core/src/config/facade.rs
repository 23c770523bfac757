//! `facade` of an issuer in the filter's configuration: where its people log in, when not at the issuer itself.

use std::sync::Arc;

use super::Section;
use crate::login::FacadeIssuer;
use crate::metadata::ResourceUrlError;
use crate::token::{EntraTenants, Provider};

/// A login façade in front of one tenant of Entra ID: an issuer of ours, served by a process of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facade {
    /// The configured name of the issuer whose tokens people get there.
    pub issuer_name: String,
    /// What clients know as the authorization server.
    pub issuer: FacadeIssuer,
    /// The Envoy clusters that serve it. Nothing but its own URLs leads there.
    pub clusters: Vec<String>,
}

const NOT_ENTRA: &str = "is for issuers whose profile is entra: this one says who it is in what it sends back through the \
     browser (`iss`, RFC 9207), as Keycloak does, and clients reject an issuer under another name (RFC 8414 §3.3): \
     leave it out, and clients are sent to the issuer itself";

/// Reads `facade` of an issuer of this name and provider.
pub(super) fn facade(
    issuer: &Section<'_>,
    name: Option<&str>,
    provider: Option<&Provider>,
) -> Option<Arc<Facade>> {
    let section = issuer.optional_section("facade")?;
    match provider {
        Some(Provider::Entra(tenants)) if tenants.list().len() > 1 => issuer.problem(
            "facade",
            format!(
                "leads to one tenant, and `tenants` has {}: write an issuer for each, with a façade on a host of its \
                 own",
                tenants.list().len()
            ),
        ),
        Some(Provider::Keycloak(_) | Provider::Oidc(_)) => issuer.problem("facade", NOT_ENTRA),
        Some(Provider::Entra(_)) | None => {}
    }
    let own =
        section.string("issuer", "the façade's own URL, such as https://mcp.example.com/oauth");
    let clusters = section.some_strings("clusters", "the Envoy clusters of obolus-facade");
    let own = own.and_then(|text| match facade_issuer(&text, provider.and_then(Provider::entra)) {
        Ok(own) => Some(own),
        Err(why) => {
            section.problem("issuer", why);
            None
        }
    });
    section.finish();
    Some(Arc::new(Facade { issuer_name: name?.to_owned(), issuer: own?, clusters }))
}

/// Reads the issuer of a façade before these tenants: one that clients take, at a host that is not the identity provider's.
///
/// # Errors
/// What is wrong with it, and what to write.
pub fn facade_issuer(text: &str, theirs: Option<&EntraTenants>) -> Result<FacadeIssuer, String> {
    const COMPARED: &str = "clients compare an issuer byte for byte with the document that it leads to (RFC 8414 §3.3)";
    let bare = text.trim_end_matches('/');
    if bare != text && FacadeIssuer::parse(bare).is_ok() {
        return Err(format!("has a slash at its end, and {COMPARED}: write {bare}"));
    }
    let issuer = FacadeIssuer::parse(text).map_err(|error| match error {
        ResourceUrlError::NotCanonical => format!("{error}: {COMPARED}"),
        _ => error.to_string(),
    })?;
    let is_theirs = |tenants: &EntraTenants| {
        tenants
            .authority_host()
            .strip_prefix("https://")
            .is_some_and(|host| issuer.is_at_authority(host))
    };
    if EntraTenants::authority_of(issuer.authority()).is_some() || theirs.is_some_and(is_theirs) {
        return Err(
            "is at the identity provider's host: the façade is ours, and so is its URL, such as \
             https://mcp.example.com/oauth"
                .to_owned(),
        );
    }
    Ok(issuer)
}
