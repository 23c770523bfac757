#![doc = include_str!("../README.md")]

pub mod claims;
mod compile;
mod emit;
mod expected;
pub mod explained;
mod fit;
mod json_schema;
mod made_up;
mod policies;
mod problem;
mod reading;
pub mod request;
mod schema;
pub mod setting;
pub mod suite;
pub mod tested;
mod tools;
mod validate;

pub use compile::{compile, compile_unchecked};
pub use expected::{Came, Expected};
pub use fit::fit;
pub use made_up::Profile;
pub use problem::Problem;
pub use schema::of_tool as schema_of_tool;
pub use tools::{Tool, read_tools};
