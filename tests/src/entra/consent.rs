//! Rule 15: what was consented to.

use std::collections::BTreeSet;

use super::directory::{App, Directory, Tenant, User};
use super::errors::Refusal;
use super::scopes::Wanted;

/// The scopes of the resource that the client may use for the user.
fn granted(
    directory: &Directory,
    tenant: &Tenant,
    client: &App,
    resource: &App,
    user: &User,
) -> BTreeSet<String> {
    if client.id == resource.id {
        return resource.scopes.iter().cloned().collect();
    }
    let consents = directory.consents.iter().filter(|consent| {
        consent.client == client.name
            && consent.resource == resource.name
            && consent.tenant.as_ref().is_none_or(|name| *name == tenant.name)
            && consent.users.as_ref().is_none_or(|users| users.contains(&user.name))
    });
    let preauthorized = resource.preauthorized.iter().filter(|one| one.client == client.name);
    let scopes = consents.flat_map(|consent| &consent.scopes);
    scopes.chain(preauthorized.flat_map(|one| &one.scopes)).cloned().collect()
}

/// The scopes that the token gets: those asked for, or under `.default` all that were consented to.
pub(super) fn scopes(
    directory: &Directory,
    tenant: &Tenant,
    client: &App,
    wanted: &Wanted<'_>,
    user: &User,
) -> Result<Vec<String>, Refusal> {
    let granted = granted(directory, tenant, client, wanted.resource, user);
    let listed = client.permissions.as_ref();
    if listed.is_some_and(|listed| !listed.contains_key(&wanted.resource.name))
        && granted.is_empty()
        && wanted.names.is_none()
    {
        return Err(Refusal::of(650_057).text(format!(
            "Invalid resource. The client has requested access to a resource which is not listed in the requested permissions in the client's application registration. Client app ID: {}({}). Resource value from request: {}. Resource app ID: {}.",
            client.id, client.name, wanted.called, wanted.resource.id
        )));
    }
    let scopes = match &wanted.names {
        None => granted.iter().cloned().collect(),
        Some(names) if names.iter().all(|name| granted.contains(name)) => names.clone(),
        Some(_) => Vec::new(),
    };
    let openid_only = wanted.names.as_ref().is_some_and(Vec::is_empty);
    if scopes.is_empty() && (!openid_only || granted.is_empty()) {
        return Err(missing(client));
    }
    Ok(scopes)
}

/// 65001 for this client.
pub(super) fn missing(client: &App) -> Refusal {
    Refusal::of(65001).text(format!(
        "The user or administrator has not consented to use the application with ID '{}' named '{}'. Send an interactive authorization request for this user and resource.",
        client.id, client.name
    ))
}
