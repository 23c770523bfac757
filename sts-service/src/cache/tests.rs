use obolus_core::exchange::{Answer, Target};
use obolus_core::token::{IssuerRules, KeySet, Provider, PureRust, UnverifiedToken};
use obolus_tests::fixtures::idp::Key as SigningKey;
use serde_json::json;

use super::*;
use crate::upstream::Sign;

/// Two people, one key under which a mistake could bring them together, and a memory.
struct World {
    key: SigningKey,
    alice: Principal,
    bob: Principal,
    cache: ExchangeCache,
}

impl World {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Limits)) -> Self {
        let key = SigningKey::new("ES256", "k").unwrap();
        let (alice, bob) = (principal(&key, "alice"), principal(&key, "bob"));
        let mut limits = Limits {
            cached_tokens: 10,
            cached_bytes: 1 << 20,
            cache_max_age: Duration::from_secs(60),
            refusals_max_age: Duration::from_secs(30),
            exchanges_in_flight: 1,
            connections: 1,
            connections_per_peer: 1,
            idp_timeout: Duration::from_secs(1),
        };
        change(&mut limits);
        Self { key, alice, bob, cache: ExchangeCache::new(&limits) }
    }

    /// What an exchange of this person's would bring.
    fn exchanged(&self, whose: &Principal, padding: usize) -> Result<ExchangedToken, Failure> {
        let target = Target { name: "kubernetes".to_owned(), audience: "kubernetes".to_owned() };
        let subject = &whose.identity().subject;
        let token = sign(&self.key, subject, &["kubernetes".to_owned(), "x".repeat(padding)]);
        let body = json!({"access_token": token, "token_type": "Bearer", "expires_in": 600});
        let answer = Answer::parse(body.to_string().as_bytes()).unwrap();
        Ok(ExchangedToken::accept(whose, &target, answer, now())?)
    }

    async fn get(
        &self,
        key: &Key,
        who: &Principal,
        outcome: Result<ExchangedToken, Failure>,
    ) -> Result<Got, Refused> {
        self.cache.get_or_exchange(key.clone(), who, async { outcome }).await
    }

    /// A token of alice's in memory.
    async fn remembered(&self) -> (Key, Arc<ExchangedToken>) {
        let key = key("t");
        let got = self.get(&key, &self.alice, self.exchanged(&self.alice, 0)).await.unwrap();
        assert_eq!(got.source, Source::Miss);
        (key, got.token)
    }
}

fn sign(key: &SigningKey, subject: &str, audience: &[String]) -> String {
    sign_until(key, subject, audience, now() + 600)
}

fn sign_until(key: &SigningKey, subject: &str, audience: &[String], exp: UnixSeconds) -> String {
    key.sign(&json!({"iss": "https://idp", "sub": subject, "aud": audience, "exp": exp})).unwrap()
}

fn principal(key: &SigningKey, subject: &str) -> Principal {
    let rules = IssuerRules {
        name: "idp".to_owned(),
        provider: Provider::Oidc("https://idp".to_owned()),
        algorithms: vec![obolus_core::token::Algorithm::ES256],
        clock_skew_seconds: 0,
    };
    let keys = KeySet::parse(json!({"keys": [key.jwk()]}).to_string().as_bytes()).unwrap();
    let audience = ["resource".to_owned()];
    let token = UnverifiedToken::parse(&sign(key, subject, &audience)).unwrap();
    let checked = token.check(&[Arc::new(rules)], &audience, now()).unwrap();
    checked.verify(&keys, &PureRust).unwrap()
}

fn key(token: &str) -> Key {
    Key::of_token(token)
}

fn refusal(reason: Reason) -> Result<ExchangedToken, Failure> {
    Err(Failure { sign: Sign::Answered, ..Failure::from(reason) })
}

fn outage() -> Result<ExchangedToken, Failure> {
    Err(Failure { sign: Sign::Silent, ..Failure::from(Reason::IdpUnavailable) })
}

/// Whatever the key says: a mistake in it must not give one person the other's token.
#[tokio::test]
async fn a_remembered_token_is_held_against_who_asks() {
    let world = World::new();
    let (key, _) = world.remembered().await;
    let got = world.get(&key, &world.alice, outage()).await;
    assert_eq!(got.unwrap().source, Source::Hit);
    let got = world.get(&key, &world.bob, outage()).await;
    assert_eq!(got.unwrap_err().failure.denial.reason(), Reason::ExchangedIdentityMismatch);
}

