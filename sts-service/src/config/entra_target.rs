//! What an On-Behalf-Of request may ask for.
//!
//! Entra refuses most of these itself (AADSTS70011, 28000, 650053, 90009), but only when the first person comes, and
//! some it answers with a token that is of no use.

use std::collections::BTreeSet;

use obolus_core::config::Section;
use obolus_core::token::application::{id_of, is_graph, is_guid, is_same};

const DEFAULT: &str = ".default";
/// Entra gives these to every application; they ask for an ID token, a refresh token, or claims of the former.
const OF_SIGN_IN: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// Notes what is wrong with a target's scopes and audience, for a `client` that asks.
pub(super) fn check(
    section: &Section<'_>,
    scopes: &[String],
    audience: Option<&str>,
    client: Option<&str>,
) {
    let mut resources = BTreeSet::new();
    let mut names = BTreeSet::new();
    for scope in scopes {
        match split(scope) {
            Ok((resource, name)) => {
                resources.insert(resource);
                names.insert(name);
            }
            Err(why) => {
                // With the audience's GUID the line is finished.
                let id = audience.and_then(id_of).filter(|id| Some(*id) != client);
                let uri = id.map(|id| format!("api://{}", id.to_ascii_lowercase()));
                let fill = |why: String, uri: &String| {
                    why.replace("<the target's App ID URI>", uri).replace("<App ID URI>", uri)
                };
                let why = uri.iter().fold(why, fill);
                section.problem("scopes", format!("`{scope}` {why}"));
            }
        }
    }
    if resources.len() > 1 {
        let list = resources.iter().copied().collect::<Vec<_>>().join(", ");
        section.problem(
            "scopes",
            format!("one token is for one resource (AADSTS28000), and these are of several ({list}): write one target for each"),
        );
    }
    if names.contains(DEFAULT) && names.len() > 1 {
        section.problem(
            "scopes",
            "`.default` means all that was consented to, and stands alone (AADSTS70011): leave out the others, or it",
        );
    }
    let is_for_graph = resources.iter().any(|resource| is_graph(resource));
    for (key, is_graphs) in [("scopes", is_for_graph), ("audience", audience.is_some_and(is_graph))]
    {
        if is_graphs {
            section.problem(
                key,
                "is Microsoft Graph's: nobody but Graph can verify its tokens, so what came back would be refused here; \
                 write the target's own application",
            );
        }
    }
    if let Some(fault) = audience.and_then(upper_case) {
        section.problem("audience", fault);
    }
    let Some(client) = client else { return };
    if resources.iter().any(|resource| is_same(resource, client)) {
        section.problem(
            "scopes",
            "are of the STS's own application: the exchange would be to itself; write the target's, such as <the target's App ID URI>/.default",
        );
    }
    if audience.is_some_and(|audience| is_same(audience, client)) {
        section.problem(
            "audience",
            "is the STS's own application, for which the incoming tokens are: write the target's Application (client) ID",
        );
    }
}

/// Tokens have a GUID in lower case, and are compared byte for byte.
pub(super) fn upper_case(audience: &str) -> Option<String> {
    let lower = audience.to_ascii_lowercase();
    (id_of(audience).is_some() && lower != audience)
        .then(|| format!("`{audience}` would match no token: write it in lower case, {lower}"))
}

/// The resource that a target's scopes are of.
pub(super) fn resource(scopes: &[String]) -> Option<&str> {
    scopes.iter().find_map(|scope| split(scope).ok()).map(|(resource, _)| resource)
}

