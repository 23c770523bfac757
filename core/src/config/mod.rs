//! Configuration: read whole, every problem told at once.

mod access;
mod algorithms;
mod apart;
pub mod brought;
mod entra_resource;
mod filter;
mod issuers;
mod names;
mod nearest;
mod origins;
mod patience;
mod place;
mod provider;
mod resource;
mod scopes;
mod section;
mod sessions;
mod targets;
mod tenants;

pub use algorithms::algorithms;
pub use filter::{FilterConfig, StsEndpoint};
pub use names::{check_name, names_in, not_configured};
pub use origins::allowed_origins;
pub use patience::{DEFAULT_IDP_TIMEOUT_MS, DEFAULT_STS_TIMEOUT_MS};
pub use place::place;
pub use provider::provider;
pub use resource::{DEFAULT_MAX_BODY_BYTES, DEFAULT_MAX_LIST_BYTES, Resource};
pub use section::{Problem, Problems, Section};
pub use sessions::SessionSettings;
pub use targets::Targets;
pub use tenants::{entra_tenant, entra_tenants};
