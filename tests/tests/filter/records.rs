//! Audit records, read from Envoy's log as it grows.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use anyhow::Result;
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
        let records = text.lines().filter_map(|line| line.split_once("obolus-audit "));
        Ok(records.map(|(_, json)| serde_json::from_str(json)).collect::<Result<_, _>>()?)
    }
}
