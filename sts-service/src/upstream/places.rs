//! How many exchanges may be under way: so many in all, and of them some for each identity provider or tenant alone, so
//! that one that hangs does not take all.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What one token endpoint may use: half of all places are dealt out evenly, and the rest is anybody's.
#[derive(Debug)]
pub(crate) struct Places {
    own: Arc<Semaphore>,
    shared: Arc<Semaphore>,
}

impl Places {
    /// For so many endpoints, `total` places in all.
    pub(crate) fn deal(total: usize, endpoints: usize) -> impl Iterator<Item = Self> {
        let own = (total / 2).checked_div(endpoints).unwrap_or(0);
        // Where there is not one place for each, one is still worth more than none.
        let own = if own == 0 && endpoints < total { 1 } else { own };
        let shared = Arc::new(Semaphore::new(total.saturating_sub(own.saturating_mul(endpoints))));
        (0..endpoints).map(move |_| {
            let (own, shared) = (Arc::new(Semaphore::new(own)), Arc::clone(&shared));
            Self { own, shared }
        })
    }

    /// One place, until it is dropped; its own ones first. Nobody waits for one.
    pub(super) fn take(&self) -> Option<OwnedSemaphorePermit> {
        let take = |places: &Arc<Semaphore>| Arc::clone(places).try_acquire_owned().ok();
        take(&self.own).or_else(|| take(&self.shared))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take_all(places: &Places) -> Vec<OwnedSemaphorePermit> {
        std::iter::from_fn(|| places.take()).collect()
    }

    #[test]
    fn who_takes_all_that_it_can_leaves_the_others_theirs() {
        for (total, endpoints, alone, left) in [
            (256, 1, 256, 0),
            (256, 2, 192, 64),
            (256, 4, 160, 32),
            (256, 100, 157, 1),
            (3, 2, 2, 1),
        ] {
            let all: Vec<_> = Places::deal(total, endpoints).collect();
            let (greedy, others) = all.split_first().unwrap();
            let taken = take_all(greedy);
            assert_eq!(taken.len(), alone, "{total} {endpoints}");
            let rest: Vec<_> = others.iter().map(|other| take_all(other).len()).collect();
            assert!(rest.iter().all(|count| *count == left), "{total} {endpoints} {rest:?}");
        }
    }

    #[test]
    fn there_are_never_more_than_all() {
        for total in [1, 2, 3, 7, 256] {
            for endpoints in [1, 2, 3, 7, 100, 300] {
                let all: Vec<_> = Places::deal(total, endpoints).collect();
                let taken: Vec<_> = all.iter().flat_map(take_all).collect();
                assert_eq!(taken.len(), total, "{total} {endpoints}");
            }
        }
    }

    #[test]
    fn a_place_that_is_given_back_can_be_had_again() {
        let places = Places::deal(1, 1).next().unwrap();
        let place = places.take();
        assert!(place.is_some() && places.take().is_none());
        drop(place);
        assert!(places.take().is_some());
    }
}