#[tokio::test]
async fn a_refusal_is_remembered_and_an_outage_is_not() {
    let world = World::new();
    let refused = world.get(&key("a"), &world.alice, refusal(Reason::ConsentRequired)).await;
    assert!(!refused.unwrap_err().is_remembered);
    let again = world.get(&key("a"), &world.alice, world.exchanged(&world.alice, 0)).await;
    let again = again.unwrap_err();
    assert_eq!(again.failure.denial.reason(), Reason::ConsentRequired);
    assert!(again.is_remembered);
    // Another token of the same person's is another matter.
    assert!(world.get(&key("b"), &world.alice, world.exchanged(&world.alice, 0)).await.is_ok());

    assert!(world.get(&key("c"), &world.alice, outage()).await.is_err());
    assert!(world.get(&key("c"), &world.alice, world.exchanged(&world.alice, 0)).await.is_ok());
}

#[tokio::test]
async fn a_new_token_takes_the_olds_place_for_its_own_time() {
    let world = World::new();
    let (key, old) = world.remembered().await;
    let new = async { world.exchanged(&world.alice, 1) };
    let outcome = world.cache.renew(&key, &world.alice, &old, new).await;
    assert!(outcome.is_ok());
    let got = world.get(&key, &world.alice, outage()).await.unwrap();
    assert_eq!(got.source, Source::Hit);
    assert!(!Arc::ptr_eq(&got.token, &old));
}

