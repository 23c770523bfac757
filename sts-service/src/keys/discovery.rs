//! What an issuer says of itself (OpenID Connect Discovery §4).

use serde::Deserialize;

use super::mirror::FetchError;
use crate::config::{Issuer, is_https, same_origin};
use crate::idp_client::IdpClient;

const MAX_BYTES: usize = 256 * 1024;
/// Of a name that somebody else chose, in characters.
const MAX_SHOWN: usize = 200;

/// The endpoints that we use.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Endpoints {
    issuer: String,
    pub(crate) jwks_uri: String,
    pub(crate) token_endpoint: Option<String>,
    pub(crate) introspection_endpoint: Option<String>,
}

/// Fetches the discovery document of `issuer`, whose tokens say `own` in `iss`.
pub(super) async fn discover(
    client: &IdpClient,
    issuer: &Issuer,
    own: &str,
) -> Result<Endpoints, FetchError> {
    let base = own.strip_suffix('/').unwrap_or(own);
    let url = format!("{base}/.well-known/openid-configuration");
    let answered = client.call(client.get(&url), MAX_BYTES).await?;
    if answered.status != 200 {
        return Err(FetchError::Status("the discovery document", answered.status.as_u16()));
    }
    let (jwks_uri, token_endpoint) = (issuer.jwks_uri.as_deref(), issuer.token_endpoint.as_deref());
    read(&answered.body, own, jwks_uri, token_endpoint)
}

/// Believes a document that speaks of this issuer, byte for byte (§4.3): another's would name another's keys.
/// And it may send tokens, secrets and the question for keys to the issuer's own origin only, or where the
/// configuration says.
fn read(
    body: &[u8],
    issuer: &str,
    jwks_uri: Option<&str>,
    token_endpoint: Option<&str>,
) -> Result<Endpoints, FetchError> {
    let mut endpoints: Endpoints = serde_json::from_slice(body)
        .map_err(|_| FetchError::Malformed("the discovery document"))?;
    if endpoints.issuer != issuer {
        let found = endpoints.issuer.chars().take(MAX_SHOWN).collect();
        return Err(FetchError::OtherIssuer { found, wanted: issuer.to_owned() });
    }
    let named = [
        Some(&endpoints.jwks_uri),
        endpoints.token_endpoint.as_ref(),
        endpoints.introspection_endpoint.as_ref(),
    ];
    if !named.into_iter().flatten().all(|url| is_https(url)) {
        return Err(FetchError::NotHttps);
    }
    match jwks_uri {
        Some(configured) => configured.clone_into(&mut endpoints.jwks_uri),
        None if same_origin(&endpoints.jwks_uri, issuer) => {}
        None => return Err(FetchError::OtherOrigin("jwks_uri")),
    }
    match (token_endpoint, &endpoints.token_endpoint) {
        (Some(configured), _) => endpoints.token_endpoint = Some(configured.to_owned()),
        (None, Some(named)) if !same_origin(named, issuer) => {
            return Err(FetchError::OtherOrigin("token_endpoint"));
        }
        (None, _) => {}
    }
    // Only refusals are explained by it: it is not worth a failure.
    endpoints.introspection_endpoint = endpoints.introspection_endpoint.filter(|named| {
        let believed =
            [Some(issuer), token_endpoint].into_iter().flatten().any(|url| same_origin(named, url));
        if !believed {
            tracing::warn!(issuer, "the introspection endpoint is on another host, and not asked");
        }
        believed
    });
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
        let read = |text: String| read(text.as_bytes(), "https://idp/r", None, None);
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

    #[test]
    fn endpoints_are_on_the_issuers_origin_or_configured() {
        let document = |jwks: &str, token: &str, introspection: &str| {
            json!({
                "issuer": "https://idp/r", "jwks_uri": jwks, "token_endpoint": token,
                "introspection_endpoint": introspection,
            })
            .to_string()
        };
        let own = ("https://idp:443/k", "https://IDP/t", "https://idp/i");
        let good = document(own.0, own.1, own.2);
        let endpoints = read(good.as_bytes(), "https://idp/r", None, None).unwrap();
        assert_eq!(endpoints.introspection_endpoint.as_deref(), Some(own.2));
        for other in ["https://evil", "https://idp:8443", "https://idp.evil", "https://x.idp"] {
            let foreign = format!("{other}/x");
            let refused = |text: String| {
                read(text.as_bytes(), "https://idp/r", None, None).unwrap_err().to_string()
            };
            assert!(refused(document(&foreign, own.1, own.2)).contains("write jwks_uri"));
            assert!(refused(document(own.0, &foreign, own.2)).contains("write token_endpoint"));
            let text = document(own.0, own.1, &foreign);
            let endpoints = read(text.as_bytes(), "https://idp/r", None, None).unwrap();
            assert_eq!(endpoints.introspection_endpoint, None);

            let text = document(&foreign, &foreign, &foreign);
            let (keys, token) = (format!("{other}/keys"), format!("{other}/token"));
            let endpoints =
                read(text.as_bytes(), "https://idp/r", Some(&keys), Some(&token)).unwrap();
            assert_eq!(endpoints.jwks_uri, keys);
            assert_eq!(endpoints.token_endpoint, Some(token));
            assert_eq!(endpoints.introspection_endpoint, Some(foreign));
        }
    }
}
