//! `obolus-facade`: an authorization server to clients, and nothing but a careful relay to Entra ID.
//!
//! A process of its own without key, secret or exchange credential. What it decides is in `obolus_core::login`; here are
//! the listeners, the identity provider's metadata, the one call per token, and what is written of it.

mod answer;
mod body;
mod bucket;
mod config;
mod metadata;
mod metrics;
mod metrics_table;
mod record;
mod routes;
mod running;
mod token;

pub use config::FacadeConfig;
pub use metrics_table::metrics_to_markdown;
pub use running::FacadeServer;

pub use crate::running::LEAVE;
