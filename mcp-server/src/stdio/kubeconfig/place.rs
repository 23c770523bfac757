//! Where kubeconfigs lie: the file that was named, or `KUBECONFIG`'s, or the one at home.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::KubeconfigError;
use super::file::File;
use crate::bounded_file;

/// Kubeconfigs of whole organizations, with a CA for each of hundreds of clusters, are smaller.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// The files to read, first wins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::stdio) struct Places {
    files: Vec<PathBuf>,
    /// A file that was named has to be there. Others may be missing, as with kubectl.
    required: bool,
}

impl Places {
    /// `named` on the command line or in the configuration; else the list in `KUBECONFIG`; else `~/.kube/config`.
    pub(in crate::stdio) fn new(
        named: Option<&Path>,
        environment: Option<OsString>,
        home: Option<PathBuf>,
    ) -> Self {
        if let Some(file) = named {
            return Self { files: vec![file.to_owned()], required: true };
        }
        let mut files: Vec<PathBuf> = Vec::new();
        for file in environment.iter().flat_map(std::env::split_paths) {
            if !file.as_os_str().is_empty() && !files.contains(&file) {
                files.push(file);
            }
        }
        if files.is_empty() {
            files.extend(home.map(|home| home.join(".kube").join("config")));
        }
        Self { files, required: false }
    }

    /// The files, for texts.
    pub(super) fn shown(&self) -> String {
        if self.files.is_empty() {
            return "~/.kube/config".to_owned();
        }
        let names: Vec<_> = self.files.iter().map(|file| file.display().to_string()).collect();
        names.join(", ")
    }

    /// What is in the files that are there, each with the folder where its paths start.
    pub(super) fn read(&self) -> Result<Vec<(PathBuf, File)>, KubeconfigError> {
        let mut read = Vec::new();
        for path in &self.files {
            if !self.required && !path.exists() {
                continue;
            }
            let folder = path.parent().unwrap_or_else(|| Path::new("")).to_owned();
            read.push((folder, file(path)?));
        }
        if read.is_empty() {
            return Err(KubeconfigError::None { looked: self.shown() });
        }
        Ok(read)
    }
}

fn file(path: &Path) -> Result<File, KubeconfigError> {
    let bytes = bounded_file::read(path, MAX_BYTES).map_err(|error| {
        KubeconfigError::Unreadable { file: path.to_owned(), reason: error.to_string() }
    })?;
    let wrong = |reason: String| KubeconfigError::NoKubeconfig { file: path.to_owned(), reason };
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(File::default());
    }
    let file: Option<File> = serde_yaml_ng::from_slice(&bytes).map_err(|error| {
        // The position alone: the text may quote a value, which may be a token.
        let place = error
            .location()
            .map(|place| format!(" (line {}, column {})", place.line(), place.column()));
        wrong(format!("is not a kubeconfig in YAML or JSON{}", place.unwrap_or_default()))
    })?;
    let file = file.unwrap_or_default();
    let is_config = file.kind.as_deref().is_none_or(|kind| kind.is_empty() || kind == "Config")
        && file.api_version.as_deref().is_none_or(|version| version.is_empty() || version == "v1");
    if !is_config {
        return Err(wrong(
            "is something else: a kubeconfig is `kind: Config`, `apiVersion: v1`".to_owned(),
        ));
    }
    if let Some((list, name)) = file.repeated() {
        return Err(wrong(format!("has two {list} named `{name}`: rename or remove one")));
    }
    Ok(file)
}

impl File {
    /// A name that stands twice in a list: nobody could say which is meant.
    fn repeated(&self) -> Option<(&'static str, String)> {
        fn twice<'a>(names: impl Iterator<Item = &'a String>) -> Option<String> {
            let mut seen = std::collections::BTreeSet::new();
            names.into_iter().find(|name| !seen.insert(*name)).cloned()
        }
        let clusters = self.clusters.iter().flatten().map(|entry| &entry.name);
        let users = self.users.iter().flatten().map(|entry| &entry.name);
        let contexts = self.contexts.iter().flatten().map(|entry| &entry.name);
        twice(clusters)
            .map(|name| ("clusters", name))
            .or_else(|| twice(users).map(|name| ("users", name)))
            .or_else(|| twice(contexts).map(|name| ("contexts", name)))
    }
}
