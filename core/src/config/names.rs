//! Names that a configuration gives.

use super::Section;

/// Names stand in paths (`/keys/{name}`), metric labels and logs.
pub(super) fn check_name(section: &Section<'_>, name: Option<&str>) {
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
