//! Our filter's compiled module.

use std::io;
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// A Wasm module: where it is, and what is in it when that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// The path as Envoy opens it; a relative one starts at Envoy's working directory.
    pub path: String,
    /// SHA-256 of the content, in hex.
    ///
    /// It becomes part of the VM's id, so that new content under an old name is a new VM.
    pub sha256: Option<String>,
}

impl Module {
    /// A module of which only the path is known.
    pub fn at(path: impl Into<String>) -> Self {
        Self { path: path.into(), sha256: None }
    }

    /// A module that is read now, for its digest.
    pub fn read(path: &Path) -> io::Result<Self> {
        let sha256 = Self::digest(&std::fs::read(path)?);
        Ok(Self { path: path.to_string_lossy().into_owned(), sha256: Some(sha256) })
    }

    /// SHA-256 of a module's content, in hex, as everything that pins it writes it.
    #[must_use]
    pub fn digest(content: &[u8]) -> String {
        Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What the file of a module with this digest is called, wherever one is delivered.
    #[must_use]
    pub fn file_name(sha256: &str) -> String {
        format!("obolus_filter-{sha256}.wasm")
    }

    pub(crate) fn vm_id(&self) -> String {
        match &self.sha256 {
            Some(digest) => format!("obolus-{digest}"),
            None => "obolus".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_content_under_the_same_name_is_another_vm() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("filter.wasm");
        std::fs::write(&path, "one").unwrap();
        let one = Module::read(&path).unwrap();
        std::fs::write(&path, "two").unwrap();
        let two = Module::read(&path).unwrap();
        assert_eq!(one.path, two.path);
        assert_ne!(one.vm_id(), two.vm_id());
        assert_eq!(
            one.vm_id(),
            "obolus-7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed",
        );
    }
}
