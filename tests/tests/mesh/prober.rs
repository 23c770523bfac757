//! Callers who never stop asking, and what they are told.

use std::future::Future;
use std::ops::Sub;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use obolus_tests::deadline::eventually;
use reqwest::RequestBuilder;
use tokio::sync::RwLock;
use tokio::task::JoinHandle;

/// Between two requests: callers who never pause would take the cores from what is under test.
pub(crate) const OFTEN: Duration = Duration::from_millis(5);
pub(crate) const NOW_AND_THEN: Duration = Duration::from_millis(15);

/// Asks again and again, one request after the other, and counts the answers.
pub(crate) struct Prober {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// How many answers of each kind there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// 200.
    pub(crate) passed: u64,
    /// 401 and 403.
    pub(crate) refused: u64,
    /// Anything else, no answer included.
    pub(crate) failed: u64,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    /// Held for each request; whoever holds it for writing knows that none is under way.
    turn: RwLock<()>,
    passed: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
}

impl Sub for Tally {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            passed: self.passed - earlier.passed,
            refused: self.refused - earlier.refused,
            failed: self.failed - earlier.failed,
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { passed, refused, failed } = self;
        f.pad(&format!("{passed}/{refused}/{failed}"))
    }
}

impl Prober {
    pub(crate) fn start(
        pause: Duration,
        request: impl Fn() -> RequestBuilder + Send + Sync + 'static,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        let of_the_task = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            let shared = of_the_task;
            while !shared.stop.load(Ordering::Relaxed) {
                let turn = shared.turn.read().await;
                let counter = match request().send().await.map(|answer| answer.status().as_u16()) {
                    Ok(200) => &shared.passed,
                    Ok(401 | 403) => &shared.refused,
                    _ => &shared.failed,
                };
                counter.fetch_add(1, Ordering::Relaxed);
                drop(turn);
                tokio::time::sleep(pause).await;
            }
        });
        Self { shared, task }
    }

    pub(crate) fn tally(&self) -> Tally {
        let Shared { passed, refused, failed, .. } = &*self.shared;
        let [passed, refused, failed] =
            [passed, refused, failed].map(|one| one.load(Ordering::Relaxed));
        Tally { passed, refused, failed }
    }

    /// Waits for so many successes from now on.
    pub(crate) async fn passes(&self, times: u64) -> Result<()> {
        let since = self.tally().passed;
        self.has(times, "successes", move |tally| tally.passed - since).await
    }

    /// Waits for so many answers of any kind from now on.
    pub(crate) async fn asks(&self, times: u64) -> Result<()> {
        let all = |tally: Tally| tally.passed + tally.refused + tally.failed;
        let since = all(self.tally());
        self.has(times, "answers", move |tally| all(tally) - since).await
    }

    /// Waits for so many refusals from now on.
    pub(crate) async fn refuses(&self, times: u64) -> Result<()> {
        let since = self.tally().refused;
        self.has(times, "refusals", move |tally| tally.refused - since).await
    }

    async fn has(&self, times: u64, what: &str, count: impl Fn(Tally) -> u64) -> Result<()> {
        eventually(what, Duration::from_secs(60), || async {
            let now = count(self.tally());
            ensure!(now >= times, "only {now} {what}");
            Ok(())
        })
        .await
    }

    pub(crate) async fn end(self) -> Result<Tally> {
        self.shared.stop.store(true, Ordering::Relaxed);
        let Self { shared, task } = self;
        task.await?;
        Ok(Self { shared, task: tokio::spawn(async {}) }.tally())
    }
}

/// Does this while none of the probers has a request under way.
pub(crate) async fn between<T>(probers: &[&Prober], act: impl Future<Output = T>) -> T {
    let mut turns = Vec::new();
    for prober in probers {
        turns.push(prober.shared.turn.write().await);
    }
    act.await
}
