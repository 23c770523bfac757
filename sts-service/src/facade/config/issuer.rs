//! `issuer`: who the façade is to clients, byte for byte (RFC 8414 §3.3).

use obolus_core::config::Section;
use obolus_core::login::{FacadeIssuer, Resources};
use obolus_core::token::EntraTenants;

const WHAT: &str =
    "the façade's own URL below the gateway's host, such as https://mcp.example.com/oauth";

pub(super) fn read(
    top: &Section<'_>,
    tenants: Option<&EntraTenants>,
    resources: &Resources,
) -> Option<FacadeIssuer> {
    let text = top.string("issuer", WHAT)?;
    let problem = |message: String| {
        top.problem("issuer", message);
        None
    };
    if tenants.is_some_and(|tenants| is_theirs(&text, tenants)) {
        return problem(format!(
            "is the identity provider's: metadata that name it and stand elsewhere are another's, and clients have to \
             reject them (RFC 8414 §3.3); write {WHAT}"
        ));
    }
    if text.contains("/.well-known/") {
        return problem(
            "is where metadata stand: write the issuer, which is what they have as `issuer`"
                .to_owned(),
        );
    }
    if text.ends_with('/') {
        return problem(
            "ends with a slash: some clients cut it off, some add it, and each then finds another issuer than it looked \
             for (RFC 8414 §3.3); leave it out"
                .to_owned(),
        );
    }
    let issuer = match FacadeIssuer::parse(&text) {
        Ok(issuer) => issuer,
        Err(error) => return problem(format!("{error}: write {WHAT}")),
    };
    if resources.list().iter().any(|resource| resource.url().to_string() == text) {
        return problem(format!(
            "is a resource's URL, below which the endpoints would be the MCP server's: write {WHAT}"
        ));
    }
    Some(issuer)
}

/// The identity provider's host, its v1 issuers included.
fn is_theirs(issuer: &str, tenants: &EntraTenants) -> bool {
    let host = |url: &str| {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        rest.split('/').next().unwrap_or_default().to_ascii_lowercase()
    };
    let own = host(issuer);
    own == host(tenants.authority_host()) || EntraTenants::authority_of(&own).is_some()
}
