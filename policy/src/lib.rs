#![doc = include_str!("../README.md")]

mod compile;
mod emit;
mod json_schema;
mod policies;
mod problem;
mod reading;
mod schema;
mod tools;
mod validate;

pub use compile::{compile, compile_unchecked};
pub use problem::Problem;
pub use schema::of_tool as schema_of_tool;
pub use tools::{Tool, read_tools};
