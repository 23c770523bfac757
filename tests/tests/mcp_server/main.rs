//! The MCP server in front of a real API server: whose credentials it uses, and what each tool does
//! with them.
//!
//! The tokens are signed by a provider of the tests' own, as the MCP server sees them after an
//! exchange; that Keycloak's and the gateway's arrive the same way is shown end to end.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets something unexpected fails"
)]

mod credentials;
mod setting;
mod tools;
