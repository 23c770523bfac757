//! The file, and the drop-ins beside it: `conf.d/*.toml` in the order of their names, tables merged, everything else
//! replaced. Paths in any of them start at the folder of the file.

use std::path::{Path, PathBuf};

use obolus_core::config::Problems;
use serde_json::{Map, Value};

const DROP_INS: &str = "conf.d";

/// The settings of all files, and the folder where their paths start.
///
/// # Errors
/// When a file cannot be read, or is not TOML.
pub(super) fn read(path: &Path) -> Result<(Map<String, Value>, PathBuf), Problems> {
    let mut merged = Map::new();
    for file in sources(path) {
        let name = file.display().to_string();
        let text = std::fs::read_to_string(&file)
            .map_err(|error| Problems::one(&name, error.to_string()))?;
        let is_drop_in = file != path;
        let keys = super::keys(&text).map_err(|problems| {
            // The main file is named by whoever shows the problems.
            if !is_drop_in {
                return problems;
            }
            let mut named = problems.list().to_vec();
            for problem in &mut named {
                problem.path = format!("{name}: {}", problem.path);
            }
            named.into_iter().collect()
        })?;
        merge(&mut merged, keys);
    }
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    Ok((merged, folder.to_owned()))
}

/// The files that say something, in the order in which they do. Which there are can change while the program runs.
pub(crate) fn sources(path: &Path) -> Vec<PathBuf> {
    let folder = path.parent().unwrap_or_else(|| Path::new(".")).join(DROP_INS);
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|file| {
            let is_hidden =
                file.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
            !is_hidden && file.extension().is_some_and(|end| end == "toml")
        })
        .collect();
    found.sort();
    found.insert(0, path.to_owned());
    found
}

fn merge(into: &mut Map<String, Value>, from: Map<String, Value>) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Object(into)), Value::Object(from)) => merge(into, from),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn files(files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(DROP_INS)).unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let path = folder.path().join("mcp.toml");
        (folder, path)
    }

    #[test]
    fn drop_ins_are_merged_in_the_order_of_their_names() {
        let (_folder, path) = files(&[
            (
                "mcp.toml",
                "read_only = false\ntoolsets = [\"core\", \"helm\"]\n[http]\nmax_body_bytes = 1\n[http.x]\na = 1",
            ),
            ("conf.d/99-last.toml", "read_only = true"),
            (
                "conf.d/10-first.toml",
                "read_only = 1\ntoolsets = [\"config\"]\n[http]\nrate = 2\n[http.x]\nb = 2",
            ),
            ("conf.d/.hidden.toml", "read_only = 7"),
            ("conf.d/README", "not TOML"),
        ]);
        let (keys, _) = read(&path).unwrap();
        assert_eq!(
            json!(keys),
            json!({"read_only": true, "toolsets": ["config"],
                   "http": {"max_body_bytes": 1, "rate": 2, "x": {"a": 1, "b": 2}}})
        );
    }

    #[test]
    fn what_is_wrong_in_a_drop_in_says_in_which() {
        let (_folder, path) = files(&[("mcp.toml", ""), ("conf.d/10-x.toml", "a = [")]);
        let told = read(&path).unwrap_err().to_string();
        assert!(told.contains("conf.d/10-x.toml: line 1: is not TOML"), "{told}");
    }
}
