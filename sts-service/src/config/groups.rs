//! `[targets.groups]`: whether Microsoft Graph is asked for the groups that Entra ID leaves out of a token, and where it
//! is.

use obolus_core::config::Section;
use obolus_core::exchange;
use obolus_core::token::EntraTenants;

use super::{ExchangedBy, Issuer, is_https};

const GLOBAL: &str = "https://graph.microsoft.com";

/// Where groups are asked for, and what a token for that is asked by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    /// Scheme, host and port.
    pub graph: String,
    /// The one scope: all of Graph's that were consented to.
    pub scope: String,
    /// The target's name, and Graph as its audience.
    pub target: exchange::Target,
}

pub(super) fn read(
    section: Section<'_>,
    name: Option<&str>,
    exchanged_by: Option<ExchangedBy>,
    issuer: &Issuer,
) -> Option<Groups> {
    let given = section.optional_string("graph");
    if exchanged_by == Some(ExchangedBy::Keycloak) {
        section.problem("graph", "is Entra ID's: leave [targets.groups] out");
        section.finish();
        return None;
    }
    let authority = issuer.rules.provider.entra().map(EntraTenants::authority_host);
    let known = of_cloud(authority.unwrap_or_default());
    let graph = given.or_else(|| known.first().map(|graph| (*graph).to_owned()));
    match graph.as_deref() {
        None => section.problem(
            "graph",
            "is missing: write Graph's scheme and host, which do not follow from this authority_host",
        ),
        // A token that opens the person's Graph goes there.
        Some(graph) if !known.is_empty() && !known.contains(&graph) => {
            section.problem("graph", format!("must be this cloud's: {}", known.join(" or ")));
        }
        Some(graph) if !is_origin(graph) => section.problem(
            "graph",
            format!("must be https, a host and nothing else, such as {GLOBAL}"),
        ),
        Some(_) => {}
    }
    section.finish();
    let graph = graph?;
    let resource = if known.contains(&graph.as_str()) { graph.as_str() } else { GLOBAL };
    let target = exchange::Target { name: name?.to_owned(), audience: resource.to_owned() };
    Some(Groups { scope: format!("{resource}/.default"), target, graph })
}

/// Graph's hosts in the cloud of this authority host; none for anybody else's.
fn of_cloud(authority_host: &str) -> &'static [&'static str] {
    match authority_host {
        EntraTenants::GLOBAL => &[GLOBAL],
        EntraTenants::US_GOVERNMENT => {
            &["https://graph.microsoft.us", "https://dod-graph.microsoft.us"]
        }
        EntraTenants::CHINA => &["https://microsoftgraph.chinacloudapi.cn"],
        _ => &[],
    }
}

fn is_origin(url: &str) -> bool {
    is_https(url)
        && reqwest::Url::parse(url).is_ok_and(|parsed| parsed.origin().ascii_serialization() == url)
}
