//! Files that hold secrets: read whole, wiped after use, and no longer than they may be.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use secrecy::zeroize::Zeroizing;

/// The file's bytes. A pipe is not waited for, and a device without end not read to it.
pub(crate) fn read(path: &Path, max_bytes: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(path)?.take(max_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_bytes {
        return Err(io::Error::other("it is too large"));
    }
    Ok(bytes)
}
