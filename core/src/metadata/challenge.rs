//! The `WWW-Authenticate` header of a denial (RFC 6750 §3, RFC 9728 §5.1, MCP authorization).

use crate::Denial;
use crate::config::Resource;

/// The challenge for this denial, or `None` where the answer is no challenge.
///
/// Every value is quoted text from the configuration or from [`Reason`](crate::Reason), checked at start to need no
/// escapes, or claims in base64 (Entra ID's claims challenge), with the plain ones among their authentication
/// contexts (RFC 9470 §3); nothing of the request is echoed.
#[must_use]
pub fn challenge(denial: &Denial, resource: &Resource) -> Option<String> {
    let reason = denial.reason();
    if !reason.is_challenge() {
        return None;
    }
    let mut header = format!(r#"Bearer resource_metadata="{}""#, resource.url.metadata_url());
    let mut parameter = |name: &str, value: &str| {
        header.push_str(&format!(r#", {name}="{}""#, value.replace(['"', '\\'], "'")));
    };
    let scopes = scopes_to_ask_for(denial, resource);
    if !scopes.is_empty() {
        parameter("scope", &scopes.join(" "));
    }
    if let Some(error) = reason.oauth_error() {
        parameter("error", error);
        parameter("error_description", reason.description());
    }
    if let Some(claims) = denial.claims() {
        parameter("claims", &claims.to_base64());
        let contexts = claims.contexts();
        if !contexts.is_empty() {
            parameter("acr_values", &contexts.join(" "));
        }
    }
    Some(header)
}

/// Those that every call needs, and those that this one needs: a client asks for what stands here and nothing else.
#[must_use]
pub fn scopes_to_ask_for<'a>(denial: &'a Denial, resource: &'a Resource) -> Vec<&'a str> {
    let mut scopes: Vec<_> = resource.required_scopes.iter().map(String::as_str).collect();
    for scope in denial.scopes() {
        if !scopes.contains(&scope.as_str()) {
            scopes.push(scope);
        }
    }
    scopes
}
