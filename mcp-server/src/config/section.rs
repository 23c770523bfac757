//! One table of the file, read key by key, so that a wrong value does not hide the next one.

use toml::{Table, Value};

use super::Problems;

/// A table of which every key must be asked for by the time it is [finished](Section::finish).
pub(super) struct Section {
    path: String,
    table: Table,
    asked: Vec<&'static str>,
}

impl Section {
    pub(super) fn root(table: Table) -> Self {
        Self { path: String::new(), table, asked: Vec::new() }
    }

    /// The table under `key`; an empty one when it is missing, so that its required keys are reported by name.
    pub(super) fn table(&mut self, key: &'static str, problems: &mut Problems) -> Self {
        let path = self.path_of(key);
        let table = self.read(key, "write a table", problems, |value| match value {
            Value::Table(table) => Some(table),
            _ => None,
        });
        Self { path, table: table.unwrap_or_default(), asked: Vec::new() }
    }

    /// The value under `key`, if it is there; a problem if `read` makes nothing of it.
    pub(super) fn read<T>(
        &mut self,
        key: &'static str,
        advice: &str,
        problems: &mut Problems,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Option<T> {
        self.asked.push(key);
        let value = read(self.table.remove(key)?);
        if value.is_none() {
            problems.add(self.path_of(key), advice);
        }
        value
    }

    /// Like [`Section::read`], for a key that has no default.
    pub(super) fn require<T>(
        &mut self,
        key: &'static str,
        advice: &str,
        problems: &mut Problems,
        read: impl FnOnce(Value) -> Option<T>,
    ) -> Option<T> {
        if !self.table.contains_key(key) {
            problems.add(self.path_of(key), format!("missing: {advice}"));
        }
        self.read(key, advice, problems, read)
    }

    /// A list of strings, each of which must satisfy `read`; wrong entries are reported by their index.
    pub(super) fn list(
        &mut self,
        key: &'static str,
        advice: &str,
        problems: &mut Problems,
        read: impl Fn(&str) -> Option<String>,
    ) -> Option<Vec<String>> {
        let path = self.path_of(key);
        let entries = self.read(key, advice, problems, |value| match value {
            Value::Array(entries) => Some(entries),
            _ => None,
        })?;
        let mut good = Vec::with_capacity(entries.len());
        for (index, entry) in entries.iter().enumerate() {
            match entry.as_str().and_then(&read) {
                Some(entry) => good.push(entry),
                None => problems.add(format!("{path}[{index}]"), advice),
            }
        }
        Some(good)
    }

    /// Reports every key that nobody asked for.
    pub(super) fn finish(self, problems: &mut Problems) {
        for key in self.table.keys() {
            let path =
                if self.path.is_empty() { key.clone() } else { format!("{}.{key}", self.path) };
            problems.add(path, format!("unknown key: write one of {}", self.asked.join(", ")));
        }
    }

    pub(super) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}
