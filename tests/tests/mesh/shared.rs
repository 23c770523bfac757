//! A world that is made once for all stories, and is theirs one after the other.

use std::future::Future;
use std::sync::LazyLock;

use anyhow::{Result, anyhow};
use tokio::runtime::Runtime;
use tokio::sync::{Mutex, MutexGuard, OnceCell};

/// A test's own runtime ends with the test, and takes along the servers that it started.
static RUNTIME: LazyLock<std::io::Result<Runtime>> = LazyLock::new(Runtime::new);

pub(crate) struct Shared<T>(OnceCell<Result<Mutex<T>, String>>);

impl<T: Send + 'static> Shared<T> {
    pub(crate) const fn new() -> Self {
        Self(OnceCell::const_new())
    }

    /// The world, which the first story starts.
    pub(crate) async fn get<F>(
        &'static self,
        start: impl FnOnce() -> F + Send + 'static,
    ) -> Result<MutexGuard<'static, T>>
    where
        F: Future<Output = Result<T>>,
    {
        let made = self.0.get_or_init(|| async {
            let start = move || {
                let runtime = RUNTIME.as_ref().map_err(|error| error.to_string())?;
                runtime.block_on(start()).map_err(|error| format!("{error:#}"))
            };
            let started = tokio::task::spawn_blocking(start).await;
            started.map_err(|error| error.to_string())?.map(Mutex::new)
        });
        let made = made.await.as_ref().map_err(|error| anyhow!("{error}"))?;
        Ok(made.lock().await)
    }
}
