//! What was decided for one token before. Policies read nothing that changes while a token lives (no time, no address),
//! so that a decision holds for as long as the token is remembered: in one generation of configuration and keys.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::access::Circumstances;
use super::cedar::{Object, Program, Request};
use crate::mcp::{List, Revision, has_lookalike};

/// Of how many calls of one token the outcome is remembered: agents repeat themselves.
const MAX_CALLS: usize = 64;
/// Longer arguments are decided anew.
const MAX_KEY_BYTES: usize = 1_024;
/// How much is remembered of one token's lists, and of its calls: a worker remembers thousands of tokens.
const MAX_BYTES: usize = 16 << 10;
/// What an entry takes besides its name, or thereabouts.
const ENTRY_BYTES: usize = 48;

/// Memory of one [`Asker`](super::Asker), bounded in entries and in bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory(RefCell<Inner>);

#[derive(Debug, Clone, Default)]
struct Inner {
    permits: BTreeMap<String, Vec<Arc<str>>>,
    permit_bytes: usize,
    shown: BTreeMap<(Revision, Box<str>), Shown>,
    shown_bytes: usize,
}

/// By what kind of thing and by its name.
type Shown = BTreeMap<(List, Box<str>), bool>;

impl Memory {
    /// Whether an entry was shown, or what `decide` says now.
    pub(super) fn shows(
        &self,
        circumstances: Circumstances<'_>,
        list: List,
        name: &str,
        decide: impl FnOnce() -> bool,
    ) -> bool {
        let Ok(mut inner) = self.0.try_borrow_mut() else { return decide() };
        let place = (circumstances.revision, circumstances.target.into());
        let entry = (list, name.into());
        if let Some(shown) = inner.shown.get(&place).and_then(|shown| shown.get(&entry)) {
            return *shown;
        }
        let shown = decide();
        let bytes = inner.shown_bytes.saturating_add(name.len()).saturating_add(ENTRY_BYTES);
        if bytes > MAX_BYTES {
            return shown;
        }
        inner.shown_bytes = bytes;
        inner.shown.entry(place).or_default().insert(entry, shown);
        shown
    }

    /// The policies that permitted the same before.
    pub(super) fn permitted(&self, key: &str) -> Option<Vec<Arc<str>>> {
        self.0.try_borrow().ok()?.permits.get(key).cloned()
    }

    /// Remembers a permit, if it has a key. A denial is worked out each time: it has more to say, and nobody is in a hurry
    /// for it.
    pub(super) fn remember(&self, key: Option<String>, policies: &[Arc<str>]) {
        if let (Some(key), Ok(mut inner)) = (key, self.0.try_borrow_mut()) {
            // A token with more different calls than this gains little from remembering them.
            let bytes = key.len().saturating_add(ENTRY_BYTES);
            if inner.permits.len() >= MAX_CALLS
                || inner.permit_bytes.saturating_add(bytes) > MAX_BYTES
            {
                inner.permits.clear();
                inner.permit_bytes = 0;
            }
            inner.permit_bytes = inner.permit_bytes.saturating_add(bytes);
            inner.permits.insert(key, policies.to_vec());
        }
    }
}

/// All that a decision of one token's rests on; `None` where that is too much to remember it by.
pub(super) fn key(program: &Program, object: &Object, request: &Request<'_>) -> Option<String> {
    // No text holds a NUL: requests with one are refused.
    let mut key =
        [object.action().name(), object.name(), request.target, request.revision].join("\0");
    let arguments = request.arguments;
    let read = program.arguments_read(object)?;
    // What another reader could take for one that policies read is denied, wherever it stands: it is none of the others.
    let known: Vec<_> = read.iter().map(|name| &**name).collect();
    if arguments.is_some_and(|arguments| has_lookalike(arguments, &known)) {
        return None;
    }
    for name in read {
        key.push('\0');
        // Absent and null decide alike, and so they may share a place.
        let value = arguments.and_then(|arguments| arguments.get(&**name)).unwrap_or(&Value::Null);
        key.push_str(&value.to_string());
    }
    (key.len() <= MAX_KEY_BYTES).then_some(key)
}
