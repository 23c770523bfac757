//! An application's registration.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

use super::{Certificate, read, yes};

/// An application: a client, a resource, or both.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// A name for this file, and the display name.
    pub name: String,
    /// The application (client) id.
    pub id: String,
    /// The tenants in which it is known.
    pub tenants: Vec<String>,
    /// Whether users and clients may get tokens for it or with it.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// A public client has no credential and must use PKCE.
    #[serde(default)]
    pub public: bool,
    /// Where codes are sent to: exactly these, but any port of a loopback address for a public client.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// App ID URIs.
    #[serde(default)]
    pub app_id_uris: Vec<String>,
    /// `api.requestedAccessTokenVersion`: 1 (as in Entra when nobody sets it) or 2.
    #[serde(default = "one")]
    pub token_version: u8,
    /// The optional claim `aud` with `use_guid`: a v1 token's audience is the id, whatever was asked for.
    #[serde(default)]
    pub use_guid: bool,
    /// Delegated permissions that it exposes.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// App roles, by value.
    #[serde(default)]
    pub app_roles: Vec<String>,
    /// Only people who are assigned get tokens for it.
    #[serde(default)]
    pub assignment_required: bool,
    /// Which groups its tokens carry.
    #[serde(default)]
    pub group_claims: GroupClaims,
    /// The optional claim `idtyp`: tokens for it say whether they are a user's or an application's.
    #[serde(default)]
    pub idtyp: bool,
    /// Its tokens are signed with a key of its own, so it cannot exchange them.
    #[serde(default)]
    pub custom_signing_key: bool,
    /// Client secrets.
    #[serde(default)]
    pub secrets: Vec<ClientSecret>,
    /// Files with certificates in PEM, relative to this file.
    #[serde(default)]
    pub certificate_files: Vec<PathBuf>,
    /// Certificates, those of the files too.
    #[serde(skip)]
    pub certificates: Vec<Certificate>,
    /// Federated identity credentials.
    #[serde(default)]
    pub federated_credentials: Vec<FederatedCredential>,
    /// Requested permissions: scopes by resource. When given, other resources are refused with 650057.
    pub permissions: Option<BTreeMap<String, Vec<String>>>,
    /// Clients that need no consent for tokens for this application.
    #[serde(default)]
    pub preauthorized: Vec<Preauthorized>,
    /// `knownClientApplications`: consent to one of these is consent to this application's own permissions too.
    #[serde(default)]
    pub known_clients: Vec<String>,
}

/// A client secret. Its value is in no Debug text.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientSecret {
    /// The id, which people take for the value.
    pub id: String,
    /// The value.
    pub value: String,
    /// When it ends (an RFC 3339 date and time); never when absent.
    #[serde(default, deserialize_with = "read::moment")]
    pub expires: Option<i64>,
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSecret").field("id", &self.id).finish_non_exhaustive()
    }
}

/// An external identity that may act as the application.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FederatedCredential {
    /// A name for this file.
    pub name: String,
    /// `iss`, exactly.
    pub issuer: String,
    /// `sub`, exactly.
    pub subject: String,
    /// `aud`, exactly.
    #[serde(default = "exchange_audience")]
    pub audience: String,
    /// The authority of the issuer's certificate: a file with PEM, relative to this file. Entra itself wants a public one.
    pub ca_file: Option<PathBuf>,
    /// The same as text.
    #[serde(skip)]
    pub ca: Option<String>,
}

impl FederatedCredential {
    /// A credential for the usual audience; `ca` is the authority (PEM) of the issuer's certificate.
    pub fn new(issuer: &str, subject: &str, ca: &str) -> Self {
        Self {
            name: subject.to_owned(),
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            audience: exchange_audience(),
            ca_file: None,
            ca: Some(ca.to_owned()),
        }
    }
}

/// A client that needs no consent.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preauthorized {
    /// The client.
    pub client: String,
    /// The scopes.
    pub scopes: Vec<String>,
}

/// Which groups an application's tokens carry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupClaims {
    /// None.
    #[default]
    None,
    /// All security groups, through other groups too.
    Security,
    /// Groups that are assigned to the application and that the user is in itself.
    Assigned,
}

impl App {
    /// Whether it is known in the tenant of this name.
    pub fn is_in(&self, tenant: &str) -> bool {
        self.tenants.iter().any(|name| name == tenant)
    }

    /// Whether an audience or the first part of a scope means this application. GUIDs compare as such, App ID URIs exactly.
    pub fn is_called(&self, text: &str) -> bool {
        self.id.eq_ignore_ascii_case(text) || self.app_id_uris.iter().any(|uri| uri == text)
    }

    /// A secret that is valid now, as its owner would use it.
    pub fn current_secret(&self) -> Option<&str> {
        let now = crate::entra::clock::now();
        let current = |secret: &&ClientSecret| secret.expires.is_none_or(|end| end > now);
        self.secrets.iter().find(current).map(|secret| secret.value.as_str())
    }
}

fn one() -> u8 {
    1
}

fn exchange_audience() -> String {
    "api://AzureADTokenExchange".to_owned()
}
