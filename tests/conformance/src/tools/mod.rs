//! What the tools do.

pub(crate) mod changes;
pub(crate) mod content;
pub(crate) mod input_required;
pub(crate) mod jobs;
pub(crate) mod questions;
pub(crate) mod schemas;
pub(crate) mod streaming;
