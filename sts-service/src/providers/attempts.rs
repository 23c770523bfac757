//! Asking a token endpoint: once, or twice where the first time may have been bad luck, each time with a new proof of who
//! we are, and both within the one time that an exchange may take.

use obolus_core::exchange::Answer;
use tokio::time::{Instant, sleep, timeout};

use super::{Exchange, Failure};
use crate::idp_client::Line;
use crate::upstream::{Again, PAUSE, Passage, Sign, patience};

/// Asks by `attempt`, if there is any use in it now.
pub(super) async fn ask<F>(
    exchange: &Exchange<'_>,
    attempt: impl Fn(Line) -> F,
) -> Result<Answer, Failure>
where
    F: Future<Output = Result<Answer, Failure>>,
{
    let passage = exchange.gate.enter(exchange.visit())?;
    let mut asking = Asking { exchange, passage };
    let begun = Instant::now();
    // Boxed, as everything that is under way at once: a stack has to hold the rest.
    let mut first = Box::pin(asking.exchange.measured(attempt(Line::Usual)));
    let outcome = match patience(exchange.remains()) {
        Some(patience) => timeout(patience, &mut first).await.ok(),
        None => Some(first.as_mut().await),
    };
    let Some(outcome) = outcome else {
        if asking.passage.asks_again() != Again::Yes {
            return asking.noted(begun, first.await);
        }
        let beside = Instant::now();
        let mut second = Box::pin(asking.exchange.measured(attempt(Line::Other)));
        // Whoever answers first; no answer is none while the other may bring one.
        return tokio::select! {
            outcome = &mut first => match asking.noted(begun, outcome) {
                Err(failure) if !failure.sign.is_answer() => asking.noted(beside, second.await),
                outcome => outcome,
            },
            outcome = &mut second => match asking.noted(beside, outcome) {
                Err(failure) if !failure.sign.is_answer() => asking.noted(begun, first.await),
                outcome => outcome,
            },
        };
    };
    let outcome = asking.noted(begun, outcome);
    if !outcome.as_ref().is_err_and(|failure| asking.may_pass(failure)) {
        return outcome;
    }
    sleep(PAUSE).await;
    match asking.passage.asks_again() {
        Again::Yes => {}
        Again::No => return outcome,
        Again::Held(after) => return outcome.map_err(|failure| failure.after(after)),
    }
    let begun = Instant::now();
    let outcome = Box::pin(asking.exchange.measured(attempt(Line::Other))).await;
    asking.noted(begun, outcome)
}

struct Asking<'a> {
    exchange: &'a Exchange<'a>,
    passage: Passage<'a>,
}

impl Asking<'_> {
    fn noted(
        &mut self,
        begun: Instant,
        outcome: Result<Answer, Failure>,
    ) -> Result<Answer, Failure> {
        noted(&mut self.passage, begun, outcome)
    }

    fn may_pass(&self, failure: &Failure) -> bool {
        self.passage.may_ask_again(failure.sign, failure.told_to_wait(), self.exchange.remains())
    }
}

/// Remembers for others what came of an attempt that began then.
pub(super) fn noted<T>(
    passage: &mut Passage<'_>,
    begun: Instant,
    outcome: Result<T, Failure>,
) -> Result<T, Failure> {
    let sign = outcome.as_ref().map_or_else(|failure| failure.sign, |_| Sign::Answered);
    passage.saw(sign, begun);
    match outcome {
        Err(failure) if failure.told_to_wait() => {
            let after = passage.hold(failure.denial.retry_after(), begun);
            Err(failure.after(after))
        }
        outcome => {
            if sign == Sign::Answered {
                passage.relieve();
            }
            outcome
        }
    }
}
