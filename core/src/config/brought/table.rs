//! The table of brought keys.

use super::Part;

/// Where a brought key is at home with us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// One of our programs reads it.
    Part(Part),
    /// No program reads it from this file; the sentence says why, or where it stands.
    Elsewhere(&'static str),
}

const STS: Home = Home::Part(Part::Sts);
const MCP: Home = Home::Part(Part::McpServer);

/// Every top-level key that `kubernetes-mcp-server` knows, or knew.
pub const KEYS: &[(&str, Home)] = &[
    ("authorization_url", STS),
    ("certificate_authority", STS),
    ("oauth_audience", STS),
    ("oauth_scopes", STS),
    ("token_exchange", STS),
    ("token_exchange_strategy", STS),
    ("sts_audience", STS),
    ("sts_scopes", STS),
    ("sts_auth_style", STS),
    ("sts_client_id", STS),
    ("sts_client_secret", STS),
    ("sts_client_cert_file", STS),
    ("sts_client_key_file", STS),
    ("sts_federated_token_file", STS),
    ("port", MCP),
    ("bind_address", MCP),
    ("metrics_port", MCP),
    ("log_level", MCP),
    ("log_file", MCP),
    ("kubeconfig", MCP),
    ("cluster_provider_strategy", MCP),
    ("cluster_provider_configs", MCP),
    ("cluster_auth_mode", MCP),
    ("list_output", MCP),
    ("stateless", MCP),
    ("server_instructions", MCP),
    ("prompts", MCP),
    ("tool_overrides", MCP),
    ("read_only", MCP),
    ("disable_destructive", MCP),
    ("toolsets", MCP),
    ("enabled_tools", MCP),
    ("disabled_tools", MCP),
    ("denied_resources", MCP),
    ("toolset_configs", MCP),
    ("tls_cert", MCP),
    ("tls_key", MCP),
    ("require_tls", MCP),
    ("tls_min_version", MCP),
    ("tls_cipher_suites", MCP),
    ("http", MCP),
    ("validation_enabled", MCP),
    ("experimental_enable_target_compatibility_tool_filters", MCP),
    ("confirmation_fallback", MCP),
    ("confirmation_rules", MCP),
    ("telemetry", MCP),
    (
        "require_oauth",
        Home::Elsewhere("is always so here: the gateway lets nobody in without a token"),
    ),
    ("skip_jwt_verification", Home::Elsewhere("is never so here: filter and STS both verify")),
    ("validate_token", Home::Elsewhere("is always so here: the API server sees every token")),
    ("trust_proxy_headers", Home::Elsewhere("is never so here")),
    (
        "server_url",
        Home::Elsewhere(
            "is read by neither program: it is `resource` in the filter's configuration",
        ),
    ),
    (
        "disable_dynamic_client_registration",
        Home::Elsewhere("does nothing here: no part of ours registers clients"),
    ),
];

/// Whose a key is.
#[must_use]
pub fn home_of(key: &str) -> Option<Home> {
    KEYS.iter().find(|(name, _)| *name == key).map(|(_, home)| *home)
}

/// One setting of the token exchange, in both of its forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenExchangeKey {
    /// As the published guides print it; some have none.
    pub older: Option<&'static str>,
    /// As a path into the newer table.
    pub newer: &'static str,
}

/// All settings of the token exchange.
pub const TOKEN_EXCHANGE: &[TokenExchangeKey] = &[
    key(Some("token_exchange_strategy"), "token_exchange.strategy"),
    key(Some("sts_audience"), "token_exchange.audience"),
    key(Some("sts_scopes"), "token_exchange.scopes"),
    key(None, "token_exchange.subject_token_type"),
    key(None, "token_exchange.requested_token_type"),
    key(Some("sts_auth_style"), "token_exchange.client_auth.method"),
    key(Some("sts_client_id"), "token_exchange.client_auth.client_id"),
    key(Some("sts_client_secret"), "token_exchange.client_auth.client_secret"),
    // Ours, for both: a secret is better in a file.
    key(None, "token_exchange.client_auth.client_secret_file"),
    key(Some("sts_client_cert_file"), "token_exchange.client_auth.certificate_file"),
    key(Some("sts_client_key_file"), "token_exchange.client_auth.private_key_file"),
    key(Some("sts_federated_token_file"), "token_exchange.client_auth.token_file"),
];

const fn key(older: Option<&'static str>, newer: &'static str) -> TokenExchangeKey {
    TokenExchangeKey { older, newer }
}
