//! When keys are fetched: soon enough to notice a removal, and never as often as an attacker asks.

use obolus_core::token::{KeyRing, KeySet, Wanted};
use serde_json::json;

use crate::issuer::KEYS;

fn keys(ids: &[&str]) -> KeySet {
    let keys: Vec<_> = ids.iter().map(|id| KEYS.ed_jwk(id)).collect();
    KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

#[test]
fn a_ring_without_keys_tries_every_second_and_one_with_keys_at_its_time() {
    let mut ring = KeyRing::new(60, 3600);
    assert!(ring.keys().is_none());
    assert_eq!(ring.wants_fetch(0, false), Some(Wanted::Routine));
    ring.started(0);
    ring.failed();
    assert_eq!(ring.wants_fetch(999, false), None);
    assert_eq!(ring.wants_fetch(1000, false), Some(Wanted::Routine));
    ring.started(1000);
    ring.fetched(0, keys(&["a"]));
    assert_eq!(ring.wants_fetch(60_999, false), None);
    assert_eq!(ring.wants_fetch(61_000, false), Some(Wanted::Routine));
}

#[test]
fn a_request_that_waits_asks_for_more_than_a_cached_copy() {
    let mut ring = KeyRing::new(60, 3600);
    assert_eq!(ring.wants_fetch(0, true), Some(Wanted::Now));
    let first = ring.started(0);
    assert_eq!(ring.wants_fetch(10_000, true), None, "one at a time");
    ring.fetched(0, keys(&["a"]));
    assert_eq!(ring.wants_fetch(999, true), None);
    assert_eq!(ring.wants_fetch(1000, true), Some(Wanted::Now));
    let second = ring.started(1000);
    assert!(second > first);
    assert_eq!(ring.last_fetch(), second);
}

#[test]
fn a_removed_or_changed_key_is_reported_and_a_new_one_is_not() {
    let mut ring = KeyRing::new(60, 3600);
    ring.started(0);
    assert!(!ring.fetched(0, keys(&["a", "b"])), "there was nothing to lose");
    ring.started(1000);
    assert!(!ring.fetched(0, keys(&["b", "a", "c"])));
    ring.started(2000);
    assert!(ring.fetched(0, keys(&["b", "c"])));
    assert!(ring.keys().unwrap().find("a", obolus_core::token::Algorithm::EdDSA).is_none());
    ring.started(3000);
    ring.failed();
    assert_eq!(
        ring.keys().unwrap().len(),
        2,
        "an issuer that does not answer has not removed its keys"
    );
}

#[test]
fn a_clock_that_is_set_back_does_not_stop_the_refresh() {
    let mut ring = KeyRing::new(60, 3600);
    let year_ahead = 365 * 24 * 3600 * 1000;
    ring.started(year_ahead);
    ring.fetched(0, keys(&["a"]));
    assert_eq!(ring.wants_fetch(5000, false), Some(Wanted::Routine));
    ring.started(5000);
    ring.fetched(0, keys(&["a"]));
    assert_eq!(ring.wants_fetch(5500, true), None, "the cooldown holds on the new time");
    assert_eq!(ring.wants_fetch(64_999, false), None);
    assert_eq!(ring.wants_fetch(65_000, false), Some(Wanted::Routine));
}
