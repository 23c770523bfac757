//! Configuration: read whole, every problem told at once.

mod algorithms;
mod filter;
mod section;

pub use algorithms::algorithms;
pub use filter::{FilterConfig, Resource, StsEndpoint};
pub use section::{Problem, Problems, Section};
