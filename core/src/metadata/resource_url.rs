//! A resource's public URL: its identifier (RFC 8707 §2, RFC 9728 §1.2), and where its metadata stand.

use std::fmt;

use http::Uri;
use http::uri::Authority;

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The canonical URL of a protected resource: what clients send as `resource`, and the usual audience.
///
/// Answers are built from it alone, never from the `Host` or `X-Forwarded-*` of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceUrl {
    scheme: String,
    authority: String,
    path: String,
}

/// Why a text is no resource URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResourceUrlError {
    /// Not an absolute URL.
    #[error("must be an absolute URL such as https://mcp.example.com/mcp")]
    NotAbsolute,
    /// Neither https nor loopback http.
    #[error("must be https (http is for loopback addresses only)")]
    NotHttps,
    /// Has a query, a fragment or user information.
    #[error("must have no query, no fragment and no user information")]
    Extra,
    /// Upper case in the host, a default port, a trailing slash, an escape or what would need one, an empty or
    /// dot segment: clients compare identifiers byte for byte.
    #[error(
        "must be in canonical form: lower-case host, no default port, no trailing slash, no %-escapes or characters that need them, no empty or dot segments"
    )]
    NotCanonical,
}

impl ResourceUrl {
    /// Reads a canonical URL.
    ///
    /// # Errors
    /// [`ResourceUrlError`].
    pub fn parse(text: &str) -> Result<Self, ResourceUrlError> {
        if text.contains(['#', '?', '@']) {
            return Err(ResourceUrlError::Extra);
        }
        let uri: Uri = text.parse().map_err(|_| ResourceUrlError::NotAbsolute)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(ResourceUrlError::NotAbsolute);
        };
        let loopback = matches!(authority.host(), "localhost" | "127.0.0.1" | "[::1]");
        let default_port = match scheme {
            "https" => 443,
            "http" if loopback => 80,
            _ => return Err(ResourceUrlError::NotHttps),
        };
        let path = if uri.path() == "/" { "" } else { uri.path() };
        let url = Self {
            scheme: scheme.to_owned(),
            authority: authority.as_str().to_ascii_lowercase(),
            path: path.to_owned(),
        };
        let is_canonical = is_canonical_authority(authority, default_port)
            && is_canonical_path(path)
            && url.to_string() == text;
        if is_canonical { Ok(url) } else { Err(ResourceUrlError::NotCanonical) }
    }

    /// Whether a request's `:authority` names this resource's host. A default port may be spelled out; case does
    /// not count (RFC 3986 §3.2.2).
    #[must_use]
    pub fn is_at_authority(&self, authority: &str) -> bool {
        let default_port = if self.scheme == "https" { ":443" } else { ":80" };
        let has_port = self.authority.rsplit(']').next().is_some_and(|end| end.contains(':'));
        let bare = match authority.strip_suffix(default_port) {
            Some(bare) if !has_port => bare,
            _ => authority,
        };
        bare.eq_ignore_ascii_case(&self.authority)
    }

    /// The path of the metadata document (RFC 9728 §3.1: between host and path).
    #[must_use]
    pub fn metadata_path(&self) -> String {
        format!("{WELL_KNOWN}{}", self.path)
    }

    /// The path at the root of the host, where clients look when the first one is missing.
    #[must_use]
    pub fn root_metadata_path() -> &'static str {
        WELL_KNOWN
    }

    /// The absolute URL of the metadata document.
    #[must_use]
    pub fn metadata_url(&self) -> String {
        format!("{}{}", self.origin(), self.metadata_path())
    }

    /// Scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }

    /// The path, with its leading slash; empty for the root.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Host and port, as they stand in the URL.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

/// Lower-case letters, digits, dots, hyphens and underscores, or an IPv6 address; and a port that is needed, in
/// plain digits.
fn is_canonical_authority(authority: &Authority, default_port: u16) -> bool {
    let host = authority.host();
    let is_ipv6 =
        |inner: &str| inner.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b':'));
    let is_label = |label: &str| {
        let known = |b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        !label.is_empty() && label.bytes().all(known)
    };
    let host_fits = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => is_ipv6(inner),
        None => host.split('.').all(is_label),
    };
    let rest = authority.as_str().get(host.len()..).unwrap_or_default();
    let port_fits = match authority.port_u16() {
        None => rest.is_empty(),
        Some(port) => port != 0 && port != default_port && rest == format!(":{port}"),
    };
    host_fits && port_fits
}

/// No segment that is empty or made of dots, and only characters that need no escape, here and in the quotes of
/// a challenge (RFC 3986 §3.3 without `%`).
fn is_canonical_path(path: &str) -> bool {
    path.split('/').skip(1).all(|segment| !matches!(segment, "" | "." | ".."))
        && path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:".contains(&b))
}

impl fmt::Display for ResourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme, self.authority, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_urls_are_taken_and_others_are_told_why_not() {
        for good in [
            "https://mcp.example.com/mcp",
            "https://a.b:8443",
            "http://localhost:10000/mcp",
            "http://127.0.0.1:1/x/y",
        ] {
            assert_eq!(ResourceUrl::parse(good).map(|url| url.to_string()), Ok(good.to_owned()));
        }
        for (bad, error) in [
            ("mcp.example.com/mcp", ResourceUrlError::NotAbsolute),
            ("/mcp", ResourceUrlError::NotAbsolute),
            ("", ResourceUrlError::NotAbsolute),
            ("http://mcp.example.com/mcp", ResourceUrlError::NotHttps),
            ("ftp://localhost/mcp", ResourceUrlError::NotHttps),
            ("https://a/mcp?x=1", ResourceUrlError::Extra),
            ("https://a/mcp#x", ResourceUrlError::Extra),
            ("https://u:p@a/mcp", ResourceUrlError::Extra),
            ("https://a/mcp/", ResourceUrlError::NotCanonical),
            ("https://a/", ResourceUrlError::NotCanonical),
            ("https://A/mcp", ResourceUrlError::NotCanonical),
            ("https://a:443/mcp", ResourceUrlError::NotCanonical),
            ("https://a//mcp", ResourceUrlError::NotCanonical),
            ("https://a/x/../mcp", ResourceUrlError::NotCanonical),
            ("https://a/%6dcp", ResourceUrlError::NotCanonical),
        ] {
            assert_eq!(ResourceUrl::parse(bad), Err(error), "{bad}");
        }
    }

    #[test]
    fn metadata_stand_between_host_and_path() {
        let url = ResourceUrl::parse("https://mcp.example.com/team/mcp").unwrap();
        assert_eq!(
            url.metadata_url(),
            "https://mcp.example.com/.well-known/oauth-protected-resource/team/mcp"
        );
        assert!(url.is_at_authority("MCP.example.com:443"));
        assert!(!url.is_at_authority("mcp.example.com:80"));
        assert!(!url.is_at_authority("mcp.example.com.evil"));
    }
}
