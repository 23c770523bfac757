//! Whose issuer a URL is.

use obolus_core::config::brought::{Fault, Notice};
use obolus_core::token::EntraTenants;
use reqwest::Url;
use serde_json::Value;

use super::Work;
use obolus_core::token::application::is_guid;

/// What a URL says of the identity provider behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Authority {
    /// Entra ID.
    Entra {
        /// `https://login.microsoftonline.com`, or another cloud's.
        host: String,
        /// A GUID, or a word or domain that is not one.
        tenant: String,
    },
    /// A realm, or another OpenID provider.
    Other,
}

/// Azure AD B2C has a host for each tenant.
const B2C: &str = ".b2clogin.com";

/// The words that stand for "whichever tenant".
const ANY_TENANT: [&str; 3] = ["common", "organizations", "consumers"];

impl Authority {
    /// Reads an issuer of Entra's older or newer form, at any host that has Entra's paths. Whatever stands behind a
    /// host of Microsoft's is Entra: what is wrong with it is for [`slip`] to say.
    pub(crate) fn of(issuer: &str) -> Option<Self> {
        let url = url(issuer)?;
        let host = url.host_str()?;
        let segments: Vec<_> = url.path_segments()?.filter(|segment| !segment.is_empty()).collect();
        let microsofts = EntraTenants::authority_of(host);
        let is_microsoft = microsofts.is_some();
        let tenant = match *segments.as_slice() {
            ["v2.0" | "oauth2", ..] | [] if is_microsoft => "",
            [tenant, ..] if is_microsoft || host.ends_with(B2C) => tenant,
            [tenant, "v2.0"] if is_guid(tenant) || ANY_TENANT.contains(&tenant) => tenant,
            _ => return Some(Self::Other),
        };
        let host = microsofts.map_or_else(|| url.origin().ascii_serialization(), str::to_owned);
        Some(Self::Entra { host, tenant: tenant.to_ascii_lowercase() })
    }

    pub(crate) fn is_entra(&self) -> bool {
        matches!(self, Self::Entra { .. })
    }
}

/// A URL, or what would be one of Microsoft's with its scheme.
fn url(text: &str) -> Option<Url> {
    let is_entras = |url: &Url| url.host_str().and_then(EntraTenants::authority_of).is_some();
    let parsed = Url::parse(text).ok().filter(Url::has_host);
    parsed.or_else(|| Url::parse(&format!("https://{text}")).ok().filter(is_entras))
}

/// A small mistake in an issuer's URL at a host of Microsoft's.
pub(super) fn slip(path: &str, issuer: &str) -> Option<Fault> {
    let url = url(issuer)?;
    let host = url.host_str()?;
    if host.ends_with(B2C) {
        let write =
            "write an issuer of Entra ID, https://login.microsoftonline.com/<tenant id>/v2.0";
        return Some(
            Fault::new(path, "is Azure AD B2C's, which does not know On-Behalf-Of", write)
                .happens("a B2C token cannot be exchanged for one of the cluster's"),
        );
    }
    let Some(Authority::Entra { host: meant, tenant }) = Authority::of(issuer) else { return None };
    EntraTenants::authority_of(host)?;
    let segments: Vec<_> = url.path_segments()?.filter(|segment| !segment.is_empty()).collect();
    let is_issuer = issuer.starts_with("https://")
        && matches!(*segments.as_slice(), [_] | [_, "v2.0"])
        && url.query().is_none()
        && url.fragment().is_none()
        && url.port().is_none();
    if !is_guid(&tenant) {
        let write =
            format!("write {meant}/<tenant id>/v2.0, with the Directory (tenant) ID, one GUID");
        return Some(
            Fault::new(path, "names no tenant by its GUID", write)
                .happens("no token says so in `iss`"),
        );
    }
    (!is_issuer).then(|| {
        Fault::new(path, "is no issuer of Entra's", format!("write {meant}/{tenant}/v2.0"))
            .happens("no token says so in `iss`")
    })
}

