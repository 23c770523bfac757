//! Configuration: read whole, every problem told at once.

mod algorithms;
pub mod brought;
mod filter;
mod issuers;
mod names;
mod provider;
mod section;
mod tenants;

pub use algorithms::algorithms;
pub use filter::{DEFAULT_MAX_BODY_BYTES, FilterConfig, Resource, StsEndpoint};
pub use provider::provider;
pub use section::{Problem, Problems, Section};
pub use tenants::entra_tenants;
