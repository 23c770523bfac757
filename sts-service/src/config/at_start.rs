//! The parts of a configuration that count from a start on, to be told apart from those that may change.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The one that callers and targets hang on.
pub(crate) const ISSUERS: &str = "issuers";
const NAMES: [&str; 5] = ["server", ISSUERS, "limits", "traces", "log_level"];

/// A digest of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AtStart([[u8; 32]; NAMES.len()]);

impl AtStart {
    pub(super) fn of(configuration: &Value) -> Self {
        Self(NAMES.map(|name| {
            let part = configuration.get(name).map(ToString::to_string);
            Sha256::digest(part.unwrap_or_default()).into()
        }))
    }

    /// The names of the parts that are others there.
    pub(crate) fn differing(&self, other: &Self) -> Vec<&'static str> {
        let parts = NAMES.into_iter().zip(self.0.iter().zip(&other.0));
        parts.filter(|(_, (own, other))| own != other).map(|(name, _)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_counts_from_a_start_on_is_told_apart() {
        let of = |limit: u64, issuer: &str, caller: &str| {
            AtStart::of(&json!({
                "limits": {"cached_tokens": limit}, "issuers": [{"name": issuer}], "callers": [{"id": caller}]
            }))
        };
        let first = of(1, "a", "x");
        assert!(first.differing(&of(1, "a", "y")).is_empty());
        assert_eq!(first.differing(&of(2, "a", "y")), ["limits"]);
        assert_eq!(first.differing(&of(2, "b", "x")), ["issuers", "limits"]);
        assert_eq!(first.differing(&AtStart::of(&json!({}))), ["issuers", "limits"]);
    }
}
