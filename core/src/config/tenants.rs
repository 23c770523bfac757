//! The tenants of an Entra issuer, as the filter and the STS both read them.

use http::Uri;

use super::Section;
use crate::token::{EntraTenants, TenantId};

const WHAT: &str =
    "the GUIDs of the tenants whose people may come in (Entra calls it Directory (tenant) ID)";

/// `tenants` and the authority host; without what is wrong with them, which is noted.
#[must_use]
pub fn entra_tenants(section: &Section<'_>, authority_host_key: &str) -> EntraTenants {
    let mut tenants: Vec<TenantId> = Vec::new();
    let names = section.some_strings("tenants", WHAT);
    for name in &names {
        match tenant(name) {
            Ok(tenant) if tenants.contains(&tenant) => {
                section.problem("tenants", format!("`{name}` stands here twice"));
            }
            Ok(tenant) => tenants.push(tenant),
            Err(why) => section.problem("tenants", format!("`{name}` {why}: write {WHAT}")),
        }
    }
    let host = section.optional_string(authority_host_key);
    let host = host.unwrap_or_else(|| EntraTenants::GLOBAL.to_owned());
    if let Err(why) = check_authority_host(&host) {
        section.problem(authority_host_key, why);
    }
    EntraTenants::new(host, tenants)
}

fn tenant(name: &str) -> Result<TenantId, &'static str> {
    match TenantId::parse(name) {
        Some(tenant) if tenant.is_personal_accounts() => {
            Err("is the tenant of personal Microsoft accounts, which anybody can have")
        }
        Some(tenant) => Ok(tenant),
        None if matches!(name, "common" | "organizations" | "consumers" | "*") => {
            Err("is no tenant, and would let in the people of all of them")
        }
        None => Err("is not a GUID, and names may pass to others"),
    }
}

/// Scheme, host and port as they stand in `iss`: tokens are compared with them byte for byte.
fn check_authority_host(host: &str) -> Result<(), String> {
    if matches!(
        host.trim_end_matches('/'),
        "https://login.windows.net" | "https://login.microsoft.com" | "https://sts.windows.net"
    ) {
        return Err(format!(
            "is another name of {}, which is the one that tokens have: write that",
            EntraTenants::GLOBAL
        ));
    }
    let is_origin = |uri: Uri| {
        let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        host == format!("https://{authority}")
            && !authority.is_empty()
            && !authority.contains('@')
            && !authority.ends_with(":443")
            && authority == authority.to_ascii_lowercase()
    };
    if host.parse().is_ok_and(is_origin) {
        return Ok(());
    }
    Err(format!(
        "must be https, a host in lower case and nothing else, such as {}",
        EntraTenants::GLOBAL
    ))
}
