//! Which confirmations have been used: each is good once.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use super::UnixSeconds;

/// Confirmations of everybody that are remembered, each until it would have expired.
const OF_ALL: usize = 16 * 1024;
/// Of one person, so that nobody can use up everybody's.
const OF_ONE: usize = 64;

/// The confirmations that were used here and could be tried again.
#[derive(Debug, Default)]
pub(super) struct Used(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    /// By when it expires: (time, person, number).
    by_time: BTreeMap<(UnixSeconds, String, u128), ()>,
    of_person: HashMap<String, usize>,
}

/// Why a confirmation cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotUsable {
    /// It was.
    Again,
    /// There is no room to remember that it was.
    TooMany,
}

impl Used {
    /// Uses a confirmation up.
    pub(super) fn once(
        &self,
        person: &str,
        number: u128,
        until: UnixSeconds,
        now: UnixSeconds,
    ) -> Result<(), NotUsable> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.forget_before(now);
        let entry = (until, person.to_owned(), number);
        if entries.by_time.contains_key(&entry) {
            return Err(NotUsable::Again);
        }
        let own = entries.of_person.get(person).copied().unwrap_or(0);
        if own >= OF_ONE || entries.by_time.len() >= OF_ALL {
            return Err(NotUsable::TooMany);
        }
        entries.of_person.insert(person.to_owned(), own + 1);
        entries.by_time.insert(entry, ());
        Ok(())
    }
}

impl Entries {
    fn forget_before(&mut self, now: UnixSeconds) {
        while let Some(first) = self.by_time.first_entry() {
            if first.key().0 > now {
                return;
            }
            let ((_, person, _), ()) = first.remove_entry();
            match self.of_person.get_mut(&person) {
                Some(count) if *count > 1 => *count -= 1,
                _ => {
                    self.of_person.remove(&person);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confirmation_is_used_once_and_forgotten_when_it_has_expired() {
        let used = Used::default();
        assert_eq!(used.once("alice", 1, 10, 0), Ok(()));
        assert_eq!(used.once("alice", 1, 10, 9), Err(NotUsable::Again));
        assert_eq!(used.once("alice", 2, 10, 9), Ok(()));
        assert_eq!(used.once("bob", 1, 10, 9), Ok(()));
        used.once("bob", 3, 30, 20).unwrap();
        let entries = used.0.lock().unwrap();
        assert_eq!((entries.by_time.len(), entries.of_person.len()), (1, 1));
    }

    #[test]
    fn nobody_takes_the_room_of_others() {
        let used = Used::default();
        for number in 0..OF_ONE {
            used.once("mallory", number as u128, 10, 0).unwrap();
        }
        assert_eq!(used.once("mallory", 9_999, 10, 0), Err(NotUsable::TooMany));
        assert_eq!(used.once("alice", 1, 10, 0), Ok(()));
        assert_eq!(used.once("mallory", 9_999, 20, 10), Ok(()), "there is room again");
    }
}
