//! `issuer`: who the façade is to clients, byte for byte (RFC 8414 §3.3), by the same rule as in the filter's configuration.

use obolus_core::config::{Section, facade_issuer};
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
    let issuer = facade_issuer(&text, tenants)
        .map_err(|why| top.problem("issuer", format!("{why}; write {WHAT}")))
        .ok()?;
    if text.contains("/.well-known/") {
        top.problem(
            "issuer",
            "is where metadata stand: write the issuer, which is what they have as `issuer`",
        );
    }
    if resources.list().iter().any(|resource| resource.url().to_string() == text) {
        top.problem(
            "issuer",
            format!("is a resource's URL, below which the endpoints would be the MCP server's: write {WHAT}"),
        );
    }
    Some(issuer)
}
