//! Entra's keys change while people work.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use obolus_tests::deadline::eventually;
use obolus_tests::entra::Keys;
use obolus_tests::fixtures::entra::Style;

use crate::doors::RECORDED;
use crate::world::{self, World};

/// Ten times what it takes on an idle machine.
const SOON: Duration = Duration::from_secs(30);
const DOOR: Style = Style::CertificatePs256;

/// People who sign in and call, again and again, until they are told to go home.
#[derive(Default)]
struct Traffic {
    over: AtomicBool,
    calls: AtomicUsize,
}

impl Traffic {
    async fn of(&self, world: &World, person: &str) {
        let username = world.stack.entra().username(person);
        let first = world.token(person).await;
        while !self.over.load(Ordering::Relaxed) {
            let fresh = world.token(person).await;
            for (what, token) in [("fresh", &fresh), ("first", &first)] {
                let answer = world.call(DOOR.name(), token).await;
                assert_eq!(answer.status, 200, "{person}'s {what} token: {}", answer.body);
                assert_eq!(answer.person().0, username, "{what}");
                self.calls.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Waits until so many calls more have been answered.
    async fn more(&self, count: usize) -> Result<()> {
        let before = self.calls.load(Ordering::Relaxed);
        eventually("traffic", SOON, || async {
            let so_far = self.calls.load(Ordering::Relaxed) - before;
            ensure!(so_far >= count, "{so_far} calls");
            Ok(())
        })
        .await
    }
}

#[tokio::test]
async fn a_roll_over_under_traffic_fails_nobodys_call() {
    let world = world::turn().await;
    let keys = world.stack.entra().emulator.keys();
    let traffic = Traffic::default();
    let rolls: [fn(&Keys) -> Result<()>; 3] = [Keys::roll, Keys::roll_without_notice, Keys::roll];
    let change = async {
        for roll in rolls {
            traffic.more(8).await.unwrap();
            let before = keys.current_id();
            roll(keys).unwrap();
            assert_ne!(keys.current_id(), before);
        }
        traffic.more(8).await.unwrap();
        traffic.over.store(true, Ordering::Relaxed);
    };
    tokio::join!(traffic.of(&world, "alice"), traffic.of(&world, "bob"), change);
}

#[tokio::test]
async fn a_key_that_is_removed_takes_its_tokens_along_and_no_others() {
    let world = world::turn().await;
    let keys = world.stack.entra().emulator.keys();
    let (warm, cold) = (world.token("alice").await, world.token("alice").await);
    assert_eq!(world.call(RECORDED, &warm).await.status, 200);
    assert_eq!(world.recorder.take().len(), 1);
    keys.remove_current().unwrap();
    // Before anybody else has noticed.
    let newest = world.token("bob").await;
    assert_eq!(world.call(RECORDED, &newest).await.status, 200);
    assert_eq!(world.recorder.take().len(), 1);
    eventually("the key's removal", SOON, || async {
        let answer = world.call(RECORDED, &warm).await;
        ensure!(answer.verdict() == (401, "key_unknown"), "{:?}", answer.verdict());
        Ok(())
    })
    .await
    .unwrap();
    world.recorder.take();
    let asked = world.asked().len();
    for token in [&warm, &cold] {
        assert_eq!(world.call(RECORDED, token).await.verdict(), (401, "key_unknown"));
    }
    assert!(world.recorder.take().is_empty());
    assert_eq!(world.asked().len(), asked);
    for token in [&newest, &world.token("alice").await] {
        assert_eq!(world.call(RECORDED, token).await.status, 200);
    }
    assert_eq!(world.recorder.take().len(), 2);
}
