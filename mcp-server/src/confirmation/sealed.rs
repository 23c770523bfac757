//! What a client keeps between our question and its answer (MCP 2026-07-28 keeps no sessions), so that a yes is good
//! for what was asked and for nothing else.
//!
//! The client could send back anything. So the state is sealed with a key of ours, and it opens only for the same
//! person, the same call on the same cluster with the same arguments, once, within [`LIFETIME`]. That it opens says
//! that this person's client was asked and gave its answer along; it says nothing of who the person is: the API
//! server verifies the token, as with every call.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rmcp::model::{RequestStateCodec, SealOptions};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::used::{NotUsable, Used};
use super::{Question, UnixSeconds};
use crate::failure::Failure;

/// How long a person may think, in seconds.
pub(crate) const LIFETIME: UnixSeconds = 300;
/// As many questions as one call may need; clients give up sooner.
const MAX_CONFIRMED: usize = 16;

/// What a confirmation is good for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bound<'a> {
    /// Whose call it is; see [`crate::person`].
    pub(crate) person: &'a str,
    /// Such as `tools/call`.
    pub(crate) method: &'a str,
    /// The tool's name, or whatever else the method names.
    pub(crate) called: &'a str,
    pub(crate) cluster: &'a str,
    pub(crate) arguments: &'a Map<String, Value>,
}

/// The key, and what has been used of what was sealed with it. It outlives a reload of the configuration.
#[derive(Debug)]
pub(crate) struct Seal {
    codec: ArcSwap<RequestStateCodec>,
    used: Used,
}

/// What came back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    /// The key of the question that was asked.
    pub(crate) asked: String,
    /// The keys of those that were answered with yes before.
    pub(crate) confirmed: BTreeSet<String>,
}

#[derive(Serialize, Deserialize)]
struct Held {
    /// Makes it one of a kind.
    number: String,
    until: UnixSeconds,
    asked: String,
    confirmed: BTreeSet<String>,
}

/// Why a file of keys cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(std::io::ErrorKind),
    /// No key, or a short one.
    #[error(
        "must hold keys of at least 32 characters, one on each line, such as the output of `openssl rand -hex 32`"
    )]
    TooShort,
    /// The same key on two lines.
    #[error("holds a key twice")]
    Twice,
    /// The system gives no random bytes.
    #[error("no random bytes to be had")]
    NoRandomness,
}

// === impl Seal ===

impl Seal {
    /// With the keys of a file's text, or with a key that nobody else has and that ends with this process.
    pub(crate) fn new(keys: Option<&str>) -> Result<Self, KeyError> {
        Ok(Self { codec: ArcSwap::from_pointee(codec(keys)?), used: Used::default() })
    }

    /// With the keys of a file.
    ///
    /// # Errors
    /// When it cannot be read, or holds no keys.
    pub(crate) fn of_file(path: &Path) -> Result<Self, KeyError> {
        Self::new(Some(&keys_in(path)?))
    }

    /// Reads the keys again; on error those of before stay.
    ///
    /// # Errors
    /// As [`Seal::of_file`].
    pub(crate) fn reload(&self, path: &Path) -> Result<(), KeyError> {
        self.replace_keys(&keys_in(path)?)
    }

    /// Takes other keys; on error those of before stay.
    fn replace_keys(&self, keys: &str) -> Result<(), KeyError> {
        self.codec.store(Arc::new(codec(Some(keys))?));
        Ok(())
    }

    /// The state that goes with a question.
    pub(crate) fn seal(
        &self,
        bound: Bound<'_>,
        question: &Question,
        confirmed: BTreeSet<String>,
        now: UnixSeconds,
    ) -> Result<String, Failure> {
        if confirmed.len() >= MAX_CONFIRMED {
            let text = format!(
                "it needs more than {MAX_CONFIRMED} confirmations: call again for a part of it"
            );
            return Err(Failure::Unconfirmed(text));
        }
        let internal = |_| Failure::Internal("the confirmation cannot be sealed".to_owned());
        let mut number = [0_u8; 16];
        getrandom::fill(&mut number)
            .map_err(|_| Failure::Internal("no random bytes to be had".to_owned()))?;
        let number = format!("{:032x}", u128::from_be_bytes(number));
        let until = now.saturating_add(LIFETIME);
        let held = Held { number, until, asked: question.key.clone(), confirmed };
        let data = bound.digest();
        let options = SealOptions::new().associated_data(&data);
        self.codec.load().seal_json_with(&held, &options).map_err(internal)
    }

