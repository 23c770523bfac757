//! What stands in files, and what tells one state of them from another.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use secrecy::zeroize::Zeroizing;
use sha2::{Digest as _, Sha256};

/// SHA-256 of whatever a material is made of: changes when the material does.
pub type Generation = [u8; 32];

/// All files of one material, read at one time.
pub(crate) struct Content(Vec<Zeroizing<Vec<u8>>>);

impl Content {
    pub(crate) fn new(files: Vec<Zeroizing<Vec<u8>>>) -> Self {
        Self(files)
    }

    /// The bytes of one of the files; none where there is no such file.
    pub(crate) fn file(&self, place: usize) -> &[u8] {
        self.0.get(place).map_or(&[], |bytes| bytes.as_slice())
    }

    pub(crate) fn generation(&self) -> Generation {
        let mut all = Sha256::new();
        for file in &self.0 {
            all.update(Sha256::digest(&**file));
        }
        all.finalize().into()
    }
}

/// Changes when a file is written, renamed over, or reached by another way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Touch {
    file: (u64, u64),
    size: u64,
    written: (i64, i64),
    changed: (i64, i64),
}

pub(super) fn touch_of(path: &Path) -> Option<Touch> {
    let of = std::fs::metadata(path).ok()?;
    Some(Touch {
        file: (of.dev(), of.ino()),
        size: of.size(),
        written: (of.mtime(), of.mtime_nsec()),
        changed: (of.ctime(), of.ctime_nsec()),
    })
}
