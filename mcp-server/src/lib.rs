//! Kubernetes tools over MCP that act as the caller and nobody else.
//!
//! Every request brings the caller's own token, already exchanged for one that the API server accepts. The server
//! has no credential of its own: no kubeconfig, no service account, nothing read from the environment. What the
//! caller may not do, it cannot do either. The one exception is off unless it is configured: at an API server that cannot
//! be told of the identity provider, people whose tokens were verified here are impersonated.
//!
//! [`Prepared`] is for the other mode: one person, on their own machine, with their own kubeconfig. Only the module behind
//! it reads one, and nothing of it is reachable from [`Running`].

mod awaited;
mod bounded_file;
mod call_log;
mod clock;
mod cluster;
pub mod config;
mod confirmation;
mod failure;
mod front;
mod generation;
mod guide;
mod helm;
mod limits;
mod live;
mod manifest;
mod metrics;
mod names;
mod near;
mod operations;
mod output;
mod person;
mod prompts;
mod rate;
mod reload;
mod resources;
mod selectors;
mod serve;
mod server;
mod sessions;
mod stdio;
mod strict_body;
mod surroundings;
mod telemetry;
mod tls;
mod tools;
mod under_way;
mod user_token;

pub use cluster::{Cluster, Clusters};
pub use config::Config;
pub use guide::{tools_table, with_tools_table};
pub use metrics::metrics_table;
pub use serve::{Running, StartError};
pub use stdio::{Prepared, StdioError};
