//! Exchanged tokens, remembered: bounded in number and age, and asked for once however many wait for the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache;
use obolus_core::exchange::ExchangedToken;
use obolus_core::token::Identity;
use obolus_core::{Reason, UnixSeconds};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::clock::now;
use crate::config::Limits;
use crate::credentials::Generation;
use crate::providers::Failure;

/// A token this close to its end may run out on its way: another one is asked for.
const LEAST_LIFE: u64 = 5;

/// All that an exchange depends on. Two requests with one key get one token.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    issuer: String,
    subject_token: [u8; 32],
    target: String,
    scope: String,
    credential: Generation,
}

impl Key {
    pub(crate) fn new(
        issuer: &str,
        subject_token: &SecretString,
        target: &str,
        scope: &str,
        credential: Generation,
    ) -> Self {
        Self {
            issuer: issuer.to_owned(),
            subject_token: Sha256::digest(subject_token.expose_secret()).into(),
            target: target.to_owned(),
            scope: scope.to_owned(),
            credential,
        }
    }
}

/// Where a token came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// It was remembered.
    Hit,
    /// It was asked for.
    Miss,
    /// Somebody else was asking for it.
    Join,
}

impl Source {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Join => "join",
        }
    }
}

#[derive(Clone)]
struct Remembered {
    token: Arc<ExchangedToken>,
    keep: Duration,
    /// The exchange's time plus the age limit.
    keep_until: UnixSeconds,
}

/// A token, remembered or new.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) token: Arc<ExchangedToken>,
    pub(crate) source: Source,
    /// When it must be asked for anew, alive or not, by whoever keeps it.
    pub(crate) keep_until: UnixSeconds,
}

/// See the module. Failures are not remembered.
pub(crate) struct ExchangeCache {
    tokens: Cache<Key, Remembered>,
    max_age: Duration,
}

impl ExchangeCache {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            tokens: Cache::builder()
                .max_capacity(limits.cached_tokens)
                .expire_after(UntilItsEnd)
                .build(),
            max_age: limits.cache_max_age,
        }
    }

    /// The token for `key`, from memory or by `exchange`. It is `identity`'s and alive, or it is refused.
    ///
    /// A request that goes away must not take the exchange along for those that wait for it: the caller sees to
    /// that by running this in a task of its own.
    pub(crate) async fn get_or_exchange(
        &self,
        key: Key,
        identity: &Identity,
        exchange: impl Future<Output = Result<ExchangedToken, Failure>>,
    ) -> Result<Got, Arc<Failure>> {
        let (remembered, source) = match self.tokens.get(&key).await {
            Some(remembered) if is_alive(&remembered.token, now(), LEAST_LIFE) => {
                (remembered, Source::Hit)
            }
            // moka's clock stands still while a machine sleeps; a token's end does not.
            Some(_) => {
                self.tokens.invalidate(&key).await;
                self.ask(key, exchange).await?
            }
            None => self.ask(key, exchange).await?,
        };
        let Remembered { token, keep_until, .. } = remembered;
        if token.identity() != identity {
            return Err(Arc::new(Failure::from(Reason::ExchangedIdentityMismatch)));
        }
        if !is_alive(&token, now(), 0) {
            return Err(Arc::new(Failure::from(Reason::ExchangedExpired)));
        }
        Ok(Got { token, source, keep_until })
    }

    async fn ask(
        &self,
        key: Key,
        exchange: impl Future<Output = Result<ExchangedToken, Failure>>,
    ) -> Result<(Remembered, Source), Arc<Failure>> {
        let asked = AtomicBool::new(false);
        let init = async {
            asked.store(true, Ordering::Relaxed);
            let token = Arc::new(exchange.await?);
            let now = now();
            let life = token.expires_at().saturating_sub(now.saturating_add(LEAST_LIFE));
            let keep = self.max_age.min(Duration::from_secs(life));
            let keep_until = now.saturating_add(self.max_age.as_secs());
            Ok(Remembered { token, keep, keep_until })
        };
        let remembered = self.tokens.try_get_with(key, init).await?;
        let source = if asked.load(Ordering::Relaxed) { Source::Miss } else { Source::Join };
        Ok((remembered, source))
    }
}

