//! Keys that name files.

use std::path::{Path, PathBuf};

use obolus_core::config::Section;

/// A file that must be named.
pub(crate) fn required(
    section: &Section<'_>,
    key: &str,
    folder: &Path,
    what: &str,
) -> Option<PathBuf> {
    section.string(key, what).map(|name| folder.join(name))
}

/// A file that may be named.
pub(crate) fn optional(section: &Section<'_>, key: &str, folder: &Path) -> Option<PathBuf> {
    section.optional_string(key).map(|name| folder.join(name))
}
