//! Signing keys: what is published, what signs, and how that changes.
//!
//! Published are, in no particular order, the key that signs, the one before it, one for later and one
//! that may sign for personal accounts only. Who takes the first key, or any key whose `issuer` is
//! another tenant's, finds out here.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use ring::digest;
use serde_json::{Value, json};

use super::signing_key::{Coming, PublicKey, SigningKey};

/// The tenant of personal Microsoft accounts.
const PERSONAL_ACCOUNTS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// The emulator's keys.
pub struct Keys {
    ring: Mutex<Ring>,
    personal: PublicKey,
    custom: Coming,
}

struct Ring {
    /// The first one signs, the others did.
    signing: Vec<Arc<SigningKey>>,
    /// Published, and long out of use.
    older: Vec<PublicKey>,
    /// Already published.
    next: Coming,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("current", &self.current_id()).finish_non_exhaustive()
    }
}

impl Keys {
    pub(super) fn new() -> Result<Self> {
        // Nobody has the private halves of these any more, and nobody needs them.
        let idle: [PublicKey; 2] = serde_json::from_str(include_str!("idle_keys.json"))?;
        let [previous, personal] = idle;
        let next = Coming::begin();
        let ring =
            Ring { signing: vec![Arc::new(SigningKey::new()?)], older: vec![previous], next };
        Ok(Self { ring: Mutex::new(ring), personal, custom: Coming::default() })
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The `kid` of the key that signs.
    pub fn current_id(&self) -> String {
        self.current().map_or_else(|_| String::new(), |key| key.id().to_owned())
    }

    /// The `kid`s that are published for a tenant, in the order in which they stand there.
    pub fn published(&self) -> Vec<String> {
        let set = self.set("", str::to_owned);
        let keys = set["keys"].as_array().into_iter().flatten();
        keys.filter_map(|key| key["kid"].as_str().map(str::to_owned)).collect()
    }

    /// The announced key signs from now on; the one that signed stays published.
    pub fn roll(&self) -> Result<()> {
        let announced = self.ring().next.clone().wait();
        let mut ring = self.ring();
        ring.next = Coming::begin();
        ring.signing.insert(0, announced);
        Ok(())
    }

    /// A key that was never announced signs from now on, and the one that signed stays published.
    pub fn roll_without_notice(&self) -> Result<()> {
        let new = Arc::new(SigningKey::new()?);
        self.ring().signing.insert(0, new);
        Ok(())
    }

    /// Emergency: a key that was never announced signs from now on, and the one that signed is gone. Its tokens are
    /// worth nothing here and to everybody who fetches the keys.
    pub fn remove_current(&self) -> Result<()> {
        let new = Arc::new(SigningKey::new()?);
        if let Some(first) = self.ring().signing.first_mut() {
            *first = new;
        }
        Ok(())
    }

    /// The keys that do not sign any more are no longer published: the end of a roll-over.
    pub fn retire_previous(&self) {
        let mut ring = self.ring();
        ring.signing.truncate(1);
        ring.older.clear();
    }

    /// The key that signs.
    pub(super) fn current(&self) -> Result<Arc<SigningKey>> {
        self.ring().signing.first().cloned().context("no signing key")
    }

    /// The key of an application that has one of its own.
    pub(super) fn custom(&self) -> Arc<SigningKey> {
        self.custom.wait()
    }

    /// The key of this id that may sign for organizations: the current one or one before it.
    pub(super) fn standard(&self, id: &str) -> Option<PublicKey> {
        let ring = self.ring();
        let mut all = ring.signing.iter().map(|key| &key.public).chain(&ring.older);
        all.find(|key| key.id == id).cloned()
    }

    /// The key set in which each key says whose tokens it signs: `issuer` of this tenant, or of personal accounts.
    pub(super) fn set(&self, tenant: &str, issuer: impl Fn(&str) -> String) -> Value {
        let next = self.ring().next.clone().wait();
        let ring = self.ring();
        let own = issuer(tenant);
        let signing = ring.signing.iter().map(|key| &key.public).chain(&ring.older);
        let mut keys: Vec<(&str, Value)> =
            signing.chain([&next.public]).map(|key| (key.id.as_str(), key.jwk(&own))).collect();
        keys.push((&self.personal.id, self.personal.jwk(&issuer(PERSONAL_ACCOUNTS))));
        // Sorted by a digest, so that their order tells nothing.
        keys.sort_by_key(|(id, _)| {
            digest::digest(&digest::SHA256, id.as_bytes()).as_ref().to_vec()
        });
        json!({"keys": keys.into_iter().map(|(_, key)| key).collect::<Vec<_>>()})
    }
}
