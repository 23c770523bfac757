//! The real parts: found where the user says, or fetched or built once and kept.

pub mod browser;
pub mod cache;
pub mod cluster;
pub mod conformance;
pub mod envoy;
pub mod keycloak;
pub mod kubernetes_mcp_server;
pub mod mesh;
pub mod msal;
pub mod node;
pub mod prerequisites;
pub mod products;
pub mod progress;
mod python;
pub mod python_sdk;
