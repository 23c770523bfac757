//! Files that are replaced under a program that reads them, in the two ways that programs have to expect, and what the
//! program says of them.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use obolus_tests::deadline::eventually;

use crate::world::World;

const SOON: Duration = Duration::from_secs(15);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// A new file is renamed over the old one.
    Rename,
    /// As kubelet does: the name leads through a link to a folder, and the link is replaced.
    Link,
}

pub(crate) const BOTH: [How; 2] = [How::Rename, How::Link];

/// As the metric has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Current = 0,
    LastGood = 1,
    Nothing = 2,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl World {
    pub(crate) fn replace(&self, how: How, name: &str, content: &str) {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = |name: &str| -> PathBuf { self.file(name) };
        let link = |to: &str, name: &str| {
            std::os::unix::fs::symlink(to, path("..link")).unwrap();
            std::fs::rename(path("..link"), path(name)).unwrap();
        };
        match how {
            How::Rename => {
                std::fs::write(path("..new"), content).unwrap();
                std::fs::rename(path("..new"), path(name)).unwrap();
            }
            How::Link => {
                let (version, data) = (format!("..{name}-{number}"), format!("..data-{name}"));
                std::fs::create_dir(path(&version)).unwrap();
                std::fs::write(path(&version).join(name), content).unwrap();
                link(&version, &data);
                if !path(name).is_symlink() {
                    link(&format!("{data}/{name}"), name);
                }
            }
        }
    }

    /// Waits until the metric says so of this file.
    pub(crate) async fn stands(&self, kind: &str, of: &str, state: State) {
        let start = format!("obolus_sts_material_state{{kind=\"{kind}\",of=\"{of}\"");
        eventually(&format!("{kind} of {of} at {state:?}"), SOON, || async {
            let text = self.sts.metrics().await?;
            let lines: Vec<_> = text.lines().filter(|line| line.starts_with(&start)).collect();
            let end = format!(" {}", state as u8);
            ensure!(lines.len() == 1 && lines[0].ends_with(&end), "{lines:?}");
            Ok(())
        })
        .await
        .with_context(|| self.sts.log())
        .unwrap();
    }

    /// The value of the one line that starts so, if there is one.
    pub(crate) async fn measured(&self, start: &str) -> Option<u64> {
        let text = self.sts.metrics().await.unwrap();
        let line = text.lines().find(|line| line.starts_with(start))?;
        line.rsplit(' ').next()?.parse().ok()
    }
}
