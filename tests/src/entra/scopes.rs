//! Rule 14: which resource is asked for, and which of its scopes.

use super::directory::{App, Directory, GRAPH, Tenant};
use super::errors::Refusal;

/// Scopes that belong to no resource.
const OPENID: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// What a `scope` parameter asks for.
#[derive(Debug, Clone)]
pub(super) struct Wanted<'d> {
    /// The application that the token is for.
    pub(super) resource: &'d App,
    /// How the request calls it; empty when it does not.
    pub(super) called: String,
    /// The scopes by name; none for `.default`.
    pub(super) names: Option<Vec<String>>,
    /// `openid` and its like.
    pub(super) openid: Vec<String>,
}

impl Wanted<'_> {
    /// Whether one of `openid`, `offline_access`, … is asked for.
    pub(super) fn has(&self, scope: &str) -> bool {
        self.openid.iter().any(|one| one == scope)
    }
}

/// Resource and name of one scope; a scope without resource is Graph's.
fn split(scope: &str) -> (&str, &str) {
    scope.rsplit_once('/').unwrap_or(("", scope))
}

/// Reads a `scope` parameter.
pub(super) fn wanted<'d>(
    directory: &'d Directory,
    tenant: &Tenant,
    client: &App,
    scope: &str,
) -> Result<Wanted<'d>, Refusal> {
    let all: Vec<&str> = scope.split(' ').filter(|one| !one.is_empty()).collect();
    if all.is_empty() {
        return Err(Refusal::missing("scope"));
    }
    let (openid, named): (Vec<&str>, Vec<&str>) = all.iter().partition(|one| OPENID.contains(one));
    let parts: Vec<(&str, &str)> = named.iter().map(|one| split(one)).collect();
    if let Some((_, one)) = parts.iter().zip(&named).find(|((_, name), _)| name.is_empty()) {
        return Err(invalid(scope, &format!("The scope {one} is not valid.")));
    }

    let called = parts.first().map_or("", |(resource, _)| resource);
    let same = |other: &str| {
        other == called || {
            let app = resource(directory, tenant, called);
            app.is_some()
                && app.map(|app| &app.id) == resource(directory, tenant, other).map(|app| &app.id)
        }
    };
    if !parts.iter().all(|(other, _)| same(other)) {
        return Err(Refusal::of(28000).text(format!(
            "Provided value for the input parameter scope is not valid because it contains more than one resource. Scope {scope} is not valid."
        )));
    }
    let default = parts.iter().any(|(_, name)| *name == ".default");
    if default && parts.len() > 1 {
        return Err(invalid(
            scope,
            ".default scope can't be combined with resource-specific scopes.",
        ));
    }

    let resource = resource(directory, tenant, called).ok_or_else(|| {
        Refusal::of(500_011).text(format!(
            "The resource principal named {called} was not found in the tenant named {}. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant.",
            tenant.name
        ))
    })?;
    if !resource.enabled {
        return Err(Refusal::of(50001).text(format!("The resource {} is disabled.", resource.name)));
    }
    let unknown = parts
        .iter()
        .find(|(_, name)| *name != ".default" && !resource.scopes.iter().any(|one| one == name));
    if let Some((_, name)) = unknown {
        return Err(Refusal::of(650_053).text(format!(
            "The application '{}' asked for scope '{name}' that doesn't exist on the resource '{}'. Contact the app vendor.",
            client.name, resource.id
        )));
    }
    if resource.id == client.id && !called.eq_ignore_ascii_case(&client.id) {
        return Err(Refusal::of(90009).text(format!(
            "Application '{}'({}) is requesting a token for itself. This scenario is supported only if resource is specified using the GUID based App Identifier.",
            client.id, client.name
        )));
    }
    Ok(Wanted {
        resource,
        called: called.to_owned(),
        names: (!default).then(|| parts.iter().map(|(_, name)| (*name).to_owned()).collect()),
        openid: openid.into_iter().map(str::to_owned).collect(),
    })
}

fn resource<'d>(directory: &'d Directory, tenant: &Tenant, called: &str) -> Option<&'d App> {
    let called = if called.is_empty() { GRAPH } else { called };
    directory.apps.iter().find(|app| app.is_called(called) && app.is_in(&tenant.name))
}

fn invalid(scope: &str, why: &str) -> Refusal {
    Refusal::of(70011).text(format!(
        "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope {scope} is not valid. {why}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(scope: &str) -> Result<(String, Option<Vec<String>>), u32> {
        let directory = Directory::example();
        let tenant = directory.tenant("contoso").unwrap();
        let client = directory.app("mcp-server").unwrap();
        let (a, b) = (&directory.app("kubernetes").unwrap().id, &client.id);
        let scope = scope.replace("{a}", a).replace("{b}", b);
        match wanted(&directory, tenant, client, &scope) {
            Ok(wanted) => Ok((wanted.resource.name.clone(), wanted.names)),
            Err(refusal) => Err(refusal.code),
        }
    }

    #[test]
    fn a_scope_names_one_resource_and_its_scopes_or_default() {
        let named = |app: &str, names: &[&str]| {
            Ok((app.to_owned(), Some(names.iter().map(|&name| name.to_owned()).collect())))
        };
        for (scope, expected) in [
            ("api://{a}/.default", Ok(("kubernetes".to_owned(), None))),
            ("{a}/.default openid profile offline_access", Ok(("kubernetes".to_owned(), None))),
            ("api://{a}/access_as_user", named("kubernetes", &["access_as_user"])),
            ("User.Read", named("microsoft-graph", &["User.Read"])),
            ("openid profile", named("microsoft-graph", &[])),
            ("{b}/access_as_user", named("mcp-server", &["access_as_user"])),
            ("", Err(900_144)),
            ("  ", Err(900_144)),
            ("groups", Err(650_053)),
            ("api://{a}/other", Err(650_053)),
            ("api://{a}/", Err(70011)),
            ("api://{a}/.default api://{a}/access_as_user", Err(70011)),
            ("api://{a}/.default api://{a}/.default", Err(70011)),
            ("api://{a}/.default User.Read", Err(28000)),
            ("api://{a}/access_as_user api://{b}/access_as_user", Err(28000)),
            ("api://nobody/.default", Err(500_011)),
            ("API://{a}/.default", Err(500_011)),
            ("api://{b}/.default", Err(90009)),
        ] {
            assert_eq!(judge(scope), expected, "{scope}");
        }
    }
}
