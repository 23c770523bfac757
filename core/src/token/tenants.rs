//! The tenants of Entra ID whose tokens are accepted, and the issuers that follow from them.

use std::fmt;

use super::application::is_guid;

/// A tenant's GUID, in lower case, as tokens carry it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(String);

/// The tenant of personal Microsoft accounts. Anybody can have one, so it is nobody's tenant.
const PERSONAL_ACCOUNTS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

impl TenantId {
    /// Reads a GUID with hyphens, in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        is_guid(text).then(|| Self(text.to_ascii_lowercase()))
    }

    /// Whether this is where personal Microsoft accounts come from.
    #[must_use]
    pub fn is_personal_accounts(&self) -> bool {
        self.0 == PERSONAL_ACCOUNTS
    }

    /// The GUID.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The version of a token, which the API that it is for decides (`requestedAccessTokenVersion`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    V1,
    V2,
}

/// The tenants of one cloud whose tokens are accepted: an allow-list, since every tenant's tokens are signed
/// with the same keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntraTenants {
    authority_host: String,
    list: Vec<TenantId>,
}

impl EntraTenants {
    /// The authority host of the global cloud.
    pub const GLOBAL: &str = "https://login.microsoftonline.com";
    /// That of the US Government's.
    pub const US_GOVERNMENT: &str = "https://login.microsoftonline.us";
    /// That of China's (21Vianet).
    pub const CHINA: &str = "https://login.partner.microsoftonline.cn";

    /// The authority host of the cloud to which one of Microsoft's sign-in hosts belongs, whether it is that host, an
    /// older name of it, or the issuer of its v1 tokens; `None` for anybody else's.
    #[must_use]
    pub fn authority_of(host: &str) -> Option<&'static str> {
        Some(match host {
            "login.microsoftonline.com"
            | "login.windows.net"
            | "login.microsoft.com"
            | "sts.windows.net" => Self::GLOBAL,
            "login.microsoftonline.us" | "login-us.microsoftonline.com" => Self::US_GOVERNMENT,
            "login.partner.microsoftonline.cn"
            | "login.chinacloudapi.cn"
            | "sts.chinacloudapi.cn"
            | "login.partner.microsoftonline.com" => Self::CHINA,
            _ => return None,
        })
    }

    /// The most tenants of one issuer in a configuration: each has keys of its own to be fetched and kept.
    pub const MAX: usize = 64;

    /// These tenants at this authority host (scheme, host and port, without a slash at the end).
    #[must_use]
    pub fn new(authority_host: String, list: Vec<TenantId>) -> Self {
        Self { authority_host, list }
    }

    /// Whether this authority host is Microsoft's, in whichever cloud: what is sent elsewhere is sent to somebody else.
    #[must_use]
    pub fn is_microsofts(authority_host: &str) -> bool {
        [Self::GLOBAL, Self::US_GOVERNMENT, Self::CHINA].contains(&authority_host)
    }

    /// Scheme, host and port, such as [`EntraTenants::GLOBAL`].
    #[must_use]
    pub fn authority_host(&self) -> &str {
        &self.authority_host
    }

    /// The tenants.
    #[must_use]
    pub fn list(&self) -> &[TenantId] {
        &self.list
    }

    /// `iss` of this tenant's v2 tokens; also what names the tenant in an
    /// [`Identity`](super::Identity), whatever the version of a token.
    #[must_use]
    pub fn issuer_v2(&self, tenant: &TenantId) -> String {
        format!("{}/{tenant}/v2.0", self.authority_host)
    }

    /// `iss` of this tenant's v1 tokens.
    #[must_use]
    pub fn issuer_v1(&self, tenant: &TenantId) -> String {
        format!("{}{tenant}/", self.v1_host())
    }

    /// v1 tokens have an issuer of their own: one for each cloud that has one.
    fn v1_host(&self) -> &'static str {
        match self.authority_host.as_str() {
            Self::CHINA => "https://sts.chinacloudapi.cn/",
            _ => "https://sts.windows.net/",
        }
    }

    /// The listed tenant whose issuer this is.
    pub(super) fn of_issuer(&self, issuer: &str) -> Option<(&TenantId, Version)> {
        let (tenant, version) = self.any_of_issuer(issuer)?;
        self.list.iter().find(|listed| listed.as_str() == tenant).map(|listed| (listed, version))
    }

    /// The tenant, listed or not, whose issuer this is in this cloud. Only an issuer in its one spelling is one.
    pub(super) fn any_of_issuer<'i>(&self, issuer: &'i str) -> Option<(&'i str, Version)> {
        let v2 = || {
            let rest = issuer.strip_prefix(self.authority_host.as_str())?.strip_prefix('/')?;
            Some((rest.strip_suffix("/v2.0")?, Version::V2))
        };
        let v1 = || {
            let rest = issuer.strip_prefix(self.v1_host())?;
            Some((rest.strip_suffix('/')?, Version::V1))
        };
        let (tenant, version) = v2().or_else(v1)?;
        TenantId::parse(tenant).is_some_and(|id| id.as_str() == tenant).then_some((tenant, version))
    }

    /// Whether a key whose own `issuer` this is, perhaps with a placeholder, may sign for the tenant.
    pub(super) fn may_sign(&self, key_issuer: &str, tenant: &TenantId) -> bool {
        let issuer = key_issuer.replace("{tenantid}", tenant.as_str());
        self.any_of_issuer(&issuer).is_some_and(|(named, _)| named == tenant.as_str())
    }
}
