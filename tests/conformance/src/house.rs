//! What all sessions and requests of the server share.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result};
use rmcp::model::RequestStateCodec;
use rmcp::task_manager::TaskManager;
use tokio::sync::broadcast;

/// What the server offers changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Tools,
    Prompts,
}

/// The server's own state.
pub(crate) struct House {
    /// Seals what the server would remember of a call that waits for its client: nobody else can write one.
    pub(crate) states: RequestStateCodec,
    pub(crate) tasks: TaskManager,
    changes: broadcast::Sender<Change>,
    more_tools: AtomicBool,
    more_prompts: AtomicBool,
}

impl House {
    pub(crate) fn new() -> Result<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).ok().context("the system has no random numbers")?;
        Ok(Self {
            states: RequestStateCodec::try_new(key)?,
            tasks: TaskManager::new(),
            changes: broadcast::channel(64).0,
            more_tools: AtomicBool::new(false),
            more_prompts: AtomicBool::new(false),
        })
    }

    /// Adds one tool or one prompt, or takes it away again, and tells everybody who listens.
    pub(crate) fn change(&self, change: Change) {
        let shown = match change {
            Change::Tools => &self.more_tools,
            Change::Prompts => &self.more_prompts,
        };
        shown.fetch_not(Ordering::Relaxed);
        // Fails when nobody listens.
        let _told = self.changes.send(change);
    }

    /// Whether the one that comes and goes is there.
    pub(crate) fn has_more(&self, change: Change) -> bool {
        let shown = match change {
            Change::Tools => &self.more_tools,
            Change::Prompts => &self.more_prompts,
        };
        shown.load(Ordering::Relaxed)
    }

    /// All changes from now on.
    pub(crate) fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }
}
