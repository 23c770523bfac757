//! The token exchange's settings, in whichever of their two forms they came.

use std::collections::BTreeMap;
use std::fmt;

use obolus_core::config::brought::{Fault, TOKEN_EXCHANGE, nearest};
use serde_json::{Map, Value};

use super::{Settings, Work, text, texts};

/// The settings by their newer path, each with the path at which it was written.
#[derive(Default)]
pub(super) struct Exchange(BTreeMap<&'static str, (String, Value)>);

/// The table inside the table.
const CLIENT_AUTH: &str = "client_auth";

impl Exchange {
    /// Joins both forms; the same thing in both is a fault.
    pub(super) fn read(settings: &Settings, work: &mut Work) -> Self {
        let newer = newer(settings, work);
        let mut all = BTreeMap::new();
        for key in TOKEN_EXCHANGE {
            let older = key.older.and_then(|older| Some((older, settings.0.get(older)?)));
            match (older, newer.get(key.newer)) {
                (Some((older, _)), Some(value)) => {
                    let what = format!("says the same as {}, which stands here, too", key.newer);
                    work.fault(Fault::new(older, what, "write one of the two"));
                    // It is there, if too often: nothing that goes by it is missing.
                    all.insert(key.newer, (key.newer.to_owned(), value.clone()));
                }
                (Some((older, value)), None) => {
                    all.insert(key.newer, (older.to_owned(), value.clone()));
                }
                (None, Some(value)) => {
                    all.insert(key.newer, (key.newer.to_owned(), value.clone()));
                }
                (None, None) => {}
            }
        }
        Self(all)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn has(&self, newer: &str) -> bool {
        self.0.contains_key(newer)
    }

    /// Where a setting was written, or would be.
    pub(super) fn path(&self, newer: &'static str) -> String {
        if let Some((path, _)) = self.0.get(newer) {
            return path.clone();
        }
        let is_newer = self.0.values().any(|(path, _)| path.starts_with("token_exchange."));
        let older = TOKEN_EXCHANGE.iter().find(|key| key.newer == newer).and_then(|key| key.older);
        older.filter(|_| !is_newer).unwrap_or(newer).to_owned()
    }

    pub(super) fn text(&self, newer: &'static str, work: &mut Work) -> Option<String> {
        let (path, value) = self.0.get(newer)?;
        text(path, value, work).map(str::to_owned)
    }

    pub(super) fn texts(&self, newer: &'static str, work: &mut Work) -> Vec<String> {
        let Some((path, value)) = self.0.get(newer) else { return Vec::new() };
        texts(path, value, work).into_iter().map(str::to_owned).collect()
    }

    /// Every path that was written.
    pub(super) fn written(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(|(path, _)| path.as_str())
    }
}

/// The paths alone: a value may be a secret.
impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.written()).finish()
    }
}

/// The leaves of `[token_exchange]` by their paths. It is strict there, and here.
fn newer(settings: &Settings, work: &mut Work) -> BTreeMap<String, Value> {
    let mut leaves = BTreeMap::new();
    let Some(value) = settings.0.get("token_exchange") else { return leaves };
    let Some(table) = value.as_object() else {
        work.fault(Fault::new("token_exchange", "is no table", "write [token_exchange]"));
        return leaves;
    };
    collect("token_exchange", table, &mut leaves, work);
    leaves
}

fn collect(
    path: &str,
    table: &Map<String, Value>,
    leaves: &mut BTreeMap<String, Value>,
    work: &mut Work,
) {
    for (key, value) in table {
        let here = format!("{path}.{key}");
        if let (CLIENT_AUTH, Some(table)) = (key.as_str(), value.as_object()) {
            collect(&here, table, leaves, work);
        } else if TOKEN_EXCHANGE.iter().any(|known| known.newer == here) {
            leaves.insert(here, value.clone());
        } else {
            let known = || TOKEN_EXCHANGE.iter().map(|key| key.newer);
            let write = nearest(&here, known()).map_or_else(
                || format!("write one of {}", known().collect::<Vec<_>>().join(", ")),
                |near| format!("write {near}"),
            );
            work.fault(Fault::new(here, "is not a setting", write));
        }
    }
}
