//! Forty of Entra's tenants, as many as a large customer has: some away, some hanging, some new, and strangers who
//! invent keys. Nobody's trouble is another's.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use anyhow::ensure;
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::idp::Key;
use obolus_tests::pki::Authority;
use reqwest::Response;
use serde_json::{Value, json};

use crate::idp::{Does, Idp, Running};
use crate::tenants::{LONG, SERVER, claims, configuration, exchange, of, set};
use crate::world::{Outcome, SOON, World, granted, refused};

const COUNT: usize = 40;
/// As many as Entra's tenants commonly have, and all have the same.
const SHARED: usize = 8;
/// How long a request waits for its own tenant's keys, and a little more. Nobody waits for another's.
const PROMPT: Duration = Duration::from_millis(2500);

/// One key pair under many names: making one takes a while, and nothing here depends on which it is.
static PAIR: LazyLock<Key> = LazyLock::new(|| Key::new("RS256", "pair").unwrap());

/// A key that all have.
fn shared(number: usize) -> String {
    format!("shared-{}", number % SHARED)
}

fn jwk(kid: &str, host: &str, number: usize) -> Value {
    let mut jwk = of(&PAIR, host, &tenant(number));
    jwk["kid"] = json!(kid);
    jwk
}

/// The key set of a tenant, with more keys than all have.
fn published(host: &str, number: usize, more: &[String]) -> Does {
    let kids = (0..SHARED).map(shared).chain(more.iter().cloned());
    set(&kids.map(|kid| jwk(&kid, host, number)).collect::<Vec<_>>())
}

fn tenant(number: usize) -> String {
    format!("{number:08}-0000-4000-8000-00000000000e")
}

/// The endpoints of tests are named for good.
fn path(number: usize, rest: &str) -> &'static str {
    Box::leak(format!("/{}/{rest}", tenant(number)).into_boxed_str())
}

fn keys_of(number: usize) -> &'static str {
    path(number, "discovery/v2.0/keys")
}

struct Many {
    world: World,
    host: String,
}

impl Many {
    async fn start(refresh: Duration, max_stale: Duration, prepare: impl FnOnce(&Idp)) -> Self {
        let authority = Authority::new("many tenants").unwrap();
        let running = Running::start(&authority).await;
        let host = running.idp.issuer();
        for number in 0..COUNT {
            running.idp.at(keys_of(number), published(&host, number, &[]));
            running.idp.at(path(number, "oauth2/v2.0/token"), exchange(PAIR.clone()));
        }
        prepare(&running.idp);
        let names: Vec<_> = (0..COUNT).map(tenant).collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let config = configuration(&host, &names);
        let world = World::start_changed(
            &authority,
            running,
            |_| config,
            |config| {
                let issuer = Arc::get_mut(&mut config.issuers[0]).unwrap();
                (issuer.keys_refresh, issuer.keys_max_stale) = (refresh, max_stale);
            },
        )
        .await;
        Self { world, host }
    }

    async fn exchange(&self, number: usize, kid: &str) -> Outcome {
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": kid}).to_string();
        let claims = claims(&self.host, &tenant(number), SERVER).to_string();
        self.world.exchange(&PAIR.sign_parts(&header, &claims).unwrap()).await
    }

    /// All of these have their people exchanged, each at once.
    async fn serve(&self, numbers: impl Iterator<Item = usize>) {
        for number in numbers {
            let begun = Instant::now();
            assert_eq!(self.exchange(number, &shared(number)).await, granted(), "tenant {number}");
            assert!(begun.elapsed() < PROMPT, "tenant {number}: {:?}", begun.elapsed());
        }
    }

    /// The tenant has a key more than it had.
    fn roll_over(&self, number: usize) -> String {
        let new = format!("new-{number}");
        let published = published(&self.host, number, std::slice::from_ref(&new));
        self.world.idp().at(keys_of(number), published);
        new
    }

    async fn wish(&self, number: usize) -> Response {
        let url = self.world.url(&format!("/keys/idp/{}", tenant(number)));
        self.world.http.get(url).header("cache-control", "no-cache").send().await.unwrap()
    }

    fn fetches(&self, number: usize) -> usize {
        self.world.running.calls(keys_of(number))
    }

    /// So many fetches of this tenant's keys have ended well.
    async fn fetched(&self, number: usize) {
        let url = self.world.url(&format!("/keys/idp/{}", tenant(number)));
        eventually("keys", SOON, || async {
            Ok(self.world.http.get(&url).send().await?.error_for_status().map(drop)?)
        })
        .await
        .unwrap();
    }
}

