//! A world that takes long to start and is started once for all stories of a program.
//!
//! Two forms: [`Started`] for stories that look only at what they did themselves, and [`Shared`]
//! for those that take turns, since each changes what holds for all.

use std::future::Future;
use std::sync::LazyLock;

use anyhow::{Result, anyhow};
use tokio::runtime::Runtime;
use tokio::sync::{OnceCell, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A test's own runtime ends with the test, and takes along the servers that it started.
static RUNTIME: LazyLock<std::io::Result<Runtime>> = LazyLock::new(Runtime::new);

/// A world that the first story starts, in a runtime that outlives the story. It stands in a
/// `static` and is therefore never dropped: its parts end with the process.
#[derive(Debug)]
pub struct Started<W>(OnceCell<Result<W, String>>);

impl<W: Send + Sync + 'static> Started<W> {
    /// Nothing runs yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(OnceCell::const_new())
    }

    /// The world. If it did not start, every story is told why.
    pub async fn get<F>(
        &'static self,
        start: impl FnOnce() -> F + Send + 'static,
    ) -> Result<&'static W>
    where
        F: Future<Output = Result<W>>,
    {
        let world = self.0.get_or_init(|| async {
            let start = move || {
                let runtime = RUNTIME.as_ref().map_err(|error| error.to_string())?;
                runtime.block_on(start()).map_err(|error| format!("{error:#}"))
            };
            let started = tokio::task::spawn_blocking(start).await;
            started.map_err(|error| error.to_string()).flatten()
        });
        world.await.as_ref().map_err(|error| anyhow!("{error}"))
    }
}

impl<W: Send + Sync + 'static> Default for Started<W> {
    fn default() -> Self {
        Self::new()
    }
}

/// A [`Started`] world of which each story has a turn.
#[derive(Debug)]
pub struct Shared<W>(Started<RwLock<W>>);

impl<W: Send + Sync + 'static> Shared<W> {
    /// Nothing runs yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Started::new())
    }

    /// A turn of a story that changes the world: no other has one meanwhile. Whoever waits here is
    /// served before the stories that ask after it, in either way; a story takes one turn only.
    pub async fn alone<F>(
        &'static self,
        start: impl FnOnce() -> F + Send + 'static,
    ) -> Result<RwLockWriteGuard<'static, W>>
    where
        F: Future<Output = Result<W>>,
    {
        Ok(self.lock(start).await?.write().await)
    }

    /// A turn of a story that changes nothing which another could see: others of its kind have
    /// theirs at the same time.
    pub async fn together<F>(
        &'static self,
        start: impl FnOnce() -> F + Send + 'static,
    ) -> Result<RwLockReadGuard<'static, W>>
    where
        F: Future<Output = Result<W>>,
    {
        Ok(self.lock(start).await?.read().await)
    }

    async fn lock<F>(
        &'static self,
        start: impl FnOnce() -> F + Send + 'static,
    ) -> Result<&'static RwLock<W>>
    where
        F: Future<Output = Result<W>>,
    {
        self.0.get(|| async { start().await.map(RwLock::new) }).await
    }
}

impl<W: Send + Sync + 'static> Default for Shared<W> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn all_stories_have_the_world_that_the_first_started() -> Result<()> {
        static STARTS: AtomicUsize = AtomicUsize::new(0);
        static WORLD: Shared<usize> = Shared::new();
        let start = || async { Ok(STARTS.fetch_add(1, Ordering::Relaxed)) };
        *WORLD.alone(start).await? += 7;
        let (one, other) = (WORLD.together(start).await?, WORLD.together(start).await?);
        assert_eq!((*one, *other, STARTS.load(Ordering::Relaxed)), (7, 7, 1));
        Ok(())
    }

    #[tokio::test]
    async fn who_is_alone_waits_for_all_others_and_they_for_it() -> Result<()> {
        static WORLD: Shared<()> = Shared::new();
        let start = || async { Ok(()) };
        let lock = WORLD.lock(start).await?;
        let together = WORLD.together(start).await?;
        assert!(lock.try_read().is_ok() && lock.try_write().is_err());
        drop(together);
        let alone = WORLD.alone(start).await?;
        assert!(lock.try_read().is_err() && lock.try_write().is_err());
        drop(alone);
        assert!(lock.try_write().is_ok());
        Ok(())
    }

    #[tokio::test]
    async fn a_world_that_did_not_start_says_so_to_every_story() {
        static WORLD: Started<()> = Started::new();
        for _ in 0..2 {
            let error = WORLD.get(|| async { Err(anyhow!("no Docker")) }).await.unwrap_err();
            assert_eq!(error.to_string(), "no Docker");
        }
    }

    /// The story's own runtime would take its tasks along.
    #[test]
    fn what_a_world_started_outlives_the_story_that_started_it() -> Result<()> {
        static WORLD: Started<tokio::task::JoinHandle<()>> = Started::new();
        let start = || async { Ok(tokio::spawn(std::future::pending())) };
        for _ in 0..2 {
            let task = Runtime::new()?.block_on(WORLD.get(start))?;
            assert!(!task.is_finished());
        }
        Ok(())
    }
}
