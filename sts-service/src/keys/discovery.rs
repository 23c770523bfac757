//! What an issuer says of itself (OpenID Connect Discovery §4).

use serde::Deserialize;

use super::mirror::FetchError;
use crate::config::is_https;
use crate::idp_client::IdpClient;

const MAX_BYTES: usize = 256 * 1024;

/// The endpoints that we use.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Endpoints {
    issuer: String,
    pub(crate) jwks_uri: String,
    pub(crate) token_endpoint: Option<String>,
    pub(crate) introspection_endpoint: Option<String>,
}

/// Fetches the discovery document of `issuer`.
pub(super) async fn discover(client: &IdpClient, issuer: &str) -> Result<Endpoints, FetchError> {
    let base = issuer.strip_suffix('/').unwrap_or(issuer);
    let url = format!("{base}/.well-known/openid-configuration");
    let answered = client.call(client.get(&url), MAX_BYTES).await?;
    if answered.status != 200 {
        return Err(FetchError::Status("the discovery document", answered.status.as_u16()));
    }
    read(&answered.body, issuer)
}

/// Believes a document that speaks of this issuer, byte for byte (§4.3): another's would name another's keys.
fn read(body: &[u8], issuer: &str) -> Result<Endpoints, FetchError> {
    let endpoints: Endpoints = serde_json::from_slice(body)
        .map_err(|_| FetchError::Malformed("the discovery document"))?;
    if endpoints.issuer != issuer {
        return Err(FetchError::OtherIssuer);
    }
    let named = [
        Some(&endpoints.jwks_uri),
        endpoints.token_endpoint.as_ref(),
        endpoints.introspection_endpoint.as_ref(),
    ];
    if !named.into_iter().flatten().all(|url| is_https(url)) {
        return Err(FetchError::NotHttps);
    }
    Ok(endpoints)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_of_another_issuer_or_with_a_plain_endpoint_is_not_believed() {
        let document = |issuer: &str, jwks: &str, token: &str| {
            json!({"issuer": issuer, "jwks_uri": jwks, "token_endpoint": token}).to_string()
        };
        let read = |text: String| read(text.as_bytes(), "https://idp/r");
        assert!(read(document("https://idp/r", "https://idp/k", "https://idp/t")).is_ok());
        for (issuer, jwks, token) in [
            ("https://idp/r/", "https://idp/k", "https://idp/t"),
            ("https://IDP/r", "https://idp/k", "https://idp/t"),
            ("https://other", "https://idp/k", "https://idp/t"),
            ("https://idp/r", "http://idp/k", "https://idp/t"),
            ("https://idp/r", "https://idp/k", "http://idp/t"),
            ("https://idp/r", "file:///etc/passwd", "https://idp/t"),
            ("https://idp/r", "https://user:password@idp/k", "https://idp/t"),
        ] {
            assert!(read(document(issuer, jwks, token)).is_err(), "{issuer} {jwks} {token}");
        }
        assert!(read("<html>".to_owned()).is_err());
    }
}
