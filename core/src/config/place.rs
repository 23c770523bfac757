//! What may be said of a file that a configuration names.

use std::path::Path;

/// Where a file is, for a sentence about it. Whoever pastes a secret where a file's name belongs must not find it in a
/// log, so the name is repeated only if there is such a file; of another one its folder, if there is one.
#[must_use]
pub fn place(path: &Path, exists: impl Fn(&Path) -> bool) -> String {
    if exists(path) {
        return path.display().to_string();
    }
    let folder = path.parent().filter(|folder| exists(folder));
    folder.map_or_else(
        || "no such file, nor its folder".to_owned(),
        |folder| {
            if folder.as_os_str().is_empty() {
                "no such file here".to_owned()
            } else {
                format!("no such file in {}", folder.display())
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_repeated_only_if_something_has_it() {
        let there =
            |path: &Path| ["/etc/obolus", "/etc/obolus/key.pem", ""].map(Path::new).contains(&path);
        for (path, said) in [
            ("/etc/obolus/key.pem", "/etc/obolus/key.pem"),
            ("/etc/obolus/Qx7~SECRETVALUE", "no such file in /etc/obolus"),
            ("/etc/obolus/-----BEGIN KEY-----\nQx7/x\n", "no such file, nor its folder"),
            ("Qx7~SECRETVALUE", "no such file here"),
            ("secret/Qx7~SECRETVALUE", "no such file, nor its folder"),
        ] {
            assert_eq!(place(Path::new(path), there), said);
        }
    }
}