fn unavailable() -> Outcome {
    refused(503, "keys_unavailable")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_is_missing_takes_the_keys_of_no_other() {
    let missing = || Does::json(404, json!({}));
    let refresh = Duration::from_secs(1);
    let many =
        Many::start(refresh, Duration::from_secs(3), |idp| idp.at(keys_of(0), missing())).await;
    many.serve(1..COUNT).await;
    assert_eq!(many.exchange(0, &shared(0)).await, unavailable());

    // One that was there, and for so long that nobody believes its keys any more.
    many.world.idp().at(keys_of(COUNT - 1), missing());
    eventually("the end of the keys", SOON, || async {
        let seen = many.exchange(COUNT - 1, &shared(0)).await;
        ensure!(seen == unavailable(), "{seen:?}");
        Ok(())
    })
    .await
    .unwrap();
    many.serve(1..COUNT - 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_with_more_keys_than_anybody_has_is_left_out_and_the_others_stay() {
    let many = Many::start(LONG, LONG, |idp| {
        let keys: Vec<Value> =
            (0..257).map(|kid| jwk(&kid.to_string(), &idp.issuer(), 0)).collect();
        idp.at(keys_of(0), set(&keys));
    })
    .await;
    many.serve(1..COUNT).await;
    assert_eq!(many.exchange(0, &shared(0)).await, unavailable());
    many.world.idp().at(keys_of(0), published(&many.host, 0, &[]));
    eventually("fewer keys", SOON, || async {
        let seen = many.exchange(0, &shared(0)).await;
        ensure!(seen == granted(), "{seen:?}");
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_that_hang_delay_neither_the_start_nor_the_roll_over_of_others() {
    const HANGING: usize = 5;
    let many = Many::start(LONG, LONG, |idp| {
        for number in 0..HANGING {
            idp.at(keys_of(number), Does::Hangs);
        }
    })
    .await;
    many.serve(HANGING..COUNT).await;
    assert_eq!(many.exchange(0, &shared(0)).await, unavailable());
    for number in [HANGING, COUNT - 1] {
        let new = many.roll_over(number);
        let begun = Instant::now();
        assert_eq!(many.exchange(number, &new).await, granted(), "the first request with it");
        assert!(begun.elapsed() < PROMPT, "{:?}", begun.elapsed());
    }
    // One that has keys, has new ones, and hangs: who has a new key is not told that there is no such key.
    let new = many.roll_over(20);
    many.world.idp().at(keys_of(20), Does::Hangs);
    assert_eq!(many.exchange(20, &new).await, unavailable());
    many.serve(20..21).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_have_one_tenants_keys_fetched_and_ever_more_seldom() {
    let many = Many::start(Duration::from_secs(600), LONG, |_| {}).await;
    for number in 0..COUNT {
        many.fetched(number).await;
    }
    let before: Vec<_> = (0..COUNT).map(|number| many.fetches(number)).collect();
    let (flooded, other) = (3, 4);
    let (begun, mut ages) = (Instant::now(), 0);
    // Until one wish is not granted in the time that it has.
    while many.fetches(flooded) < before[flooded] + 6 || ages == 0 {
        assert!(begun.elapsed() < Duration::from_secs(30), "they are granted all the same");
        let wishes = (0..5).map(|_| many.wish(flooded));
        let mut answers = Vec::new();
        for wish in wishes {
            answers.push(wish.await);
        }
        ages += answers.iter().filter(|answer| answer.headers().contains_key("age")).count();
        let seen = many.exchange(flooded, "forged").await;
        assert!(seen == refused(401, "key_unknown") || seen == unavailable(), "{seen:?}");
        many.serve(flooded..=other).await;
    }
    // Five are a second apart, and the sixth is two seconds after them.
    assert!(begun.elapsed() >= Duration::from_secs(5), "{:?}", begun.elapsed());
    for number in (0..COUNT).filter(|number| *number != flooded) {
        assert_eq!(many.fetches(number), before[number], "tenant {number}");
    }

    // Nobody is told that a key does not exist while nobody looks; and it is found as soon as somebody does.
    let new = many.roll_over(flooded);
    eventually("the new key", SOON, || async {
        let seen = many.exchange(flooded, &new).await;
        assert!(seen == granted() || seen == unavailable(), "{seen:?}");
        ensure!(seen == granted(), "{seen:?}");
        Ok(())
    })
    .await
    .unwrap();
    let new = many.roll_over(other);
    assert_eq!(many.exchange(other, &new).await, granted(), "at once, elsewhere");

    // What is not asked for because of a request says how old it is.
    let answer = many.wish(other + 1).await;
    assert!(!answer.headers().contains_key("age"));
    let url = many.world.url(&format!("/keys/idp/{}", tenant(other)));
    let kept = many.world.http.get(url).send().await.unwrap();
    assert!(kept.headers().contains_key("age"));
}

#[tokio::test]
async fn keys_of_a_tenant_are_served_at_its_own_address_only() {
    let many = Many::start(LONG, LONG, |idp| idp.at(keys_of(0), Does::json(404, json!({})))).await;
    many.fetched(1).await;
    let get = async |path: &str| many.world.http.get(many.world.url(path)).send().await.unwrap();
    let answer = get(&format!("/keys/idp/{}", tenant(1))).await;
    assert_eq!(answer.status(), 200);
    let keys: Value = answer.json().await.unwrap();
    let own = format!("{}/{}/v2.0", many.host, tenant(1));
    let keys = keys["keys"].as_array().unwrap();
    assert!(keys.len() == SHARED && keys.iter().all(|key| key["issuer"] == own), "{keys:?}");
    assert_eq!(get(&format!("/keys/idp/{}", tenant(0))).await.status(), 503);
    for path in ["/keys/idp", "/keys/idp/", "/keys/idp/common"] {
        assert_eq!(get(path).await.status(), 404, "{path}");
    }
    assert_eq!(get(&format!("/keys/idp/{}", tenant(COUNT))).await.status(), 404);
    assert_eq!(get(&format!("/keys/other/{}", tenant(1))).await.status(), 404);
}
