//! OAuth 2.0 Protected Resource Metadata (RFC 9728 §2), from the configuration alone.

use serde_json::json;

use crate::config::Resource;

/// The document that clients fetch to learn who issues tokens for the resource.
#[must_use]
pub fn protected_resource_metadata(resource: &Resource) -> serde_json::Value {
    json!({
        "resource": resource.url.to_string(),
        "resource_name": resource.name,
        "authorization_servers": resource.authorization_servers,
        "scopes_supported": resource.required_scopes,
        "bearer_methods_supported": ["header"],
    })
}
