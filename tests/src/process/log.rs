//! Log files of programs, as text.

use std::path::Path;

/// The whole file; empty if it cannot be read.
pub(super) fn read(path: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned()
}

/// The last `lines` lines of a log file under a heading that names it.
pub fn tail(path: &Path, lines: usize) -> String {
    let text = read(path);
    let all: Vec<&str> = text.lines().collect();
    let last = all.get(all.len().saturating_sub(lines)..).unwrap_or_default();
    format!("--- end of {} ---\n{}\n---", path.display(), last.join("\n"))
}