    /// Reads a state that came back, and uses it up.
    ///
    /// # Errors
    /// When it is not for this call, has been changed, has expired, or was used before. The caller does not learn which
    /// of the first two it is.
    pub(crate) fn open(
        &self,
        bound: Bound<'_>,
        state: &str,
        now: UnixSeconds,
    ) -> Result<Opened, Failure> {
        let refused = |why: &str| {
            Failure::Unconfirmed(format!(
                "{why}. Nothing was sent; call again without requestState to be asked anew"
            ))
        };
        let foreign = "the confirmation is not for this call: it was changed, or given for another call, other arguments, another cluster or another person";
        let held: Held = self
            .codec
            .load()
            .open_json_with(state, &bound.digest())
            .map_err(|_| refused(foreign))?;
        if held.until <= now {
            return Err(refused("the confirmation has expired"));
        }
        let number = u128::from_str_radix(&held.number, 16).map_err(|_| refused(foreign))?;
        self.used.once(bound.person, number, held.until, now).map_err(|not| match not {
            NotUsable::Again => refused("the confirmation has been used already"),
            NotUsable::TooMany => refused(
                "too many confirmations were given within a few minutes: wait until some have expired",
            ),
        })?;
        Ok(Opened { asked: held.asked, confirmed: held.confirmed })
    }
}

fn keys_in(path: &Path) -> Result<String, KeyError> {
    std::fs::read_to_string(path).map_err(|error| KeyError::Unreadable(error.kind()))
}

/// The first key seals, all of them open, so that keys can be changed while several servers are running. What a key is
/// called follows from it: servers that hold the same keys in another order understand each other.
fn codec(keys: Option<&str>) -> Result<RequestStateCodec, KeyError> {
    let mut own = [0_u8; 32];
    let keys: Vec<&[u8]> = match keys {
        Some(text) => {
            text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::as_bytes).collect()
        }
        None => {
            getrandom::fill(&mut own).map_err(|_| KeyError::NoRandomness)?;
            vec![&own]
        }
    };
    if keys.is_empty() || keys.iter().any(|key| key.len() < RequestStateCodec::MIN_KEY_LENGTH) {
        return Err(KeyError::TooShort);
    }
    let name = |key: &[u8]| -> String {
        let hash = Sha256::new().chain_update(b"obolus-mcp/confirmation-key").chain_update(key);
        hash.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
    };
    let first = keys.first().map(|key| name(key)).ok_or(KeyError::TooShort)?;
    RequestStateCodec::new_with_keyring(first, keys.iter().map(|key| (name(key), *key)))
        .map_err(|_| KeyError::Twice)
}

// === impl Bound ===

impl Bound<'_> {
    /// One number for all of it. Every part goes in with its length, so that no two calls are written alike.
    fn digest(&self) -> [u8; 32] {
        let Self { person, method, called, cluster, arguments } = self;
        let mut hash = Sha256::new();
        for part in [person, method, called, cluster] {
            add(&mut hash, b's', part.as_bytes());
        }
        add_object(&mut hash, arguments);
        hash.finalize().into()
    }
}

fn add(hash: &mut Sha256, tag: u8, bytes: &[u8]) {
    hash.update([tag]);
    hash.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
    hash.update(bytes);
}

/// Members by their names: a client may write them in another order when it calls again.
fn add_object(hash: &mut Sha256, object: &Map<String, Value>) {
    let mut members: Vec<_> = object.iter().collect();
    members.sort_by_key(|(name, _)| *name);
    add(hash, b'o', &[]);
    for (name, value) in members {
        add(hash, b'k', name.as_bytes());
        add_value(hash, value);
    }
    add(hash, b'e', &[]);
}

