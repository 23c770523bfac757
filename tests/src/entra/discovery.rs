//! Rules 24 and 25: metadata, and keys as they are published.

use serde_json::{Value, json};

use super::directory::Directory;
use super::errors::Refusal;
use super::world::World;

/// Which metadata or keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V2,
}

/// The tenant of a path as metadata shows it: its id, or the placeholder for those that stand for many.
fn shown(directory: &Directory, segment: &str) -> Result<String, Refusal> {
    if matches!(segment, "common" | "organizations") {
        return Ok("{tenantid}".to_owned());
    }
    let tenant = directory.tenants.iter().find(|tenant| tenant.is_called(segment));
    tenant.map(|tenant| tenant.id.clone()).ok_or_else(|| {
        Refusal::of(90002).text(format!(
            "Tenant '{segment}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant."
        ))
    })
}

/// `openid-configuration`. PKCE works but is not announced, and `iss` is in no answer.
pub(super) fn metadata(world: &World, segment: &str, version: Version) -> Result<Value, Refusal> {
    let tenant = shown(&world.directory(), segment)?;
    let host = &world.host;
    let own = if tenant == "{tenantid}" { segment.to_owned() } else { tenant.clone() };
    let (issuer, keys, path) = match version {
        Version::V2 => (format!("{host}/{tenant}/v2.0"), "discovery/v2.0/keys", "oauth2/v2.0"),
        Version::V1 => (format!("https://sts.windows.net/{tenant}/"), "discovery/keys", "oauth2"),
    };
    Ok(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{host}/{own}/{path}/authorize"),
        "token_endpoint": format!("{host}/{own}/{path}/token"),
        "device_authorization_endpoint": format!("{host}/{own}/{path}/devicecode"),
        "end_session_endpoint": format!("{host}/{own}/{path}/logout"),
        "jwks_uri": format!("{host}/{own}/{keys}"),
        "userinfo_endpoint": "https://graph.microsoft.com/oidc/userinfo",
        "token_endpoint_auth_methods_supported":
            ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "claims_supported": ["sub", "iss", "cloud_instance_name", "aud", "exp", "iat", "auth_time", "acr",
            "nonce", "preferred_username", "name", "tid", "ver", "at_hash", "c_hash", "email"],
        "request_uri_parameter_supported": false,
        "http_logout_supported": true,
        "frontchannel_logout_supported": true,
        "tenant_region_scope": "EU",
        "cloud_instance_name": "microsoftonline.com",
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": "graph.microsoft.com",
        "rbac_url": "https://pas.windows.net",
    }))
}

/// The key set, in which each key says whose tokens it signs.
pub(super) fn keys(world: &World, segment: &str, version: Version) -> Result<Value, Refusal> {
    let tenant = shown(&world.directory(), segment)?;
    Ok(world.keys.set(&tenant, |tenant| match version {
        Version::V2 => format!("{}/{tenant}/v2.0", world.host),
        Version::V1 => format!("https://sts.windows.net/{tenant}/"),
    }))
}

/// What MSAL asks first of an authority that it does not know.
pub(super) fn instances(world: &World, tenant: &str) -> Value {
    let host = world.host.trim_start_matches("https://");
    json!({
        "tenant_discovery_endpoint":
            format!("{}/{tenant}/v2.0/.well-known/openid-configuration", world.host),
        "api-version": "1.1",
        "metadata": [{
            "preferred_network": host,
            "preferred_cache": host,
            "aliases": [host],
        }],
    })
}
