//! One run of `helm`: a child that ends with whatever it started, and how much it may say and keep.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::time::{MissedTickBehavior, interval};

use crate::failure::Failure;

/// What is read of a run's output: a release with all that is in it.
const MAX_OUTPUT_BYTES: u64 = 32 * 1024 * 1024;
/// What is read of its complaints.
const MAX_COMPLAINT_BYTES: u64 = 64 * 1024;
/// What a run may keep on disk: a chart, and what discovery says.
const MAX_HOME_BYTES: u64 = 128 * 1024 * 1024;
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// What a run printed.
pub(super) struct Printed {
    pub(super) succeeded: bool,
    pub(super) output: Vec<u8>,
    pub(super) complaint: String,
}

/// A child, and everything that it started. Dropped, it is killed with them, and its home goes when it is gone.
pub(super) struct Running {
    child: Option<Child>,
    home: Arc<TempDir>,
}

impl Running {
    pub(super) fn start(mut command: Command, home: &Arc<TempDir>) -> Result<Self, Failure> {
        let child = command.spawn().map_err(|error| {
            Failure::Internal(format!("helm cannot be started: {}", error.kind()))
        })?;
        Ok(Self { child: Some(child), home: Arc::clone(home) })
    }

    /// Hands the input over and reads what is said.
    pub(super) async fn work(&mut self, input: &[u8]) -> Result<Printed, &'static str> {
        const BROKEN: &str = "it could not be listened to";
        let child = self.child.as_mut().ok_or(BROKEN)?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else { return Err(BROKEN) };
        let write = async move {
            // It may have no use for it.
            drop(stdin.write_all(input).await);
            drop(stdin);
            Ok(())
        };
        let output = async {
            let mut bounded = stdout.take(MAX_OUTPUT_BYTES + 1);
            let mut output = Vec::new();
            bounded.read_to_end(&mut output).await.map_err(|_| BROKEN)?;
            if bounded.limit() == 0 {
                Err("it says more than this server reads")
            } else {
                Ok(output)
            }
        };
        let ((), output, complaint) = tokio::try_join!(write, output, beginning(stderr))?;
        let status = child.wait().await.map_err(|_| BROKEN)?;
        let complaint = String::from_utf8_lossy(&complaint).into_owned();
        Ok(Printed { succeeded: status.success(), output, complaint })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        // Only while it has not been waited for is its number its own.
        let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let Some(group) = group else { return };
        if let Err(error) = kill_process_group(group, Signal::KILL) {
            tracing::debug!(%error, "helm had ended by itself");
        }
        let home = Arc::clone(&self.home);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                drop(child.wait().await);
                drop(home);
            });
        }
    }
}

/// The beginning of complaints. The rest is read as well, so that whoever complains is not held up.
async fn beginning(mut from: impl AsyncRead + Unpin) -> Result<Vec<u8>, &'static str> {
    let mut kept = Vec::new();
    // What cannot be read is not there; the exit status says how it ended.
    drop((&mut from).take(MAX_COMPLAINT_BYTES).read_to_end(&mut kept).await);
    drop(tokio::io::copy(&mut from, &mut tokio::io::sink()).await);
    Ok(kept)
}

/// Ends when there is too much in a folder.
pub(super) async fn watch(folder: &Path) {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if size(folder) > MAX_HOME_BYTES {
            return;
        }
    }
}

fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| Some((entry.path(), entry.metadata().ok()?)))
        .map(|(path, about)| if about.is_dir() { size(&path) } else { about.len() })
        .fold(0, u64::saturating_add)
}