fn add_value(hash: &mut Sha256, value: &Value) {
    match value {
        Value::Null => add(hash, b'0', &[]),
        Value::Bool(set) => add(hash, b'b', &[u8::from(*set)]),
        Value::Number(number) => add(hash, b'n', number.to_string().as_bytes()),
        Value::String(text) => add(hash, b's', text.as_bytes()),
        Value::Array(items) => {
            add(hash, b'a', &[]);
            for item in items {
                add_value(hash, item);
            }
            add(hash, b'e', &[]);
        }
        Value::Object(object) => add_object(hash, object),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KEYS: &str = "0123456789abcdef0123456789abcdef";
    const OTHER: &str = "fedcba9876543210fedcba9876543210";

    fn question() -> Question {
        Question { text: "Sure?".to_owned(), key: "k".to_owned() }
    }

    fn arguments(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    fn bound(arguments: &Map<String, Value>) -> Bound<'_> {
        Bound {
            person: "alice",
            method: "tools/call",
            called: "pods_delete",
            cluster: "prod",
            arguments,
        }
    }

    fn why(result: Result<Opened, Failure>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn a_state_opens_once_for_the_call_that_it_was_made_for() {
        let seal = Seal::new(None).unwrap();
        let call = arguments(json!({"name": "web", "namespace": "shop"}));
        let state = seal.seal(bound(&call), &question(), BTreeSet::new(), 100).unwrap();
        let again = arguments(json!({"namespace": "shop", "name": "web"}));
        let opened = seal.open(bound(&again), &state, 100 + LIFETIME - 1).unwrap();
        assert_eq!(opened, Opened { asked: "k".to_owned(), confirmed: BTreeSet::new() });
        assert!(why(seal.open(bound(&call), &state, 101)).contains("used already"));
    }

    #[test]
    fn it_opens_for_no_other_person_call_cluster_or_argument() {
        let seal = Seal::new(Some(KEYS)).unwrap();
        let call =
            arguments(json!({"name": "web", "n": 1, "list": ["a", "b"], "deep": {"x": null}}));
        let state = seal.seal(bound(&call), &question(), BTreeSet::new(), 100).unwrap();
        for other in [
            Bound { person: "bob", ..bound(&call) },
            Bound { method: "prompts/get", ..bound(&call) },
            Bound { called: "resources_delete", ..bound(&call) },
            Bound { cluster: "test", ..bound(&call) },
            // The same letters, cut elsewhere.
            Bound { method: "tools/callp", called: "ods_delete", ..bound(&call) },
        ] {
            assert!(why(seal.open(other, &state, 100)).contains("not for this call"), "{other:?}");
        }
        for other in [
            json!({"name": "db", "n": 1, "list": ["a", "b"], "deep": {"x": null}}),
            json!({"name": "web", "n": "1", "list": ["a", "b"], "deep": {"x": null}}),
            json!({"name": "web", "n": 1, "list": ["b", "a"], "deep": {"x": null}}),
            json!({"name": "web", "n": 1, "list": ["a", "b"], "deep": {}}),
            json!({"name": "web", "n": 1, "list": ["a", "b"], "deep": {"x": null}, "force": true}),
            json!({}),
        ] {
            let other = arguments(other);
            assert!(seal.open(bound(&other), &state, 100).is_err(), "{other:?}");
        }
        assert!(seal.open(bound(&call), &state, 100).is_ok(), "and it is still good for its own");
    }

    #[test]
    fn a_changed_an_expired_and_a_made_up_state_are_refused() {
        let seal = Seal::new(Some(KEYS)).unwrap();
        let call = arguments(json!({"name": "web"}));
        let state = seal.seal(bound(&call), &question(), BTreeSet::new(), 100).unwrap();
        assert!(why(seal.open(bound(&call), &state, 100 + LIFETIME)).contains("expired"));
        for index in 0..state.len() {
            let mut changed = state.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(seal.open(bound(&call), &changed, 100).is_err(), "{index}");
        }
        for made_up in ["", "rs1.e30.AAAA", "yes", "rs2...", &"x".repeat(100_000)] {
            assert!(why(seal.open(bound(&call), made_up, 100)).contains("not for this call"));
        }
        // The version before it of the same library had no names of keys; it is no way around ours.
        let older = RequestStateCodec::try_new(KEYS.as_bytes()).unwrap();
        let data = bound(&call).digest();
        let older = older.seal_with(b"{}", &SealOptions::new().associated_data(&data));
        assert!(seal.open(bound(&call), &older, 100).is_err());
        assert!(seal.open(bound(&call), &state, 100).is_ok());
    }

    #[test]
    fn servers_with_the_same_keys_understand_each_other_and_others_do_not() {
        let call = arguments(json!({}));
        let [one, two] = [KEYS, KEYS].map(|keys| Seal::new(Some(keys)).unwrap());
        let of = |seal: &Seal| seal.seal(bound(&call), &question(), BTreeSet::new(), 0).unwrap();
        assert!(two.open(bound(&call), &of(&one), 0).is_ok());
        two.replace_keys(&format!("{OTHER}\n{KEYS}\n")).unwrap();
        assert!(two.open(bound(&call), &of(&one), 0).is_ok());
        assert!(one.open(bound(&call), &of(&two), 0).is_err(), "it has no such key yet");
        two.replace_keys(OTHER).unwrap();
        assert!(two.open(bound(&call), &of(&one), 0).is_err(), "the key is gone");
        for (text, error) in [
            ("", KeyError::TooShort),
            ("short", KeyError::TooShort),
            (&format!("{KEYS}\nshort"), KeyError::TooShort),
            (&format!("{KEYS}\n{KEYS}"), KeyError::Twice),
        ] {
            assert_eq!(two.replace_keys(text).unwrap_err(), error, "{text}");
        }
        assert!(two.open(bound(&call), &of(&two), 0).is_ok(), "the last good keys stay");
        let [mine, yours] = [None, None].map(|keys| Seal::new(keys).unwrap());
        assert!(mine.open(bound(&call), &of(&yours), 0).is_err());
        assert!(!format!("{one:?}").contains(KEYS));
    }

    #[test]
    fn a_call_cannot_ask_for_ever() {
        let seal = Seal::new(None).unwrap();
        let call = arguments(json!({}));
        let many: BTreeSet<String> = (0..MAX_CONFIRMED).map(|n| n.to_string()).collect();
        assert!(seal.seal(bound(&call), &question(), many.clone(), 0).is_err());
        let fewer: BTreeSet<String> = many.into_iter().skip(1).collect();
        let state = seal.seal(bound(&call), &question(), fewer.clone(), 0).unwrap();
        assert_eq!(seal.open(bound(&call), &state, 0).unwrap().confirmed, fewer);
    }
}
