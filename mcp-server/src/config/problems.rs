//! Everything that is wrong with a configuration, told in one go.

use std::fmt;

/// The problems found so far, each with the key's path and what to write there.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<(String, String)>);

impl Problems {
    /// Notes that `key` needs changing. Values are never quoted: whoever pastes a token at the wrong place
    /// does not find it in a log.
    pub(crate) fn add(&mut self, key: impl Into<String>, advice: impl Into<String>) {
        self.0.push((key.into(), advice.into()));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The paths of the keys in question.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| key.as_str())
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (key, advice)) in self.0.iter().enumerate() {
            if number > 0 {
                writeln!(out)?;
            }
            write!(out, "{key}: {advice}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
