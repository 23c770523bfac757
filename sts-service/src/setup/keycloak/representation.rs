//! What Keycloak's administration interface calls clients, scopes, mappers and components, as far as we look at them. The
//! rest of each is kept and sent back as it came.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use subtle::ConstantTimeEq as _;

/// The protocol of all that we make.
pub(super) const PROTOCOL: &str = "openid-connect";

/// A client scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Scope {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) protocol: Option<String>,
    #[serde(default)]
    pub(super) attributes: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) protocol_mappers: Vec<Mapper>,
    #[serde(flatten)]
    pub(super) rest: Map<String, Value>,
}

/// A protocol mapper: what puts something into tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Mapper {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) protocol: Option<String>,
    pub(super) protocol_mapper: String,
    #[serde(default)]
    pub(super) config: BTreeMap<String, String>,
    #[serde(flatten)]
    pub(super) rest: Map<String, Value>,
}

/// A client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Client {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    pub(super) client_id: String,
    #[serde(default)]
    pub(super) enabled: bool,
    #[serde(default)]
    pub(super) public_client: bool,
    #[serde(default)]
    pub(super) bearer_only: bool,
    #[serde(default)]
    pub(super) standard_flow_enabled: bool,
    #[serde(default)]
    pub(super) implicit_flow_enabled: bool,
    #[serde(default)]
    pub(super) direct_access_grants_enabled: bool,
    #[serde(default)]
    pub(super) service_accounts_enabled: bool,
    #[serde(default)]
    pub(super) full_scope_allowed: bool,
    #[serde(default)]
    pub(super) consent_required: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) client_authenticator_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) secret: Option<Secret>,
    #[serde(default)]
    pub(super) redirect_uris: Vec<String>,
    #[serde(default)]
    pub(super) web_origins: Vec<String>,
    #[serde(default)]
    pub(super) attributes: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) default_client_scopes: Vec<String>,
    #[serde(default)]
    pub(super) optional_client_scopes: Vec<String>,
    #[serde(flatten)]
    pub(super) rest: Map<String, Value>,
}

/// A component of the realm, such as a policy for the registration of clients.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Component {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<String>,
    pub(super) name: String,
    pub(super) provider_id: String,
    pub(super) provider_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) sub_type: Option<String>,
    #[serde(default)]
    pub(super) config: BTreeMap<String, Vec<String>>,
    #[serde(flatten)]
    pub(super) rest: Map<String, Value>,
}

/// A client's secret. Goes to Keycloak and into a file, and is shown nowhere.
#[derive(Clone)]
pub(super) struct Secret(pub(super) SecretString);

impl Mapper {
    /// What stands at a key, if anything does.
    pub(super) fn setting(&self, key: &str) -> Option<&str> {
        self.config.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Whether what it adds stands in access tokens.
    pub(super) fn is_in_access_tokens(&self) -> bool {
        self.setting("access.token.claim") == Some("true")
    }
}

impl Client {
    /// A confidential one that can do nothing and has no scopes.
    pub(super) fn nobodys(id: &str, description: &str) -> Self {
        Self {
            id: None,
            client_id: id.to_owned(),
            enabled: true,
            public_client: false,
            bearer_only: false,
            standard_flow_enabled: false,
            implicit_flow_enabled: false,
            direct_access_grants_enabled: false,
            service_accounts_enabled: false,
            full_scope_allowed: false,
            consent_required: false,
            client_authenticator_type: Some("client-secret".to_owned()),
            secret: None,
            redirect_uris: Vec::new(),
            web_origins: Vec::new(),
            attributes: BTreeMap::new(),
            default_client_scopes: Vec::new(),
            optional_client_scopes: Vec::new(),
            rest: Map::from_iter([
                ("protocol".to_owned(), PROTOCOL.into()),
                ("description".to_owned(), description.into()),
            ]),
        }
    }

    /// Whether it may ask for a scope, or has it anyway.
    pub(super) fn has_scope(&self, scope: &str) -> bool {
        let scopes = self.default_client_scopes.iter().chain(&self.optional_client_scopes);
        scopes.into_iter().any(|own| own == scope)
    }
}

// === impl Secret ===

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(<redacted>)")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        let (one, other) = (self.0.expose_secret(), other.0.expose_secret());
        one.as_bytes().ct_eq(other.as_bytes()).into()
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose_secret())
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(SecretString::from(text)))
    }
}
