//! Audit records, read from Envoy's log as it grows.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use obolus_core::audit::{MAX_RECORD_BYTES, schema};
use obolus_tests::fixtures::audit::BEGINNING;
use obolus_tests::json_schema;
use serde_json::Value;

/// Reads the audit records of a log that grows.
pub(crate) struct LogReader {
    pub(crate) path: PathBuf,
    /// What is before it has been read.
    pub(crate) offset: u64,
}

impl LogReader {
    /// What was written since the last look.
    pub(crate) fn new_records(&mut self) -> Result<Vec<Value>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        // The last line may not have been written to its end.
        let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.offset += end as u64;
        let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
        // Each is a line of its own, from its beginning to its end.
        text.lines().filter(|line| line.starts_with(BEGINNING)).map(read).collect()
    }
}

/// A record, after everything was checked that is true of every one.
pub(crate) fn read(line: &str) -> Result<Value> {
    ensure!(line.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{line:?}");
    ensure!(line.len() <= MAX_RECORD_BYTES, "{} bytes", line.len());
    let record = serde_json::from_str(line)?;
    json_schema::check(&schema(), &record).with_context(|| line.to_owned())?;
    Ok(record)
}
