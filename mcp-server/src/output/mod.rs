//! Answers of the API server made fit for a model and a person: short, aligned, bounded, and structured.

mod aligned;
mod amount;
mod difference;
mod format;
mod lines;
mod listing;
mod object;
mod text;
mod whole;
pub(crate) mod yaml;

pub(crate) use aligned::aligned;
pub(crate) use amount::Amount;
pub(crate) use difference::{Difference, FieldChange};
pub(crate) use format::Format;
pub(crate) use lines::{Cut, Kept, Line, Lines, LogEnd};
pub(crate) use listing::{Listing, TableAnswer};
pub(crate) use object::Object;
pub(crate) use text::{bounded, is_unseen, one_line};

/// What a tool answers: the structure that its output schema promises, and the same to read.
#[derive(Debug)]
pub(crate) struct Reply<T> {
    pub(crate) structured: T,
    pub(crate) text: String,
}