fn is_alive(token: &ExchangedToken, now: UnixSeconds, for_seconds: u64) -> bool {
    token.expires_at() > now.saturating_add(for_seconds)
}

struct UntilItsEnd;

impl Expiry<Key, Remembered> for UntilItsEnd {
    fn expire_after_create(&self, _: &Key, value: &Remembered, _: Instant) -> Option<Duration> {
        Some(value.keep)
    }
}

#[cfg(test)]
mod tests {
    use obolus_core::exchange::{Answer, Target};
    use obolus_core::token::{IssuerRules, KeySet, Principal, Provider, PureRust, UnverifiedToken};
    use obolus_tests::fixtures::idp::Key as SigningKey;
    use serde_json::json;

    use super::*;

    fn sign(key: &SigningKey, subject: &str, audience: &str) -> String {
        key.sign(&json!({"iss": "https://idp", "sub": subject, "aud": audience, "exp": now() + 60}))
            .unwrap()
    }

    fn principal(key: &SigningKey, subject: &str) -> Principal {
        let rules = IssuerRules {
            name: "idp".to_owned(),
            provider: Provider::Oidc("https://idp".to_owned()),
            algorithms: vec![obolus_core::token::Algorithm::ES256],
            clock_skew_seconds: 0,
        };
        let keys = KeySet::parse(json!({"keys": [key.jwk()]}).to_string().as_bytes()).unwrap();
        let token = UnverifiedToken::parse(&sign(key, subject, "resource")).unwrap();
        let checked = token.check(&[Arc::new(rules)], &["resource".to_owned()], now()).unwrap();
        checked.verify(&keys, &PureRust).unwrap()
    }

    #[test]
    fn whatever_an_exchange_depends_on_is_in_the_key() {
        let key = |issuer, token: &str, target, scope, credential| {
            Key::new(issuer, &SecretString::from(token), target, scope, [credential; 32])
        };
        let own = || key("idp", "t", "kubernetes", "s", 0);
        assert!(own() == own());
        for other in [
            key("idp2", "t", "kubernetes", "s", 0),
            key("idp", "u", "kubernetes", "s", 0),
            key("idp", "t", "other", "s", 0),
            key("idp", "t", "kubernetes", "s2", 0),
            key("idp", "t", "kubernetes", "s", 1),
        ] {
            assert!(own() != other, "{other:?}");
        }
    }

    /// Whatever the key says: a mistake in it must not give one person the other's token.
    #[tokio::test]
    async fn a_remembered_token_is_held_against_who_asks() {
        let key = SigningKey::new("ES256", "k").unwrap();
        let (alice, bob) = (principal(&key, "alice"), principal(&key, "bob"));
        let cache = ExchangeCache::new(&Limits {
            cached_tokens: 10,
            cache_max_age: Duration::from_secs(60),
            exchanges_in_flight: 1,
            connections: 1,
            connections_per_peer: 1,
            idp_timeout: Duration::from_secs(1),
        });
        let same = || Key::new("idp", &SecretString::from("t"), "kubernetes", "s", [0; 32]);
        let exchange = async {
            let target =
                Target { name: "kubernetes".to_owned(), audience: "kubernetes".to_owned() };
            let body = json!({
                "access_token": sign(&key, "alice", "kubernetes"),
                "token_type": "Bearer",
                "expires_in": 60,
            });
            let answer = Answer::parse(body.to_string().as_bytes()).unwrap();
            Ok(ExchangedToken::accept(&alice, &target, answer, now())?)
        };
        let got = cache.get_or_exchange(same(), alice.identity(), exchange).await;
        assert_eq!(got.unwrap().source, Source::Miss);
        let never = || async { Err(Failure::from(Reason::Internal)) };
        let got = cache.get_or_exchange(same(), alice.identity(), never()).await;
        assert_eq!(got.unwrap().source, Source::Hit);
        let got = cache.get_or_exchange(same(), bob.identity(), never()).await;
        assert_eq!(got.unwrap_err().denial.reason(), Reason::ExchangedIdentityMismatch);
    }
}
