//! Refusals, remembered: a client that asks again and again after a definite no is answered by us, and the identity
//! provider is left alone (Entra answers such loops by refusing even more). An answer that we refuse is such a no, too.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use obolus_core::UnixSeconds;

use super::Key;
use crate::clock::now;
use crate::providers::Failure;

/// More are forgotten early. Each may hold some texts of the provider's for the log.
const MOST: u64 = 4096;

#[derive(Clone)]
struct Refused {
    failure: Arc<Failure>,
    until: UnixSeconds,
}

/// See the module.
pub(super) struct Refusals {
    held: Cache<Key, Refused>,
    max_age: Duration,
}

impl Refusals {
    pub(super) fn new(max_age: Duration) -> Self {
        let held = Cache::builder().max_capacity(MOST).time_to_live(max_age).build();
        Self { held, max_age }
    }

    /// The refusal of just this, if it is not too old.
    pub(super) async fn get(&self, key: &Key) -> Option<Arc<Failure>> {
        let refused = self.held.get(key).await?;
        // moka's clock stands still while a machine sleeps.
        (now() < refused.until).then_some(refused.failure)
    }

    /// Remembers a failure that is a refusal; any other may pass by itself.
    pub(super) async fn remember(&self, key: Key, failure: &Arc<Failure>) {
        if failure.is_refusal() && !self.max_age.is_zero() {
            let until = now().saturating_add(self.max_age.as_secs());
            self.held.insert(key, Refused { failure: Arc::clone(failure), until }).await;
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.held.entry_count()
    }
}

#[cfg(test)]
mod tests {
    use obolus_core::Reason;

    use super::*;
    use crate::upstream::Sign;

    fn key(token: &str) -> Key {
        Key::of_token(token)
    }

    fn failure(reason: Reason, sign: Sign) -> Arc<Failure> {
        Arc::new(Failure { sign, ..Failure::from(reason) })
    }

    #[tokio::test]
    async fn only_what_was_answered_and_is_no_plea_for_time_is_remembered_and_for_that_token_only()
    {
        let refusals = Refusals::new(Duration::from_secs(30));
        for reason in Reason::ALL {
            for sign in [Sign::Answered, Sign::Unasked, Sign::Silent, Sign::Strange] {
                let own = key(&format!("{reason} {sign:?}"));
                refusals.remember(own.clone(), &failure(*reason, sign)).await;
                let is_refusal = sign == Sign::Answered
                    && !matches!(reason.as_str(), "idp_unavailable" | "overloaded" | "internal");
                assert_eq!(refusals.get(&own).await.is_some(), is_refusal, "{reason} {sign:?}");
            }
        }
        assert!(refusals.get(&key("another")).await.is_none());
    }

    #[tokio::test]
    async fn a_refusal_does_not_outlive_its_age_whatever_a_sleeping_machines_clock_says() {
        let refusals = Refusals::new(Duration::from_secs(30));
        let refused = failure(Reason::ExchangeDenied, Sign::Answered);
        refusals.remember(key("t"), &refused).await;
        assert!(refusals.get(&key("t")).await.is_some());
        let old = Refused { failure: Arc::clone(&refused), until: now() };
        refusals.held.insert(key("t"), old).await;
        assert!(refusals.get(&key("t")).await.is_none());

        let none = Refusals::new(Duration::ZERO);
        none.remember(key("t"), &refused).await;
        assert!(none.get(&key("t")).await.is_none());
    }
}
