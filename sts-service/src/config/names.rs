//! The names that a file gives to its issuers and targets.

use obolus_core::config::names_in;
use serde_json::Value;

/// As they were written: what has a fault of its own is not missing for that.
pub(super) struct Names<'a> {
    pub(super) issuers: Vec<&'a str>,
    pub(super) targets: Vec<&'a str>,
}

impl<'a> Names<'a> {
    pub(super) fn of(top: &'a Value) -> Self {
        Self { issuers: names_in(top, "issuers"), targets: names_in(top, "targets") }
    }
}
