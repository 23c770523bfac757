//! A configuration around policies alone: one issuer, one resource, of which nothing else is known.

use serde_json::{Map, Value, json};

/// Whose tokens are made up: how their claims are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// Keycloak.
    Keycloak,
    /// Any OpenID provider.
    #[default]
    Oidc,
    /// Entra ID.
    Entra,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Keycloak, Self::Oidc, Self::Entra];

    /// The word for it in configurations.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Keycloak => "keycloak",
            Self::Oidc => "oidc",
            Self::Entra => "entra",
        }
    }
}

const TENANT: &str = "11111111-1111-4111-8111-111111111111";
const API: &str = "22222222-2222-4222-8222-222222222222";
const URL: &str = "https://mcp.example.com/mcp";
const ISSUER: &str = "https://idp.example.com";
const REALM: &str = "https://idp.example.com/realms/made-up";

/// The issuer is called as its profile is. Issuer, tenants and audiences are those that claims name.
pub(crate) fn made_up(profile: Profile, server: &str, people: &[&Map<String, Value>]) -> Value {
    let is_entra = profile == Profile::Entra;
    let named = |claim: &str| -> Vec<&str> {
        let mut found: Vec<_> =
            people.iter().filter_map(|claims| claims.get(claim)?.as_str()).collect();
        found.sort_unstable();
        found.dedup();
        found
    };
    let called = profile.name();
    let issuer = if is_entra {
        let mut tenants = named("tid");
        if tenants.is_empty() {
            tenants.push(TENANT);
        }
        json!({"name": called, "profile": called, "tenants": tenants})
    } else {
        let any = if profile == Profile::Keycloak { REALM } else { ISSUER };
        let told = named("iss").first().copied().unwrap_or(any);
        json!({"name": called, "profile": called, "issuer": told})
    };
    let mut audiences = named("aud");
    if audiences.is_empty() {
        audiences.push(if is_entra { API } else { URL });
    }
    // Entra ID gives nobody a token for this API who does not ask for one of its scopes.
    let api = audiences.first().copied().unwrap_or(API);
    let api = if api.contains("://") { api.to_owned() } else { format!("api://{api}") };
    let required = if is_entra { json!([format!("{api}/access_as_user")]) } else { json!([]) };
    json!({
        "sts": {
            "cluster": "obolus-sts",
            "authority": "sts.example.com",
            "callerId": "gateway",
            "credentialEnv": "OBOLUS_STS_CREDENTIAL",
        },
        "issuers": [issuer],
        "resources": [{
            "name": server,
            "resource": URL,
            "clusters": [server],
            "issuers": [called],
            "audiences": audiences,
            "requiredScopes": required,
            "target": {"name": server, "audience": format!("target-of-{server}")},
        }],
    })
}
