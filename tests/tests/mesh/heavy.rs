//! Most stories wait for the installation, which therefore starts alone: the other mesh, and what needs none, have the
//! cores that its stories leave.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Semaphore;

static WANTED: AtomicBool = AtomicBool::new(false);
/// Closed when the installation has started or has failed to.
static OVER: Semaphore = Semaphore::const_new(0);

/// A start of the installation, until it is dropped.
pub(crate) struct Installing;

impl Drop for Installing {
    fn drop(&mut self) {
        OVER.close();
    }
}

/// Some story asks for the installation.
pub(crate) fn installation_is_wanted() {
    WANTED.store(true, Ordering::Relaxed);
}

/// Waits for the start of the installation if anybody has asked for it.
pub(crate) async fn after_the_installation() {
    if WANTED.load(Ordering::Relaxed) {
        let _closed = OVER.acquire().await;
    }
}
