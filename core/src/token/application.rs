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
/// words tells nothing of the id. A slash at the end tells no two apart.
#[must_use]
pub fn is_same(one: &str, other: &str) -> bool {
    let id = |text: &str| without_scheme(text).to_ascii_lowercase();
    id(one) == id(other)
}

/// The id in an audience: `<GUID>` or `api://<GUID>`.
#[must_use]
pub fn id_of(audience: &str) -> Option<&str> {
    Some(without_scheme(audience)).filter(|id| is_guid(id))
}

fn without_scheme(text: &str) -> &str {
    let text = text.strip_suffix('/').unwrap_or(text);
    text.strip_prefix("api://").unwrap_or(text)
}

/// What a scope is called in `scp`: the part after its API. `None` when the scope is of another API than the one that
/// `audiences` name, each by itself and a GUID as `<GUID>` and `api://<GUID>` whichever of them is listed.
#[must_use]
pub fn scope_name<'s>(scope: &'s str, audiences: &[String]) -> Option<&'s str> {
    let after =
        |api: &str| scope.strip_prefix(api)?.strip_prefix('/').filter(|name| !name.is_empty());
    let names = audiences.iter().flat_map(|audience| {
        let short = audience.strip_suffix('/').unwrap_or(audience);
        let by_id =
            id_of(audience).and_then(|id| after(id).or_else(|| after(&format!("api://{id}"))));
        [after(audience), after(short), by_id]
    });
    // Names of APIs may begin alike: the longest is meant, which leaves the shortest name.
    names.flatten().min_by_key(|name| name.len())
}

/// Whether this is Microsoft Graph, in any cloud, or the older Azure AD Graph.
#[must_use]
pub fn is_graph(audience: &str) -> bool {
    let audience = audience.strip_suffix('/').unwrap_or(audience).to_ascii_lowercase();
    matches!(
        audience.as_str(),
        "00000003-0000-0000-c000-000000000000"
            | "https://graph.microsoft.com"
            | "https://graph.microsoft.us"
            | "https://dod-graph.microsoft.us"
            | "https://microsoftgraph.chinacloudapi.cn"
            | "00000002-0000-0000-c000-000000000000"
            | "https://graph.windows.net"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const API: &str = "bbbbbbbb-0000-4000-8000-00000000000b";

    #[test]
    fn a_slash_at_the_end_and_the_case_tell_no_two_applications_apart() {
        let uri = format!("api://{API}");
        for (one, other, same) in [
            (API, uri.as_str(), true),
            (&API.to_uppercase(), &uri, true),
            ("api://mcp/", "api://mcp", true),
            ("https://mcp.example.com/", "https://mcp.example.com", true),
            ("api://mcp", "api://mcp2", false),
            (API, "api://mcp", false),
        ] {
            assert_eq!(is_same(one, other), same, "{one} {other}");
        }
        assert!(is_graph("https://Graph.Microsoft.com/") && !is_graph("https://graph.example.com"));
    }

    #[test]
    fn a_scopes_name_is_all_that_follows_its_own_api_and_another_api_has_none() {
        let audiences =
            [API, "https://mcp.example.com", "https://mcp.example.com/team", "api://slash/"];
        let audiences = audiences.map(str::to_owned);
        for (scope, name) in [
            (format!("{API}/x"), Some("x")),
            (format!("api://{API}/cluster/admin"), Some("cluster/admin")),
            ("https://mcp.example.com/tools".to_owned(), Some("tools")),
            ("https://mcp.example.com/team/tools".to_owned(), Some("tools")),
            ("https://mcp.example.com/teams".to_owned(), Some("teams")),
            ("api://slash//x".to_owned(), Some("x")),
            ("api://slash/x".to_owned(), Some("x")),
            ("x".to_owned(), None),
            (format!("api://{API}"), None),
            (format!("api://{API}/"), None),
            (format!("api://{API}0/x"), None),
            ("api://other/x".to_owned(), None),
            ("https://mcp.example.com.evil/x".to_owned(), None),
        ] {
            assert_eq!(scope_name(&scope, &audiences), name, "{scope}");
        }
    }
}
