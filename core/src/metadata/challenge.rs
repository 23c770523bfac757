//! The `WWW-Authenticate` header of a denial (RFC 6750 §3, RFC 9728 §5.1, MCP authorization).

use crate::Reason;
use crate::config::Resource;

/// The challenge for this reason, or `None` where the answer is no challenge.
///
/// Every value is quoted text from the configuration or from [`Reason`], checked at start to need no escapes;
/// nothing of the request is echoed.
#[must_use]
pub fn challenge(reason: Reason, resource: &Resource) -> Option<String> {
    if !reason.is_challenge() {
        return None;
    }
    let mut header = format!(r#"Bearer resource_metadata="{}""#, resource.url.metadata_url());
    let mut parameter = |name: &str, value: &str| {
        header.push_str(&format!(r#", {name}="{}""#, value.replace(['"', '\\'], "'")));
    };
    if !resource.required_scopes.is_empty() {
        parameter("scope", &resource.required_scopes.join(" "));
    }
    if let Some(error) = reason.oauth_error() {
        parameter("error", error);
        parameter("error_description", reason.description());
    }
    Some(header)
}
