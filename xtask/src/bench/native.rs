//! What Envoy itself has for the same job, as far as it goes: it verifies the token, reads the message and
//! asks for a scope. It exchanges nothing.

use serde_json::{Value, json};

/// Where the token's claims are left for the rule.
const CLAIMS: &str = "jwt";

/// Envoy's own filters.
pub(crate) struct Chain {
    pub(crate) issuer: String,
    pub(crate) audience: String,
    pub(crate) keys: Value,
    /// As many as our filter's default.
    pub(crate) cached_tokens: u32,
    /// As our filter's default.
    pub(crate) max_body_bytes: u64,
    pub(crate) scope: &'static str,
}

impl Chain {
    pub(crate) fn filters(&self) -> Vec<Value> {
        vec![self.jwt_authn(), self.mcp(), self.rbac()]
    }

    fn jwt_authn(&self) -> Value {
        json!({
            "name": "envoy.filters.http.jwt_authn",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
                "providers": {"idp": {
                    "issuer": self.issuer,
                    "audiences": [self.audience],
                    "local_jwks": {"inline_string": self.keys.to_string()},
                    "jwt_cache_config": {"jwt_cache_size": self.cached_tokens},
                    "payload_in_metadata": CLAIMS,
                    "require_expiration": true,
                    // The upstream gets what it gets in plain routing.
                    "forward": true,
                }},
                "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "idp"}}],
            },
        })
    }

    fn mcp(&self) -> Value {
        json!({
            "name": "envoy.filters.http.mcp",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.mcp.v3.Mcp",
                "traffic_mode": "REJECT_NO_MCP",
                "max_request_body_size": self.max_body_bytes,
            },
        })
    }

    fn rbac(&self) -> Value {
        json!({
            "name": "envoy.filters.http.rbac",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
                "rules": {"action": "ALLOW", "policies": {"scope": {
                    "permissions": [{"any": true}],
                    "principals": [{"metadata": {
                        "filter": "envoy.filters.http.jwt_authn",
                        "path": [{"key": CLAIMS}, {"key": "scope"}],
                        "value": {"string_match": {"contains": self.scope}},
                    }}],
                }}},
            },
        })
    }
}
