//! The authorization server's metadata (RFC 8414): what the identity provider's say, and what ours say.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Endpoint, Facade};
use crate::token::{EntraTenants, TenantId};

/// Where the identity provider's endpoints are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    /// Where browsers go.
    pub authorization_endpoint: String,
    /// Where codes go.
    pub token_endpoint: String,
    /// Where keys are.
    pub jwks_uri: String,
}

/// Why metadata of the identity provider are of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// No JSON object with the members that are needed.
    #[error("are no metadata of an authorization server (RFC 8414 §2)")]
    Malformed,
    /// Of no tenant.
    #[error(
        "stand for many tenants: their issuer is a template with {{tenantid}}, which equals no token's iss; the tenant's \
         own id belongs into upstream.tenant"
    )]
    Templated,
    /// v1's.
    #[error(
        "are those of the v1 endpoints, whose issuer is at sts.windows.net and not where the metadata are, so that every \
         client has to refuse them (RFC 8414 §3.3)"
    )]
    V1,
    /// Somebody else's.
    #[error("speak of another issuer than {0}")]
    OtherIssuer(String),
    /// An endpoint to which nobody is sent.
    #[error("name a {0} that is not at {1}")]
    OtherPlace(&'static str, String),
    /// It would send `iss`.
    #[error(
        "promise iss in each answer (RFC 9207): clients would find another issuer there than the façade's, and have to \
         refuse every login; such a server needs a broker that answers for itself, or to be named to clients directly"
    )]
    PromisesIss,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    authorization_response_iss_parameter_supported: Option<Value>,
}

impl Upstream {
    /// Reads the metadata of this tenant.
    ///
    /// # Errors
    /// [`UpstreamError`].
    pub fn read(
        body: &[u8],
        tenants: &EntraTenants,
        tenant: &TenantId,
    ) -> Result<Self, UpstreamError> {
        let document: Document =
            serde_json::from_slice(body).map_err(|_| UpstreamError::Malformed)?;
        let own = tenants.issuer_v2(tenant);
        if document.issuer.contains('{') {
            return Err(UpstreamError::Templated);
        }
        if document.issuer == tenants.issuer_v1(tenant) {
            return Err(UpstreamError::V1);
        }
        if document.issuer != own {
            return Err(UpstreamError::OtherIssuer(own));
        }
        // Whatever else may stand there is no "no".
        if !matches!(
            document.authorization_response_iss_parameter_supported,
            None | Some(Value::Null | Value::Bool(false))
        ) {
            return Err(UpstreamError::PromisesIss);
        }
        let below = format!("{}/{tenant}/", tenants.authority_host());
        for (name, url) in [
            ("authorization_endpoint", &document.authorization_endpoint),
            ("token_endpoint", &document.token_endpoint),
            ("jwks_uri", &document.jwks_uri),
        ] {
            if !is_below(url, &below) {
                return Err(UpstreamError::OtherPlace(name, below));
            }
        }
        let Document { authorization_endpoint, token_endpoint, jwks_uri, .. } = document;
        Ok(Self { authorization_endpoint, token_endpoint, jwks_uri })
    }
}

/// A path that leads down from there, in the one spelling that needs no reading.
fn is_below(url: &str, below: &str) -> bool {
    url.strip_prefix(below).is_some_and(|path| {
        path.split('/').all(|segment| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
            !matches!(segment, "" | "." | "..") && segment.bytes().all(plain)
        })
    })
}

