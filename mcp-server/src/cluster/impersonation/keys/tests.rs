use serde_json::Value;
use tokio::time::advance;

use super::*;
use crate::cluster::impersonation::minted::{self, AUDIENCE, Key, claims, keys_file, rules, set};
use crate::user_token::UserToken;

async fn verify(keys: &Arc<Keys>, token: &UserToken) -> Result<(), Reason> {
    let rules = [Arc::new(rules())];
    let checked = token.unverified().unwrap();
    let checked = checked.check(&rules, &[AUDIENCE.to_owned()], crate::clock::now()).unwrap();
    keys.verify(checked).await.map(drop)
}

fn fetches(keys: &Keys) -> u64 {
    let text = format!("{:?}", keys.ring().last_fetch());
    text.trim_start_matches("FetchId(").trim_end_matches(')').parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_had_when_a_token_brings_it_and_a_removed_one_is_given_up_in_time() {
    let (old, new) = (Key::new(1), Key::new(2));
    let (folder, keys) = minted::keys(&[&old]);
    let [by_old, by_new] = [&old, &new].map(|key| key.sign(&claims()));
    assert_eq!(verify(&keys, &by_old).await, Ok(()));
    assert_eq!(verify(&keys, &by_new).await, Err(Reason::KeyUnknown));
    std::fs::write(keys_file(folder.path()), set(&[&new])).unwrap();
    assert_eq!(verify(&keys, &by_old).await, Ok(()), "nobody has asked again");
    assert_eq!(verify(&keys, &by_new).await, Ok(()));
    assert_eq!(verify(&keys, &by_old).await, Err(Reason::KeyUnknown));

    // Without any token that brings a new one: every so often.
    std::fs::write(keys_file(folder.path()), set(&[&old])).unwrap();
    advance(Duration::from_secs(61)).await;
    assert_eq!(verify(&keys, &by_new).await, Ok(()), "nobody waits for what is routine");
    let mut ended = keys.ended.subscribe();
    if ended.borrow_and_update().0 < keys.ring().last_fetch() {
        ended.changed().await.unwrap();
    }
    assert_eq!(verify(&keys, &by_new).await, Err(Reason::KeyUnknown));
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_unknown_keys_costs_one_fetch_a_second() {
    let (known, unknown) = (Key::new(1), Key::new(2));
    let (_folder, keys) = minted::keys(&[&known]);
    let begun = Instant::now();
    for _ in 0..5 {
        let all = (0..50).map(|_| {
            let keys = Arc::clone(&keys);
            let token = unknown.sign(&claims());
            tokio::spawn(async move { verify(&keys, &token).await })
        });
        for one in all.collect::<Vec<_>>() {
            assert_eq!(one.await.unwrap(), Err(Reason::KeyUnknown));
        }
    }
    let fetched = fetches(&keys);
    let seconds = begun.elapsed().as_secs();
    assert!(fetched >= 2 && fetched <= seconds + 1, "{fetched} in {seconds} s");
    assert_eq!(verify(&keys, &known.sign(&claims())).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn the_last_good_keys_stay_for_a_while_and_not_for_ever() {
    let key = Key::new(1);
    let (folder, keys) = minted::keys(&[&key]);
    let token = key.sign(&claims());
    assert_eq!(verify(&keys, &token).await, Ok(()));
    for bad in ["", "{}", "[]", &"x".repeat(MAX_BYTES + 1)] {
        std::fs::write(keys_file(folder.path()), bad).unwrap();
        assert!(!keys.newer().await, "{bad}");
        assert_eq!(verify(&keys, &token).await, Ok(()));
        assert!(check_key_file(&keys_file(folder.path())).is_err());
    }
    advance(Duration::from_secs(600)).await;
    assert_eq!(verify(&keys, &token).await, Err(Reason::KeysUnavailable));
    std::fs::write(keys_file(folder.path()), set(&[&key])).unwrap();
    assert_eq!(verify(&keys, &token).await, Ok(()));
}

#[tokio::test]
async fn an_issuer_that_has_withdrawn_all_keys_is_believed() {
    let key = Key::new(1);
    let (folder, keys) = minted::keys(&[&key]);
    let token = key.sign(&claims());
    assert_eq!(verify(&keys, &token).await, Ok(()));
    let none: Value = serde_json::json!({"keys": []});
    std::fs::write(keys_file(folder.path()), none.to_string()).unwrap();
    assert!(keys.newer().await);
    assert_eq!(verify(&keys, &token).await, Err(Reason::KeyUnknown));
    assert!(check_key_file(&keys_file(folder.path())).is_err(), "nobody begins with none");
}