#[tokio::test]
async fn a_new_token_is_kept_beyond_the_end_of_the_old_one() {
    let world = World::with(|limits| limits.cache_max_age = Duration::from_secs(2));
    let begun = Instant::now();
    let (key, old) = world.remembered().await;
    let past = async |millis| {
        while begun.elapsed() < Duration::from_millis(millis) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    past(1500).await;
    let new = async { world.exchanged(&world.alice, 1) };
    world.cache.renew(&key, &world.alice, &old, new).await.unwrap();
    past(2500).await;
    let got = world.get(&key, &world.alice, outage()).await.unwrap();
    assert!(!Arc::ptr_eq(&got.token, &old));
}

#[tokio::test]
async fn a_refusal_of_the_person_ends_the_token_at_once_and_an_outage_leaves_it() {
    for (outcome, stays) in [
        (outage(), true),
        (Err(Failure::from(Reason::Overloaded)), true),
        // Our own registration says nothing of the person.
        (refusal(Reason::ExchangeMisconfigured), true),
        (refusal(Reason::SubjectTokenRefused), false),
        (refusal(Reason::InteractionRequired), false),
        (refusal(Reason::ConsentRequired), false),
        (refusal(Reason::BlockedByPolicy), false),
        (refusal(Reason::ExchangeDenied), false),
    ] {
        let world = World::new();
        let (key, old) = world.remembered().await;
        let reason = outcome.as_ref().unwrap_err().denial.reason();
        let told = world.cache.renew(&key, &world.alice, &old, async { outcome }).await;
        assert_eq!(told.unwrap_err().denial.reason(), reason);
        match world.get(&key, &world.alice, world.exchanged(&world.alice, 1)).await {
            Ok(got) => assert!(stays && Arc::ptr_eq(&got.token, &old), "{reason}"),
            Err(refused) => {
                assert!(!stays && refused.is_remembered, "{reason}");
                assert_eq!(refused.failure.denial.reason(), reason);
            }
        }
    }
}

#[tokio::test]
async fn a_late_renewal_changes_nothing_that_has_come_in_the_meantime() {
    let world = World::new();
    let (key, old) = world.remembered().await;
    // The old one has ended, and the person has been refused since.
    world.cache.tokens.invalidate(&key.what).await;
    let late = async { world.exchanged(&world.alice, 1) };
    world.cache.renew(&key, &world.alice, &old, late).await.unwrap();
    let refused = world.get(&key, &world.alice, refusal(Reason::ExchangeDenied)).await;
    assert!(!refused.unwrap_err().is_remembered, "a token was there again");

    // Or another token has come.
    let world = World::new();
    let (key, old) = world.remembered().await;
    world.cache.tokens.invalidate(&key.what).await;
    let (_, newer) = world.remembered().await;
    let late = async { refusal(Reason::ExchangeDenied) };
    world.cache.renew(&key, &world.alice, &old, late).await.unwrap_err();
    let got = world.get(&key, &world.alice, outage()).await.unwrap();
    assert!(Arc::ptr_eq(&got.token, &newer));
}

#[tokio::test]
async fn there_are_no_more_tokens_and_no_more_bytes_than_allowed() {
    // Ten tokens by number, of any size; then by bytes, of which a large one takes 16 KiB.
    for (tokens, bytes, padding, most) in [(10, 1 << 20, 0, 10), (1000, 1 << 20, 11_900, 64)] {
        let world = World::with(|limits| {
            (limits.cached_tokens, limits.cached_bytes) = (tokens, bytes);
        });
        for number in 0..most * 2 {
            let exchanged = world.exchanged(&world.alice, padding);
            assert!(world.get(&key(&number.to_string()), &world.alice, exchanged).await.is_ok());
        }
        world.cache.tokens.run_pending_tasks().await;
        let (count, weight, _) = world.cache.sizes();
        assert!((1..=most).contains(&count) && weight <= bytes, "{count} {weight}");
    }
    // And none, if that is wanted.
    let world = World::with(|limits| limits.cached_tokens = 0);
    let (key, _) = world.remembered().await;
    assert!(world.get(&key, &world.alice, outage()).await.is_err());
}

#[tokio::test]
async fn one_of_those_that_use_a_token_near_its_end_sees_to_the_next() {
    let world = World::with(|limits| limits.cache_max_age = Duration::from_secs(8));
    let (key, _) = world.remembered().await;
    let get = || world.get(&key, &world.alice, outage());
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let got = get().await.unwrap();
        if got.refresh.is_some() {
            break;
        }
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(get().await.unwrap().refresh.is_none(), "twice");
}

/// A rotation of our secret is no withdrawal of anybody's right.
#[tokio::test]
async fn what_an_older_secret_got_is_served_while_the_next_one_is_asked_for() {
    let world = World::new();
    let (_, old) = world.remembered().await;
    let new = Key::by_secret("t", "the next");
    let got = world.get(&new, &world.alice, outage()).await.unwrap();
    assert!(got.source == Source::Hit && Arc::ptr_eq(&got.token, &old));
    assert!(got.keep_until <= now() + 10, "for a moment only");
    assert!(got.refresh.is_some());
    assert!(world.get(&new, &world.alice, outage()).await.unwrap().refresh.is_none(), "twice");
    // A wrong one ends nothing, and is no refusal of hers.
    let wrong = async { refusal(Reason::ExchangeMisconfigured) };
    world.cache.renew(&new, &world.alice, &old, wrong).await.unwrap_err();
    let got = world.get(&new, &world.alice, outage()).await.unwrap();
    assert!(Arc::ptr_eq(&got.token, &old));
    // A good one takes its place.
    let next = async { world.exchanged(&world.alice, 1) };
    world.cache.renew(&new, &world.alice, &old, next).await.unwrap();
    let got = world.get(&new, &world.alice, outage()).await.unwrap();
    assert!(!Arc::ptr_eq(&got.token, &old) && got.refresh.is_none());
    // The control: another target or another client is asked for at once.
    assert!(world.get(&key("u"), &world.alice, outage()).await.is_err());
}

#[tokio::test]
async fn a_clock_that_was_set_back_does_not_make_the_age_limit_longer() {
    let world = World::with(|limits| limits.cache_max_age = Duration::from_secs(100));
    let key = key("t");
    let keep_until = async |at: UnixSeconds| {
        let token = world.exchanged(&world.alice, 0).unwrap();
        let now = world.cache.remembered(token, &world.alice, key.credential);
        let of_another_time = Remembered { keep_until: at, ahead: None, ..now };
        world.cache.tokens.insert(key.what.clone(), of_another_time).await;
        let got = world.get(&key, &world.alice, Err(Reason::Internal.into())).await.unwrap();
        assert_eq!(got.source, Source::Hit);
        got.keep_until
    };
    let soon = now() + 40;
    assert_eq!(keep_until(soon).await, soon);
    let before = now();
    let limited = keep_until(now() + 3600).await;
    assert!((before + 100..=now() + 100).contains(&limited), "{limited} at {before}");
}

/// moka's clock stands still while a machine sleeps.
#[tokio::test]
async fn a_token_that_ended_while_the_machine_slept_is_given_to_nobody() {
    let world = World::new();
    let key = key("t");
    let ended = || {
        let target = Target { name: "kubernetes".to_owned(), audience: "kubernetes".to_owned() };
        let text = sign_until(&world.key, "alice", &["kubernetes".to_owned()], now() - 1);
        let body = json!({"access_token": text, "token_type": "Bearer", "expires_in": 600});
        let answer = Answer::parse(body.to_string().as_bytes()).unwrap();
        ExchangedToken::accept(&world.alice, &target, answer, now() - 100).unwrap()
    };
    let remembered = world.cache.remembered(ended(), &world.alice, key.credential);
    let kept = Remembered { keep: Duration::from_secs(60), ..remembered };
    world.cache.tokens.insert(key.what.clone(), kept).await;
    // Nor is one that comes so.
    let refused = world.get(&key, &world.alice, Ok(ended())).await.unwrap_err();
    assert_eq!(refused.failure.denial.reason(), Reason::ExchangedExpired);
    let got = world.get(&key, &world.alice, world.exchanged(&world.alice, 0)).await.unwrap();
    assert!(got.token.expires_at() > now());
    assert_eq!(got.source, Source::Miss);
}
