//! Names that a configuration gives.

use serde_json::Value;

use super::Section;

/// Names stand in paths (`/keys/{name}`), metric labels and logs.
pub fn check_name(section: &Section<'_>, name: Option<&str>) {
    let fits = |name: &str| {
        name.len() <= 64
            && name.starts_with(|first: char| first.is_ascii_alphanumeric())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    if name.is_some_and(|name| !fits(name)) {
        section.problem(
            "name",
            "must be at most 64 letters, digits, '-', '_' and '.', and start with a letter or digit",
        );
    }
}

/// The names in an array of tables, as they were written: what has a fault of its own is not missing for that.
#[must_use]
pub fn names_in<'v>(top: &'v Value, tables: &str) -> Vec<&'v str> {
    let tables = top.get(tables).and_then(Value::as_array).into_iter().flatten();
    tables.filter_map(|table| table.get("name")?.as_str()).collect()
}

/// For a name that is none of these.
#[must_use]
pub fn not_configured(name: &str, names: &[&str]) -> String {
    let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    format!("`{name}` is not configured; there are: {known}")
}