/// People's tokens, and what proves the STS, are sent to the authority host: a slip of the pen in it is a gift to
/// whoever owns the host that it names. A stand-in is legitimate, so this is no fault.
pub(super) fn notice_foreign_hosts(work: &mut Work) {
    let issuers = work.own.get("issuers").and_then(Value::as_array).into_iter().flatten();
    let mut notices = Vec::new();
    for (index, issuer) in issuers.enumerate() {
        let host = issuer.get("authority_host").and_then(Value::as_str);
        if host.is_some_and(|host| !EntraTenants::is_microsofts(host)) {
            let path = work.origins.of(&format!("issuers[{index}].authority_host"));
            notices.push(Notice::new(
                path,
                format!(
                    "names a host that is not Microsoft's: people's tokens and the STS's own proof go there; Entra's are {}, {} and {}",
                    EntraTenants::GLOBAL, EntraTenants::US_GOVERNMENT, EntraTenants::CHINA
                ),
            ));
        }
    }
    work.notices.extend(notices);
}

/// Not a fault: an application of v1 tokens has its App ID URI in them.
pub(super) fn notice_v1_audiences(work: &mut Work) {
    fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
        value.get(key).and_then(Value::as_array).into_iter().flatten()
    }
    let own = Value::Object(work.own.clone());
    let is_entra = |name: Option<&Value>| {
        items(&own, "issuers").any(|issuer| {
            name.is_some() && issuer.get("name") == name && issuer["profile"] == "entra"
        })
    };
    for (caller, entry) in items(&own, "callers").enumerate() {
        for (index, grant) in items(entry, "grants").enumerate() {
            let audiences: Vec<_> = items(grant, "audiences").filter_map(Value::as_str).collect();
            let is_uri = audiences.iter().any(|audience| audience.starts_with("api://"));
            let is_v2 = audiences.iter().any(|audience| is_guid(audience));
            if is_uri && !is_v2 && is_entra(grant.get("issuer")) {
                let path = format!("callers[{caller}].grants[{index}].audiences");
                let path = work.origins.of(&path);
                work.notice(
                    &path,
                    "is an App ID URI, which only v1 tokens carry; v2 tokens carry the GUID: write the Application (client) ID if the application has requestedAccessTokenVersion 2",
                );
            }
        }
    }
}

/// The application in `<guid>/.default`, `api://<guid>/access_as_user` or `<guid>`, if it is named by its GUID.
pub(crate) fn application_of(text: &str) -> Option<&str> {
    let text = text.strip_prefix("api://").unwrap_or(text);
    let id = text.split_once('/').map_or(text, |(id, _)| id);
    Some(id).filter(|id| is_guid(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "11111111-0000-4000-8000-000000000001";

    fn entra(host: &str) -> Option<Authority> {
        Some(Authority::Entra { host: host.to_owned(), tenant: TENANT.to_owned() })
    }

    #[test]
    fn entras_issuers_are_known_in_every_cloud_and_form_and_nobody_elses_are() {
        let public = "https://login.microsoftonline.com";
        for (issuer, authority) in [
            (format!("{public}/{TENANT}/v2.0"), entra(public)),
            (format!("{public}/{}/v2.0/", TENANT.to_uppercase()), entra(public)),
            (format!("{public}/{TENANT}"), entra(public)),
            (format!("https://sts.windows.net/{TENANT}/"), entra(public)),
            (
                format!("https://login.microsoftonline.us/{TENANT}/v2.0"),
                entra("https://login.microsoftonline.us"),
            ),
            (
                format!("https://sts.chinacloudapi.cn/{TENANT}/"),
                entra("https://login.partner.microsoftonline.cn"),
            ),
            (format!("https://localhost:8443/{TENANT}/v2.0"), entra("https://localhost:8443")),
            ("https://idp.example.com/realms/r".to_owned(), Some(Authority::Other)),
            ("https://idp.example.com/app/v2.0".to_owned(), Some(Authority::Other)),
            (format!("http://login.microsoftonline.com/{TENANT}/v2.0"), entra(public)),
            (format!("login.microsoftonline.com/{TENANT}/v2.0"), entra(public)),
            (format!("{public}/{TENANT}/oauth2/v2.0/authorize"), entra(public)),
            ("not a url".to_owned(), None),
        ] {
            assert_eq!(Authority::of(&issuer), authority, "{issuer}");
        }
    }

    #[test]
    fn an_application_is_read_from_its_scopes() {
        for (text, application) in [
            (TENANT.to_owned(), Some(TENANT)),
            (format!("{TENANT}/.default"), Some(TENANT)),
            (format!("api://{TENANT}/access_as_user"), Some(TENANT)),
            ("api://mcp/access_as_user".to_owned(), None),
            ("https://mcp.example.com/.default".to_owned(), None),
        ] {
            assert_eq!(application_of(&text), application, "{text}");
        }
    }
}