/// Our metadata, the same at each of [`super::FacadeIssuer::metadata_paths`].
///
/// No `authorization_response_iss_parameter_supported`: a code comes from the identity provider, which sends no `iss`, and
/// one that did would name itself.
#[must_use]
pub fn server_metadata(facade: &Facade, upstream: &Upstream) -> Value {
    let resources = facade.resources.list();
    let mut scopes: Vec<&str> = Vec::new();
    for scope in resources.iter().flat_map(|resource| resource.scopes()) {
        if !scopes.contains(&scope.as_str()) {
            scopes.push(scope);
        }
    }
    scopes.push("offline_access");
    let urls: Vec<_> = resources.iter().map(|resource| resource.url().to_string()).collect();
    let mut metadata = json!({
        "issuer": facade.issuer.to_string(),
        "authorization_endpoint": facade.issuer.url_of(Endpoint::Authorize),
        "token_endpoint": facade.issuer.url_of(Endpoint::Token),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        // Entra ID knows PKCE and does not say so; clients have to refuse a server that does not (MCP 2026-07-28).
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "scopes_supported": scopes,
        "protected_resources": urls,
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        // What OpenID Connect Discovery requires, for clients that read the document by its schema. There is no ID token.
        "jwks_uri": upstream.jwks_uri,
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
    });
    if let Some(members) = metadata.as_object_mut().filter(|_| facade.registers) {
        let url = facade.issuer.url_of(Endpoint::Register);
        members.insert("registration_endpoint".to_owned(), url.into());
    }
    metadata
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::example::{API, example};

    const HOST: &str = "https://login.microsoftonline.com";
    const TENANT: &str = "11111111-1111-4111-8111-111111111111";

    fn read(change: impl Fn(&mut Value)) -> Result<Upstream, UpstreamError> {
        let own = format!("{HOST}/{TENANT}");
        let mut document = json!({
            "issuer": format!("{own}/v2.0"),
            "authorization_endpoint": format!("{own}/oauth2/v2.0/authorize"),
            "token_endpoint": format!("{own}/oauth2/v2.0/token"),
            "jwks_uri": format!("{own}/discovery/v2.0/keys"),
        });
        change(&mut document);
        let tenant = TenantId::parse(TENANT).unwrap();
        let tenants = EntraTenants::new(HOST.to_owned(), vec![tenant.clone()]);
        Upstream::read(document.to_string().as_bytes(), &tenants, &tenant)
    }

    #[test]
    fn metadata_of_the_tenant_are_believed_and_no_others() {
        let upstream = read(|_| {}).unwrap();
        assert_eq!(upstream.token_endpoint, format!("{HOST}/{TENANT}/oauth2/v2.0/token"));
        for value in [json!(false), json!(null)] {
            assert!(
                read(|d| d["authorization_response_iss_parameter_supported"] = value.clone())
                    .is_ok()
            );
        }
        let own = format!("{HOST}/{TENANT}");
        let wrong = |name: &'static str, value: &str| {
            let value = value.replace("{own}", &own);
            (read(|document| document[name] = json!(value)).unwrap_err(), value)
        };
        for (issuer, error) in [
            (format!("{HOST}/{{tenantid}}/v2.0"), UpstreamError::Templated),
            (format!("https://sts.windows.net/{TENANT}/"), UpstreamError::V1),
            (format!("{own}/v2.0/"), UpstreamError::OtherIssuer(format!("{own}/v2.0"))),
            (format!("{HOST}/common/v2.0"), UpstreamError::OtherIssuer(format!("{own}/v2.0"))),
        ] {
            assert_eq!(wrong("issuer", &issuer).0, error);
        }
        for name in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
            for url in [
                "https://evil.example/oauth2/v2.0/token",
                "http://login.microsoftonline.com/x",
                "https://login.microsoftonline.com/common/oauth2/v2.0/token",
                "{own}.evil/oauth2",
                "{own}/../common/oauth2",
                "{own}/%2e%2e/x",
                "{own}/x?y=1",
                "{own}/x#y",
                "{own}/x\\y",
                "{own}/",
                "{own}//x",
            ] {
                let (error, url) = wrong(name, url);
                assert!(matches!(error, UpstreamError::OtherPlace(..)), "{name} {url}: {error}");
            }
            assert_eq!(read(|document| document[name] = json!(1)), Err(UpstreamError::Malformed));
        }
        for value in [json!(true), json!("true"), json!(1)] {
            let error =
                read(|d| d["authorization_response_iss_parameter_supported"] = value.clone());
            assert_eq!(error, Err(UpstreamError::PromisesIss));
        }
    }

    #[test]
    fn ours_name_us_and_promise_what_is_kept() {
        let upstream = read(|_| {}).unwrap();
        let facade = example();
        let metadata = server_metadata(&facade, &upstream);
        assert_eq!(metadata["issuer"], "https://mcp.example.com/oauth");
        assert_eq!(metadata["authorization_endpoint"], "https://mcp.example.com/oauth/authorize");
        assert_eq!(metadata["token_endpoint"], "https://mcp.example.com/oauth/token");
        assert_eq!(metadata["registration_endpoint"], "https://mcp.example.com/oauth/register");
        assert_eq!(metadata["code_challenge_methods_supported"], json!(["S256"]));
        assert_eq!(metadata["token_endpoint_auth_methods_supported"], json!(["none"]));
        let scopes = json!([format!("api://{API}/access_as_user"), "offline_access"]);
        assert_eq!(metadata["scopes_supported"], scopes);
        assert_eq!(metadata["jwks_uri"], upstream.jwks_uri);
        assert!(metadata.get("authorization_response_iss_parameter_supported").is_none());
        let silent = server_metadata(&Facade { registers: false, ..facade }, &upstream);
        assert!(silent.get("registration_endpoint").is_none());
    }
}
