//! `kubernetes-mcp-server` and ours, asked the same on one cluster by the same person.
//!
//! Answers are compared by what they mean: which objects, how many, which fields. Everything that differs stands in
//! [`listed`] with its reason, and nothing else may differ; what is listed and no longer differs fails as well. How
//! answers read is not compared.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets something unexpected fails"
)]

mod compared;
mod listed;
mod meaning;
mod reading;
mod setting;
