//! What tokens may be asked for: the resources behind the façade, and how their scopes are called at Entra ID.

use super::Refusal;
use crate::metadata::ResourceUrl;
use crate::token::application;

/// Scopes that are of no API (OpenID Connect Core §5.4, §11).
const OPENID: [&str; 4] = ["openid", "profile", "email", OFFLINE];
/// Without it there is no refresh token, and people would sign in every hour.
const OFFLINE: &str = "offline_access";
/// Longer lists than any that is meant.
const MOST_SCOPES: usize = 64;

/// One protected resource, and the scopes of its API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    url: ResourceUrl,
    api: String,
    scopes: Vec<String>,
}

/// Why scopes are of no use for a resource at Entra ID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopesError {
    /// There are none.
    #[error(
        "must not be empty: clients that know no scope get a token for Microsoft Graph; write {WRITE}"
    )]
    None,
    /// A name without its API.
    #[error("`{0}` is a scope of Microsoft Graph to Entra ID: write {WRITE}")]
    Unqualified(String),
    /// For signing in, or for all that was consented to.
    #[error("`{0}` names no right at an API: leave it out, and write {WRITE}")]
    NoRight(String),
    /// Graph's own.
    #[error("`{0}` is a scope of Microsoft Graph: write {WRITE}")]
    Graph(String),
    /// No scope at all.
    #[error("`{0}` is not a scope (RFC 6749 §3.3): write {WRITE}")]
    Malformed(String),
    /// Of more than one API.
    #[error("are scopes of several APIs, and a token is for one: write a resource for each")]
    SeveralApis,
}

const WRITE: &str = "the API's own by its full name, such as api://<application id>/access_as_user";

impl Resource {
    /// A resource, whose scopes are told by their full names.
    ///
    /// # Errors
    /// Every fault of the scopes.
    pub fn new(url: ResourceUrl, scopes: Vec<String>) -> Result<Self, Vec<ScopesError>> {
        let mut faults: Vec<_> = scopes.iter().filter_map(|scope| fault_of(scope)).collect();
        let api = scopes.first().and_then(|scope| scope.rsplit_once('/')).map(|(api, _)| api);
        let Some(api) = api else {
            if scopes.is_empty() {
                faults.push(ScopesError::None);
            }
            return Err(faults);
        };
        let is_of_api = |scope: &String| {
            scope.rsplit_once('/').is_none_or(|(other, _)| application::is_same(api, other))
        };
        if !scopes.iter().all(is_of_api) {
            faults.push(ScopesError::SeveralApis);
        }
        let api = api.to_owned();
        if faults.is_empty() { Ok(Self { url, api, scopes }) } else { Err(faults) }
    }

    /// Its URL, as clients send it.
    #[must_use]
    pub fn url(&self) -> &ResourceUrl {
        &self.url
    }

    /// Its scopes by their full names.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }

    /// The scopes to ask Entra ID for: bare ones with this resource's API before them, since Entra ID would take them for
    /// Microsoft Graph's; those of other APIs refused, for the same reason; this resource's own if none is asked for.
    pub(super) fn scopes_to_ask_for(&self, asked: Option<&str>) -> Result<String, Refusal> {
        let (mut own, mut openid): (Vec<String>, Vec<&str>) = (Vec::new(), Vec::new());
        let asked = asked.unwrap_or_default();
        for (at, scope) in asked.split(' ').filter(|scope| !scope.is_empty()).enumerate() {
            if at == MOST_SCOPES || !is_scope(scope) {
                return Err(Refusal::ScopeMalformed);
            }
            if OPENID.contains(&scope) {
                if !openid.contains(&scope) {
                    openid.push(scope);
                }
                continue;
            }
            let full = self.full_name(scope).ok_or(Refusal::ScopeForeign)?;
            if !own.contains(&full) {
                own.push(full);
            }
        }
        if own.is_empty() {
            own.clone_from(&self.scopes);
        }
        if !openid.contains(&OFFLINE) {
            openid.push(OFFLINE);
        }
        own.extend(openid.into_iter().map(str::to_owned));
        Ok(own.join(" "))
    }

    fn full_name(&self, scope: &str) -> Option<String> {
        if self.scopes.iter().any(|own| own == scope) {
            return Some(scope.to_owned());
        }
        match scope.rsplit_once('/') {
            None => Some(format!("{}/{scope}", self.api)),
            Some((api, name)) => {
                let is_own = !name.is_empty() && application::is_same(api, &self.api);
                is_own.then(|| format!("{}/{name}", self.api))
            }
        }
    }
}

