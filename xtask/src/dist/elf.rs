//! Whether a program is static: it then runs in an image that holds nothing else.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};

/// Program header types (ELF specification, "Program Header").
const INTERPRETER: u32 = 3;

/// Fails when the program asks for a dynamic loader.
pub(crate) fn ensure_static(path: &Path) -> Result<()> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let kinds = header_types(&bytes).context("not a 64-bit little-endian ELF file")?;
    ensure!(!kinds.contains(&INTERPRETER), "{} is not static", path.display());
    Ok(())
}

fn header_types(bytes: &[u8]) -> Option<Vec<u32>> {
    let number = |at: usize, size: usize| -> Option<u64> {
        let mut value = [0; 8];
        value.get_mut(..size)?.copy_from_slice(bytes.get(at..at.checked_add(size)?)?);
        Some(u64::from_le_bytes(value))
    };
    if bytes.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let start = usize::try_from(number(32, 8)?).ok()?;
    let size = usize::try_from(number(54, 2)?).ok()?;
    let count = usize::try_from(number(56, 2)?).ok()?;
    (0..count).map(|at| u32::try_from(number(start + at * size, 4)?).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file header and one program header of this type.
    fn program(kind: u32) -> Vec<u8> {
        let mut bytes = vec![0; 64 + 56];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = 1;
        bytes[64..68].copy_from_slice(&kind.to_le_bytes());
        bytes
    }

    #[test]
    fn a_program_that_wants_a_loader_is_not_static() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("program");
        std::fs::write(&path, program(1)).unwrap();
        ensure_static(&path).unwrap();
        std::fs::write(&path, program(INTERPRETER)).unwrap();
        assert!(ensure_static(&path).is_err());
        std::fs::write(&path, "#!/bin/sh").unwrap();
        assert!(ensure_static(&path).is_err());
        // This test itself is linked to the machine's libraries.
        assert!(ensure_static(&std::env::current_exe().unwrap()).is_err());
    }
}
