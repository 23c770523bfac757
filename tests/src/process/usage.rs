//! What a process uses, from `/proc`.

use std::time::Duration;

use anyhow::{Context as _, Result};

use super::Process;

impl Process {
    /// Resident memory in bytes.
    pub fn rss(&self) -> Result<u64> {
        self.status("VmRSS:")
    }

    /// The most resident memory that it ever had, in bytes.
    pub fn peak_rss(&self) -> Result<u64> {
        self.status("VmHWM:")
    }

    fn status(&self, field: &str) -> Result<u64> {
        let path = format!("/proc/{}/status", self.pid);
        let status = std::fs::read_to_string(&path).with_context(|| path.clone())?;
        let kib = status
            .lines()
            .find_map(|line| line.strip_prefix(field)?.trim().strip_suffix(" kB")?.parse().ok());
        kib.map(|kib: u64| kib * 1024).with_context(|| format!("no {field} in {path}"))
    }

    /// CPU time of all live threads, in the scheduler's nanoseconds.
    ///
    /// `/proc/…/stat` counts in ticks of 10 ms, too coarse for a benchmark's window. A thread that
    /// ended takes its time along, so this fits programs with a fixed set of threads, as Envoy is.
    pub fn cpu_time(&self) -> Result<Duration> {
        let folder = format!("/proc/{}/task", self.pid);
        let mut total = 0;
        for thread in std::fs::read_dir(&folder).with_context(|| folder.clone())? {
            // A thread may end between being listed and being read.
            let Ok(text) = std::fs::read_to_string(thread?.path().join("schedstat")) else {
                continue;
            };
            let spent: Option<u64> = text.split(' ').next().and_then(|first| first.parse().ok());
            total += spent.with_context(|| format!("unreadable schedstat under {folder}"))?;
        }
        Ok(Duration::from_nanos(total))
    }
}