fn fault_of(scope: &str) -> Option<ScopesError> {
    let text = scope.to_owned();
    let (api, name) = scope.rsplit_once('/').unwrap_or(("", scope));
    let is_app_id = application::is_guid(api)
        || ["api://", "https://"]
            .iter()
            .any(|scheme| api.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
    if !is_scope(scope) {
        Some(ScopesError::Malformed(text))
    } else if OPENID.contains(&scope) || name == ".default" {
        Some(ScopesError::NoRight(text))
    } else if name.is_empty() || !is_app_id {
        Some(ScopesError::Unqualified(text))
    } else if application::is_graph(api) {
        Some(ScopesError::Graph(text))
    } else {
        None
    }
}

/// RFC 6749 §3.3.
fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

/// The resources behind one façade: each URL once, and at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resources(Vec<Resource>);

impl Resources {
    /// These.
    #[must_use]
    pub fn new(list: Vec<Resource>) -> Self {
        Self(list)
    }

    /// In the order of the configuration.
    #[must_use]
    pub fn list(&self) -> &[Resource] {
        &self.0
    }

    /// The one that a request means: named byte for byte, or the only one that there is.
    pub(super) fn named(&self, resource: Option<&str>) -> Result<&Resource, Refusal> {
        match (resource, self.0.as_slice()) {
            (Some(name), all) => {
                let found = all.iter().find(|own| own.url.to_string() == name);
                found.ok_or(Refusal::ResourceUnknown)
            }
            (None, [only]) => Ok(only),
            (None, _) => Err(Refusal::ResourceMissing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const API: &str = "bbbbbbbb-0000-4000-8000-000000000001";

    fn resource(url: &str, scopes: &[&str]) -> Result<Resource, Vec<ScopesError>> {
        let scopes = scopes.iter().map(|scope| scope.replace("{b}", API)).collect();
        Resource::new(ResourceUrl::parse(url).unwrap(), scopes)
    }

    #[test]
    fn entra_is_asked_for_scopes_of_this_api_and_of_no_other() {
        let one =
            resource("https://a/mcp", &["api://{b}/access_as_user", "api://{b}/admin"]).unwrap();
        let ask = |asked: Option<&str>| {
            let asked = asked.map(|asked| asked.replace("{b}", API));
            one.scopes_to_ask_for(asked.as_deref()).map(|scopes| scopes.replace(API, "{b}"))
        };
        let all = "api://{b}/access_as_user api://{b}/admin offline_access";
        for (asked, wanted) in [
            (None, all),
            (Some(""), all),
            (
                Some("openid profile"),
                "api://{b}/access_as_user api://{b}/admin openid profile offline_access",
            ),
            (Some("access_as_user"), "api://{b}/access_as_user offline_access"),
            (Some("api://{b}/access_as_user"), "api://{b}/access_as_user offline_access"),
            (Some("{b}/access_as_user"), "api://{b}/access_as_user offline_access"),
            (Some("admin  admin api://{b}/admin"), "api://{b}/admin offline_access"),
            (Some("offline_access email admin"), "api://{b}/admin offline_access email"),
            (Some("User.Read"), "api://{b}/User.Read offline_access"),
        ] {
            assert_eq!(ask(asked).as_deref(), Ok(wanted), "{asked:?}");
        }
        for (asked, refusal) in [
            ("https://graph.microsoft.com/User.Read", Refusal::ScopeForeign),
            ("https://graph.microsoft.com//.default", Refusal::ScopeForeign),
            ("00000003-0000-0000-c000-000000000000/User.Read", Refusal::ScopeForeign),
            ("api://other/access_as_user", Refusal::ScopeForeign),
            ("api://{b}0/access_as_user", Refusal::ScopeForeign),
            ("api://{b}/", Refusal::ScopeForeign),
            ("api://{b}/x/access_as_user", Refusal::ScopeForeign),
            ("/access_as_user", Refusal::ScopeForeign),
            ("access_as_user api://other/x", Refusal::ScopeForeign),
            ("acc\"ess", Refusal::ScopeMalformed),
            ("acc\\ess", Refusal::ScopeMalformed),
            ("acc\u{e9}s", Refusal::ScopeMalformed),
        ] {
            assert_eq!(ask(Some(asked)), Err(refusal), "{asked}");
        }
        assert_eq!(ask(Some(&"x ".repeat(65))), Err(Refusal::ScopeMalformed));
    }

    #[test]
    fn a_resources_scopes_are_rights_at_one_api() {
        assert!(resource("https://a/mcp", &["api://{b}/x", "{b}/y"]).is_ok());
        assert!(resource("https://a/mcp", &["https://a/mcp/x"]).is_ok());
        for scopes in [
            &[][..],
            &["x"],
            &["openid"],
            &["api://{b}/.default"],
            &["https://graph.microsoft.com/User.Read"],
            &["api://{b}/x", "api://other/x"],
            &["api:///x"],
            &["api://{b}/"],
            &["api://{b}/x y"],
        ] {
            assert_eq!(resource("https://a/mcp", scopes).unwrap_err().len(), 1, "{scopes:?}");
        }
    }

    #[test]
    fn a_resource_is_named_to_the_letter_or_the_only_one() {
        let [a, b] =
            ["https://a/mcp", "https://b/mcp"].map(|url| resource(url, &["{b}/x"]).unwrap());
        let one = Resources::new(vec![a.clone()]);
        let two = Resources::new(vec![a.clone(), b]);
        assert_eq!(one.named(None), Ok(&a));
        assert_eq!(two.named(None), Err(Refusal::ResourceMissing));
        assert_eq!(two.named(Some("https://a/mcp")), Ok(&a));
        for other in [
            "https://a/mcp/",
            "https://A/mcp",
            "https://a:443/mcp",
            "https://a",
            "https://c/mcp",
            "https://a/mcp#x",
        ] {
            assert_eq!(one.named(Some(other)), Err(Refusal::ResourceUnknown), "{other}");
        }
    }
}
