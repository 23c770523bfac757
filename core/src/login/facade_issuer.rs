//! The façade's issuer, and which URLs of its host are the façade's.

use std::fmt;

use crate::metadata::{ResourceUrl, ResourceUrlError};

/// The well-known names of an authorization server's metadata (RFC 8414 §3, OpenID Connect Discovery 1.0 §4).
const WELL_KNOWN: [&str; 2] = ["oauth-authorization-server", "openid-configuration"];

/// The issuer that `obolus-facade` is to clients: an https URL, compared byte for byte (RFC 8414 §3.3).
///
/// One with a path, such as `https://mcp.example.com/oauth`, is spelled in one way only; without a path, some clients
/// write a slash behind it and then find that the issuer is another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacadeIssuer(ResourceUrl);

/// What the façade does at one of its paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// The authorization server's metadata.
    Metadata,
    /// The authorization endpoint, where a person's browser comes (RFC 6749 §3.1).
    Authorize,
    /// The token endpoint (RFC 6749 §3.2).
    Token,
    /// The registration endpoint (RFC 7591 §3).
    Register,
}

impl Endpoint {
    /// All endpoints.
    pub const ALL: [Self; 4] = [Self::Metadata, Self::Authorize, Self::Token, Self::Register];

    /// The last segment of its URL; metadata have several URLs, see [`FacadeIssuer::metadata_paths`].
    fn segment(self) -> Option<&'static str> {
        match self {
            Self::Metadata => None,
            Self::Authorize => Some("authorize"),
            Self::Token => Some("token"),
            Self::Register => Some("register"),
        }
    }
}

impl FacadeIssuer {
    /// Reads an issuer in canonical form.
    ///
    /// # Errors
    /// As [`ResourceUrl::parse`].
    pub fn parse(text: &str) -> Result<Self, ResourceUrlError> {
        ResourceUrl::parse(text).map(Self)
    }

    /// Host and port, as they stand in the URL.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.0.authority()
    }

    /// Whether a request's `:authority` names the façade's host.
    #[must_use]
    pub fn is_at_authority(&self, authority: &str) -> bool {
        self.0.is_at_authority(authority)
    }

    /// The paths of the metadata, in the order in which clients look: between host and path, behind the path, and at the
    /// root of the host, where some look although the issuer has a path (MCP 2026-07-28, authorization server discovery).
    #[must_use]
    pub fn metadata_paths(&self) -> Vec<String> {
        let path = self.0.path();
        let mut paths: Vec<String> = Vec::new();
        for well_known in WELL_KNOWN {
            paths.push(format!("/.well-known/{well_known}{path}"));
        }
        if !path.is_empty() {
            for well_known in WELL_KNOWN {
                paths.push(format!("{path}/.well-known/{well_known}"));
            }
            for well_known in WELL_KNOWN {
                paths.push(format!("/.well-known/{well_known}"));
            }
        }
        paths
    }

    /// The paths of an endpoint.
    #[must_use]
    pub fn paths_of(&self, endpoint: Endpoint) -> Vec<String> {
        match endpoint.segment() {
            None => self.metadata_paths(),
            Some(segment) => vec![format!("{}/{segment}", self.0.path())],
        }
    }

    /// The absolute URL of an endpoint, as metadata name it; of the metadata, the one that clients ask for first.
    #[must_use]
    pub fn url_of(&self, endpoint: Endpoint) -> String {
        let path = self.paths_of(endpoint).into_iter().next().unwrap_or_default();
        format!("{}{path}", self.0.origin())
    }

    /// What is at this path (without query), compared byte for byte: nothing else is the façade's.
    #[must_use]
    pub fn endpoint_at(&self, path: &str) -> Option<Endpoint> {
        Endpoint::ALL
            .into_iter()
            .find(|&endpoint| self.paths_of(endpoint).iter().any(|own| own == path))
    }
}

impl fmt::Display for FacadeIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_stand_wherever_clients_look_and_endpoints_below_the_issuer() {
        let issuer = FacadeIssuer::parse("https://mcp.example.com/oauth").unwrap();
        for path in [
            "/.well-known/oauth-authorization-server/oauth",
            "/.well-known/openid-configuration/oauth",
            "/oauth/.well-known/oauth-authorization-server",
            "/oauth/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server",
            "/.well-known/openid-configuration",
        ] {
            assert_eq!(issuer.endpoint_at(path), Some(Endpoint::Metadata), "{path}");
        }
        for (path, endpoint) in [
            ("/oauth/authorize", Endpoint::Authorize),
            ("/oauth/token", Endpoint::Token),
            ("/oauth/register", Endpoint::Register),
        ] {
            assert_eq!(issuer.endpoint_at(path), Some(endpoint), "{path}");
        }
        for path in [
            "/",
            "/oauth",
            "/oauth/",
            "/oauth/token/",
            "/oauth//token",
            "/OAuth/token",
            "/token",
            "/mcp",
            "/oauth/x/../token",
            "/oauth/%74oken",
            "/.well-known/oauth-authorization-server/mcp",
            "/.well-known/oauth-protected-resource",
        ] {
            assert_eq!(issuer.endpoint_at(path), None, "{path}");
        }
        assert_eq!(issuer.url_of(Endpoint::Token), "https://mcp.example.com/oauth/token");
        assert_eq!(
            issuer.url_of(Endpoint::Metadata),
            "https://mcp.example.com/.well-known/oauth-authorization-server/oauth"
        );
    }

    #[test]
    fn an_issuer_without_a_path_has_the_host_for_itself() {
        let issuer = FacadeIssuer::parse("https://login.example.com").unwrap();
        assert_eq!(issuer.endpoint_at("/authorize"), Some(Endpoint::Authorize));
        assert_eq!(issuer.metadata_paths().len(), 2);
        for text in ["https://login.example.com/", "http://login.example.com", "https://a/b?c"] {
            assert!(FacadeIssuer::parse(text).is_err(), "{text}");
        }
    }
}