/// Resource and name. A resource that ends with a slash has two before the name.
fn split(scope: &str) -> Result<(&str, &str), String> {
    if OF_SIGN_IN.contains(&scope) {
        return Err(
            "is for signing in, and asks for nothing at the target: leave it out, and write the target's, such as <App ID URI>/.default"
                .to_owned(),
        );
    }
    let is_resource = |resource: &str| {
        is_guid(resource)
            || resource
                .split_once("://")
                .is_some_and(|(_, rest)| !rest.trim_matches('/').is_empty())
    };
    match scope.rsplit_once('/') {
        Some((resource, name)) if is_resource(resource) && !name.is_empty() => Ok((resource, name)),
        // `api://<GUID>` and the like: the last slash is one of the scheme's.
        Some(_) if is_resource(scope) => {
            Err(format!("names a resource and no scope: write {scope}/.default"))
        }
        _ => Err(format!(
            "has no resource, so Entra takes it for a permission of Microsoft Graph (AADSTS650053): write <the target's App ID URI>/{}",
            scope.trim_start_matches('/')
        )),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const A: &str = "6dae42f8-4368-4678-94ff-3960e28e3630";
    const B: &str = "11111111-2222-4333-8444-555555555555";

    fn problems(scopes: &[&str], audience: &str) -> Vec<String> {
        let value = json!({});
        let section = Section::top(&value).unwrap();
        let scopes: Vec<_> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        check(&section, &scopes, Some(audience), Some(B));
        let found = section.conclude(None::<()>).unwrap_err();
        found.list().iter().map(|p| format!("{}: {}", p.path, p.message)).collect()
    }

    #[test]
    fn scopes_are_of_one_resource_and_it_is_not_ourselves() {
        let own = |name: &str| format!("{B}/{name}");
        let own_uri = format!("api://{}/.default", B.to_uppercase());
        let (default, named, other) =
            (format!("{A}/.default"), format!("api://{A}/user.read"), format!("{A}/user.read"));
        for good in [
            &[default.as_str()][..],
            &[&named],
            &[&other, &format!("{A}/other")],
            &["https://management.core.windows.net//.default"],
            &["https://kubernetes.example.com/access"],
            &["api://kubernetes/.default"],
        ] {
            assert_eq!(problems(good, A), [": incomplete"], "{good:?}");
        }
        for (scopes, path, word) in [
            (&["openid"][..], "scopes", "signing in"),
            (&[&default, "offline_access"], "scopes", "`offline_access` is for signing in"),
            (&["user.read"], "scopes", &format!("write api://{A}/user.read")),
            (&[".default"], "scopes", "Microsoft Graph"),
            (&["/.default"], "scopes", &format!("write api://{A}/.default")),
            (&["kubernetes/.default"], "scopes", "Microsoft Graph"),
            (&["api://kubernetes"], "scopes", "write api://kubernetes/.default"),
            (&["https:///.default"], "scopes", "names a resource"),
            (&[A], "scopes", "Microsoft Graph"),
            (&[&default, "api://x/.default"], "scopes", "several"),
            (&[&default, &other], "scopes", "stands alone"),
            (&[&own(".default")], "scopes", "to itself"),
            (&[&own_uri], "scopes", "to itself"),
            (&["https://graph.microsoft.com/.default"], "scopes", "Microsoft Graph's"),
            (&["https://graph.microsoft.com//.default"], "scopes", "Microsoft Graph's"),
            (&["00000003-0000-0000-c000-000000000000/User.Read"], "scopes", "Microsoft Graph's"),
        ] {
            let found = problems(scopes, A);
            assert!(!found.concat().contains("api://<"), "{found:?}");
            let told = found.iter().any(|p| p.starts_with(path) && p.contains(word));
            assert!(told, "{scopes:?} {found:?}");
        }
        let named = problems(&["user.read"], "https://kubernetes.example.com").concat();
        assert!(named.contains("write <the target's App ID URI>/user.read"), "{named}");
        for (audience, word) in [
            (B.to_owned(), "the STS's own"),
            (format!("api://{B}"), "the STS's own"),
            (format!("api://{B}/"), "the STS's own"),
            ("https://graph.microsoft.com".to_owned(), "Microsoft Graph's"),
            ("00000003-0000-0000-c000-000000000000".to_owned(), "Microsoft Graph's"),
            (A.to_uppercase(), A),
        ] {
            let found = problems(&[&default], &audience);
            let told = found.iter().any(|p| p.starts_with("audience: ") && p.contains(word));
            assert!(told, "{audience} {found:?}");
        }
    }
}
