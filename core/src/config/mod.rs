//! Configuration: read whole, every problem told at once.

mod algorithms;
pub mod brought;
mod filter;
mod issuers;
mod names;
mod section;

pub use algorithms::algorithms;
pub use filter::{DEFAULT_MAX_BODY_BYTES, FilterConfig, Resource, StsEndpoint};
pub use section::{Problem, Problems, Section};
