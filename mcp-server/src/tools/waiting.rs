//! Waiting until an object is as somebody wants it.

use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::CallContext;
use crate::clock;
use crate::cluster::{RawObject, Resource};
use crate::failure::Failure;
use crate::names::{Namespace, ObjectName};

/// How often whoever waits is told that nothing has happened.
const TICK: Duration = Duration::from_secs(5);

/// What an object is found to be.
#[derive(Debug)]
pub(super) enum Judged<T> {
    /// As it ought to be.
    Met(T),
    /// Not yet; what it is instead.
    NotYet(String),
}

/// Looks at an object whenever it changes, until it is as it ought to be, the time is over, or the caller's credential ends.
/// Dropped, it ends the watch.
pub(super) async fn until<T>(
    context: &CallContext,
    (resource, namespace, name): (&Resource, &Namespace, &ObjectName),
    (what, limit): (&str, Duration),
    mut judge: impl FnMut(Option<RawObject>) -> Result<Judged<T>, Failure>,
) -> Result<T, Failure> {
    let _place = context.stream_place(&format!("wait for {} {name}", resource.kind())).await?;
    // What has ended already ends at once.
    let expires = context.caller.expires();
    let left = expires.map(|end| Duration::from_secs(end.saturating_sub(clock::now())));
    let is_cut_short = left.is_some_and(|left| left < limit);
    let limit = left.unwrap_or(limit).min(limit);
    let started = Instant::now();
    let total = limit.as_secs_f64();
    let mut seen = "nothing had been seen of it".to_owned();
    let waiting = async {
        let mut followed = context.caller.follow(resource, namespace, name);
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let next = followed.next();
            tokio::pin!(next);
            let object = loop {
                tokio::select! {
                    object = &mut next => break object?,
                    _ = ticks.tick() => {
                        let elapsed = started.elapsed().as_secs_f64();
                        context.progress.report(elapsed, Some(total), seen.clone()).await;
                    }
                }
            };
            match judge(object)? {
                Judged::Met(met) => return Ok(met),
                Judged::NotYet(instead) => seen = instead,
            }
        }
    };
    let result = timeout(limit, waiting).await;
    result.unwrap_or_else(|_| {
        if is_cut_short {
            seen.push_str("; that is earlier than asked for, as the credential of this call has ended with it: sign in again");
        }
        Err(Failure::NotYet { what: what.to_owned(), seconds: limit.as_secs(), seen })
    })
}
