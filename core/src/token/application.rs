//! How Entra ID names an application: by its id, a GUID, or by an App ID URI.

/// Whether this is a GUID with hyphens, in either case.
#[must_use]
pub fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Whether both name one application: its id, and the App ID URI that Entra ID proposes for it. An App ID URI of other
/// words tells nothing of the id.
#[must_use]
pub fn is_same(one: &str, other: &str) -> bool {
    let id = |text: &str| text.strip_prefix("api://").unwrap_or(text).to_ascii_lowercase();
    id(one) == id(other)
}

/// Whether this is Microsoft Graph, in any cloud, or the older Azure AD Graph.
#[must_use]
pub fn is_graph(audience: &str) -> bool {
    matches!(
        audience.strip_suffix('/').unwrap_or(audience),
        "00000003-0000-0000-c000-000000000000"
            | "https://graph.microsoft.com"
            | "https://graph.microsoft.us"
            | "https://dod-graph.microsoft.us"
            | "https://microsoftgraph.chinacloudapi.cn"
            | "00000002-0000-0000-c000-000000000000"
            | "https://graph.windows.net"
    )
}
