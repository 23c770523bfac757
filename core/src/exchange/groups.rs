//! The STS's answer to `POST /groups`: the groups of somebody whose token does not tell them.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::Refusal;
use crate::token::{Principal, is_identifier};
use crate::{Reason, UnixSeconds, json};

/// More than anybody is in. Policies see all of somebody's groups or none.
const MAX_GROUPS: usize = 5_000;

/// All groups of a person, and for how long that may be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Groups {
    names: BTreeSet<String>,
    expires_in: u64,
}

#[derive(Deserialize)]
struct Document {
    groups: Vec<String>,
    expires_in: u64,
}

impl Groups {
    /// Reads an answer.
    ///
    /// # Errors
    /// What the STS says that keeps it from telling; [`Reason::ExchangedMalformed`] for an answer with status 200 that is
    /// no whole list of names, or too long a one.
    pub fn read(status: u16, body: &[u8]) -> Result<Self, Reason> {
        if status != 200 {
            return Err(Refusal::for_client(status, body).reason());
        }
        let document: Document = json::object(body).ok_or(Reason::ExchangedMalformed)?;
        let Document { groups, expires_in } = document;
        if groups.len() > MAX_GROUPS || !groups.iter().all(|name| is_identifier(name)) {
            return Err(Reason::ExchangedMalformed);
        }
        Ok(Self { names: groups.into_iter().collect(), expires_in })
    }

    /// Their names, as the issuer's tokens have them.
    #[must_use]
    pub fn names(&self) -> &BTreeSet<String> {
        &self.names
    }

    /// What they take in memory, more or less, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.names.iter().map(|name| name.len() + PER_NAME).sum()
    }

    /// Until when they are this principal's: never longer than the token is good.
    #[must_use]
    pub fn good_until(&self, principal: &Principal, now: UnixSeconds) -> UnixSeconds {
        now.saturating_add(self.expires_in).min(principal.expires_at())
    }
}

/// Besides its text, in a set of policies.
const PER_NAME: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Vec<String>, Reason> {
        Groups::read(200, body.as_bytes()).map(|groups| groups.names.into_iter().collect())
    }

    #[test]
    fn a_whole_list_of_names_is_taken_and_nothing_else() {
        let taken = |names: &[&str]| Ok(names.iter().map(ToString::to_string).collect());
        assert_eq!(read(r#"{"groups":["b","a","a"],"expires_in":9}"#), taken(&["a", "b"]));
        assert_eq!(read(r#"{"groups":[],"expires_in":9,"more":1}"#), taken(&[]), "in none");
        for bad in [
            "",
            "[]",
            "{}",
            "null",
            r#"{"groups":["a"]}"#,
            r#"{"expires_in":9}"#,
            r#"{"groups":null,"expires_in":9}"#,
            r#"{"groups":"a","expires_in":9}"#,
            r#"{"groups":[1],"expires_in":9}"#,
            r#"{"groups":["a",null],"expires_in":9}"#,
            r#"{"groups":[""],"expires_in":9}"#,
            r#"{"groups":["a\n"],"expires_in":9}"#,
            r#"{"groups":["a"],"expires_in":"9"}"#,
            r#"{"groups":["a"],"expires_in":-9}"#,
            r#"{"groups":["a"],"groups":["b"],"expires_in":9}"#,
            r#"{"groups":["a"],"expires_in":9}{}"#,
        ] {
            assert_eq!(read(bad), Err(Reason::ExchangedMalformed), "{bad}");
        }
    }

    #[test]
    fn a_list_that_is_too_long_is_not_shortened() {
        let of = |count: usize| {
            let names: Vec<_> = (0..count).map(|number| format!("\"{number}\"")).collect();
            read(&format!(r#"{{"groups":[{}],"expires_in":9}}"#, names.join(",")))
        };
        assert_eq!(of(MAX_GROUPS).map(|names| names.len()), Ok(MAX_GROUPS));
        assert_eq!(of(MAX_GROUPS + 1), Err(Reason::ExchangedMalformed));
    }

    #[test]
    fn a_refusal_is_told_by_its_reason_whatever_it_lists() {
        let body = br#"{"error":"x","error_description":"x","reason":"exchange_denied","groups":["a"],"expires_in":9}"#;
        assert_eq!(Groups::read(403, body), Err(Reason::ExchangeDenied));
        assert_eq!(Groups::read(503, body), Err(Reason::StsUnavailable));
        assert_eq!(Groups::read(503, b""), Err(Reason::StsUnavailable));
        let unknown = br#"{"error":"x","error_description":"x","reason":"target_unknown"}"#;
        assert_eq!(Groups::read(400, unknown), Err(Reason::ExchangeMisconfigured));
        assert!(Groups::read(200, br#"{"groups":["a"],"expires_in":9}"#).is_ok());
    }
}
