//! The tenants of an Entra issuer, as the filter and the STS both read them.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Section;
use crate::token::{EntraTenants, TenantId};

/// The GUID that is none (RFC 9562 §5.9).
const NONE: &str = "00000000-0000-0000-0000-000000000000";
const WHAT: &str =
    "the GUIDs of the tenants whose people may come in (Entra calls it Directory (tenant) ID)";

const ONE: &str = "the GUID of the tenant (Entra calls it Directory (tenant) ID)";

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
    if tenants.len() > EntraTenants::MAX {
        section.problem(
            "tenants",
            format!(
                "must be at most {}, since the keys of each are fetched and kept: write more issuers of profile entra",
                EntraTenants::MAX
            ),
        );
    }
    EntraTenants::new(authority_host(section, authority_host_key), tenants)
}

/// The one tenant at `key`, and the authority host; without what is wrong with them, which is noted.
#[must_use]
pub fn entra_tenant(section: &Section<'_>, key: &str, authority_host_key: &str) -> EntraTenants {
    let name = section.string(key, ONE);
    let tenant = name.and_then(|name| match tenant(&name) {
        Ok(tenant) => Some(tenant),
        Err(why) => {
            section.problem(key, format!("`{name}` {why}: write {ONE}"));
            None
        }
    });
    EntraTenants::new(authority_host(section, authority_host_key), tenant.into_iter().collect())
}

fn authority_host(section: &Section<'_>, key: &str) -> String {
    let host = section.optional_string(key);
    let host = host.unwrap_or_else(|| EntraTenants::GLOBAL.to_owned());
    if let Err(why) = check_authority_host(&host) {
        section.problem(key, why);
    }
    host
}

fn tenant(name: &str) -> Result<TenantId, &'static str> {
    match TenantId::parse(name) {
        Some(tenant) if tenant.is_personal_accounts() => {
            Err("is the tenant of personal Microsoft accounts, which anybody can have")
        }
        Some(tenant) if tenant.as_str() == NONE => Err("is nobody's tenant, but a placeholder"),
        Some(tenant) => Ok(tenant),
        None if matches!(name, "common" | "organizations" | "consumers" | "*") => {
            Err("is no tenant, and would let in the people of all of them")
        }
        None => Err("is not a GUID, and names may pass to others"),
    }
}

/// Scheme, host and port as they stand in `iss`: tokens are compared with them byte for byte. What is wrong is told
/// without the text, which may hold anything.
fn check_authority_host(host: &str) -> Result<(), String> {
    let bare = host.trim_end_matches('/').strip_prefix("https://");
    let meant = bare.and_then(EntraTenants::authority_of);
    if let Some(meant) = meant.filter(|meant| meant.strip_prefix("https://") != bare) {
        return Err(format!(
            "is another name of {meant}, which is the one that tokens have: write that"
        ));
    }
    if host.strip_prefix("https://").is_some_and(is_authority) {
        return Ok(());
    }
    Err(format!(
        "must be https, a host in lower case, perhaps a port, and nothing else, such as {}",
        EntraTenants::GLOBAL
    ))
}

/// A host, and a port that is not the default one, in the one spelling that a browser leaves them in.
fn is_authority(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let is_port = |text: &str| {
        text.parse::<u16>().is_ok_and(|port| ![0, 443].contains(&port) && port.to_string() == text)
    };
    port.is_none_or(is_port) && is_host(host)
}

fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok_and(|parsed| parsed.to_string() == address);
    }
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    // A host that ends in a number is an IPv4 address (WHATWG URL, "ends in a number"), however it is written.
    let last = host.rsplit('.').next().unwrap_or_default();
    let ends_in_number = last.bytes().all(|b| b.is_ascii_digit())
        || last.strip_prefix("0x").is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
    if ends_in_number { host.parse::<Ipv4Addr>().is_ok() } else { host.split('.').all(is_label) }
}
