//! Secrets that are worth nothing after the test.

use std::io::Read as _;

use anyhow::Result;

/// 128 random bits in hexadecimal.
pub fn random() -> Result<String> {
    let mut bytes = [0; 16];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
