//! What the parameters of `pods_log` may be.

use std::borrow::Cow;

use regex::bytes::{Regex, RegexBuilder};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// Yes or no, without a default in the schema.
#[derive(Debug, Deserialize)]
pub(in crate::tools) struct Flag(pub(super) bool);

/// A number of lines.
#[derive(Debug, Deserialize)]
pub(in crate::tools) struct Tail(pub(super) u32);

/// How long a log is followed.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "i64")]
pub(in crate::tools) struct FollowSeconds(pub(super) u32);

/// What a line must match. Its engine is linear in the line, whatever the expression.
#[derive(Debug)]
pub(in crate::tools) struct Grep(pub(super) Regex);

pub(super) const DEFAULT_TAIL: u32 = 100;
pub(super) const DEFAULT_FOLLOW_SECONDS: u32 = 30;
const MAX_FOLLOW_SECONDS: u32 = 600;
/// The longest regular expression, and what one may take when it is compiled.
const MAX_GREP_BYTES: usize = 1_000;
const MAX_COMPILED_BYTES: usize = 1024 * 1024;

macro_rules! inline_schema {
    ($type:ident, $schema:tt) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }

            fn inline_schema() -> bool {
                true
            }
        }
    };
}

inline_schema!(Flag, { "type": "boolean" });
inline_schema!(Tail, { "type": "integer", "default": DEFAULT_TAIL, "minimum": 0 });
inline_schema!(FollowSeconds, {
    "type": "integer", "default": DEFAULT_FOLLOW_SECONDS, "minimum": 1, "maximum": MAX_FOLLOW_SECONDS
});
inline_schema!(Grep, { "type": "string", "maxLength": MAX_GREP_BYTES });

impl TryFrom<i64> for FollowSeconds {
    type Error = &'static str;

    fn try_from(seconds: i64) -> Result<Self, Self::Error> {
        match u32::try_from(seconds) {
            Ok(seconds @ 1..=MAX_FOLLOW_SECONDS) => Ok(Self(seconds)),
            _ => Err("follow_seconds must be 1 to 600"),
        }
    }
}

impl TryFrom<String> for Grep {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.len() > MAX_GREP_BYTES {
            return Err("grep must be no longer than 1000 bytes");
        }
        let built = RegexBuilder::new(&text)
            .size_limit(MAX_COMPILED_BYTES)
            .dfa_size_limit(MAX_COMPILED_BYTES)
            .build();
        built.map(Self).map_err(|_| {
            "grep must be a regular expression without look-around, backreferences and huge repetitions; a \\ before ( [ { . * + ? | makes them themselves"
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_regular_expression_is_bounded_and_its_mistakes_are_explained() {
        let grep = |text: &str| Grep::try_from(text.to_owned());
        assert!(grep("(?i)error|warn").unwrap().0.is_match(b"an ERROR"));
        assert!(grep(r"^\d+ \[web\]").unwrap().0.is_match(b"12 [web]"));
        for text in ["(", "a**b(", r"(a)\1", "(?=x)", "((a{1000}){1000}){1000}"] {
            assert!(grep(text).unwrap_err().contains("regular expression"), "{text}");
        }
        assert!(grep(&"a".repeat(1001)).unwrap_err().contains("1000"));
        // The expression that takes others exponential time.
        let line = [b'a'; 16 * 1024];
        let started = std::time::Instant::now();
        assert!(!grep("^(a+)+$").unwrap().0.is_match(&[&line[..], b"!"].concat()));
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }

    #[test]
    fn following_has_bounds() {
        assert!(FollowSeconds::try_from(1).is_ok() && FollowSeconds::try_from(600).is_ok());
        for seconds in [-1, 0, 601, i64::MAX] {
            assert!(FollowSeconds::try_from(seconds).is_err(), "{seconds}");
        }
    }
}
