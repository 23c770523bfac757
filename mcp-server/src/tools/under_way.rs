//! Work that takes a while, told to whoever wants to know.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::Progress;

const EVERY: Duration = Duration::from_secs(5);

/// Waits for `work` and says every now and then that it is under way.
pub(super) async fn told<T>(progress: &Progress, about: &str, work: impl Future<Output = T>) -> T {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut done = 0.0;
    tokio::pin!(work);
    loop {
        tokio::select! {
            result = &mut work => return result,
            _ = ticks.tick() => {
                progress.report(done, None, about.to_owned()).await;
                done += 1.0;
            }
        }
    }
}
