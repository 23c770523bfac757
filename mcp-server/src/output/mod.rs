//! Answers of the API server made fit for a model and a person: short, aligned, bounded, and structured.

mod format;
mod listing;
mod object;
mod text;
mod whole;
pub(crate) mod yaml;

pub(crate) use format::Format;
pub(crate) use listing::Listing;
pub(crate) use object::Object;

/// What a tool answers: the structure that its output schema promises, and the same to read.
#[derive(Debug)]
pub(crate) struct Reply<T> {
    pub(crate) structured: T,
    pub(crate) text: String,
}
