//! The official conformance suite of MCP against one server: directly, and through Envoy with the filter.
//!
//! The suite cannot send a token, so on either way it is given a proxy that adds one; all that differs is Envoy, the
//! filter and the STS. The token is a real Keycloak's. What the suite says of the server is not the point here, only that
//! it says the same on either way: it does not try to do what somebody may not.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod authorization_server;
mod side_by_side;
mod transparency;
mod world;
