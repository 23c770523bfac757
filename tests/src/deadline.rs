//! Polling until something is true, with a deadline; nothing in the tests sleeps for a fixed time.
//!
//! The condition answers `Err(reason)` while it does not hold yet. The last reason is part of the
//! error when the deadline passes. A condition that can never hold any more (the process under
//! test has ended, say) answers [`hopeless`], and nobody waits for the rest of the deadline.

use std::fmt;
use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

/// Short enough to add nothing to a test, long enough to leave the two cores to the parts.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// Polls `condition` until it answers `Ok`, for at most `within`.
///
/// `what` completes the sentence "gave up waiting for …".
pub async fn eventually<T, F, Fut>(what: &str, within: Duration, mut condition: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T>>,
{
    let mut waiting = Waiting::new(within);
    loop {
        // A condition that hangs (a connection that nobody answers) must not outlive the deadline.
        let attempt = tokio::time::timeout(waiting.left(), condition()).await;
        match attempt.unwrap_or_else(|_| Err(anyhow::anyhow!("the last attempt did not answer"))) {
            Ok(value) => return Ok(value),
            Err(reason) => tokio::time::sleep(waiting.pause_after(what, reason)?).await,
        }
    }
}

/// [`eventually`] for code that is not async; it blocks the thread.
pub fn eventually_blocking<T>(
    what: &str,
    within: Duration,
    mut condition: impl FnMut() -> Result<T>,
) -> Result<T> {
    let mut waiting = Waiting::new(within);
    loop {
        match condition() {
            Ok(value) => return Ok(value),
            Err(reason) => std::thread::sleep(waiting.pause_after(what, reason)?),
        }
    }
}

/// The answer of a condition that will not become true however long one waits.
pub fn hopeless(reason: impl fmt::Display) -> anyhow::Error {
    anyhow::Error::new(Hopeless(reason.to_string()))
}

#[derive(Debug)]
struct Hopeless(String);

impl fmt::Display for Hopeless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Hopeless {}

struct Waiting {
    since: Instant,
    within: Duration,
    pause: Duration,
}

impl Waiting {
    fn new(within: Duration) -> Self {
        Self { since: Instant::now(), within, pause: FIRST_PAUSE }
    }

    /// At least one millisecond, so that even the last attempt gets to say why it failed.
    fn left(&self) -> Duration {
        self.within.saturating_sub(self.since.elapsed()).max(Duration::from_millis(1))
    }

    /// How long to pause before the next attempt, or the error that ends the waiting.
    fn pause_after(&mut self, what: &str, reason: anyhow::Error) -> Result<Duration> {
        let waited = self.since.elapsed();
        if reason.is::<Hopeless>() {
            return Err(reason).with_context(|| format!("waiting for {what} is hopeless"));
        }
        if waited >= self.within {
            return Err(reason)
                .with_context(|| format!("gave up waiting for {what} after {waited:.1?}"));
        }
        let pause = self.pause.min(self.left());
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_names_what_was_waited_for_and_the_last_reason() {
        let mut seen = 0;
        let error = eventually_blocking("the moon", Duration::from_millis(30), || -> Result<()> {
            seen += 1;
            anyhow::bail!("clouds {seen}")
        })
        .unwrap_err();
        let text = format!("{error:#}");
        assert!(text.contains("the moon") && text.contains(&format!("clouds {seen}")), "{text}");
    }

    #[tokio::test]
    async fn a_hanging_condition_and_a_hopeless_one_both_end() {
        let hangs =
            eventually("a reply", Duration::from_millis(20), std::future::pending::<Result<()>>);
        assert!(format!("{:#}", hangs.await.unwrap_err()).contains("did not answer"));

        let started = Instant::now();
        let error =
            eventually("it", Duration::from_secs(60), || async { Err::<(), _>(hopeless("gone")) })
                .await
                .unwrap_err();
        assert!(format!("{error:#}").contains("gone"));
        assert!(started.elapsed() < Duration::from_secs(10));
    }
}
