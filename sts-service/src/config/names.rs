//! The names that a file gives to its issuers and targets.

use serde_json::Value;

/// As they were written: what has a fault of its own is not missing for that.
pub(super) struct Names<'a> {
    pub(super) issuers: Vec<&'a str>,
    pub(super) targets: Vec<&'a str>,
}

impl<'a> Names<'a> {
    pub(super) fn of(top: &'a Value) -> Self {
        let names = |tables: &str| {
            let tables = top.get(tables).and_then(Value::as_array).into_iter().flatten();
            tables.filter_map(|table| table.get("name")?.as_str()).collect()
        };
        Self { issuers: names("issuers"), targets: names("targets") }
    }
}

/// For a name that is none of these.
pub(super) fn not_configured(name: &str, names: &[&str]) -> String {
    let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    format!("`{name}` is not configured; there are: {known}")
}
