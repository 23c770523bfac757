//! Where a log should begin: so long ago, or at a time.

use std::borrow::Cow;

use k8s_openapi::jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::cluster;

/// A duration like `90s`, `5m`, `1h30m` or `2d`, or a time of RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Since(pub(super) cluster::Since);

impl TryFrom<String> for Since {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if let Some(seconds) = seconds(&text) {
            return Ok(Self(cluster::Since::Seconds(seconds)));
        }
        if text.len() <= 40
            && let Ok(time) = text.parse::<Timestamp>()
        {
            return Ok(Self(cluster::Since::Time(time)));
        }
        Err(
            "since must be a duration like 90s, 5m, 1h30m or 2d, or a time like 2026-01-31T09:30:00Z",
        )
    }
}

/// `1h30m` in seconds: numbers with units, each smaller than the one before.
fn seconds(mut text: &str) -> Option<u32> {
    let mut sum = 0_u32;
    let mut before = u32::MAX;
    while !text.is_empty() {
        let (digits, rest) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
        let unit = match rest.chars().next()? {
            'd' => 86_400,
            'h' => 3_600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        if unit >= before {
            return None;
        }
        before = unit;
        sum = sum.checked_add(digits.parse::<u32>().ok()?.checked_mul(unit)?)?;
        text = rest.get(1..)?;
    }
    // None at all, and nothing ago, are no beginnings.
    (sum > 0).then_some(sum)
}

impl JsonSchema for Since {
    fn schema_name() -> Cow<'static, str> {
        "Since".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }

    fn inline_schema() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn since(text: &str) -> Result<cluster::Since, &'static str> {
        Since::try_from(text.to_owned()).map(|Since(since)| since)
    }

    #[test]
    fn durations_and_times_are_told_apart_and_anything_else_is_refused() {
        for (text, seconds) in [("90s", 90), ("5m", 300), ("1h30m", 5_400), ("2d", 172_800)] {
            assert_eq!(since(text), Ok(cluster::Since::Seconds(seconds)), "{text}");
        }
        let time = Timestamp::from_second(1_769_851_800).unwrap();
        for text in ["2026-01-31T09:30:00Z", "2026-01-31T10:30:00+01:00"] {
            assert_eq!(since(text), Ok(cluster::Since::Time(time)), "{text}");
        }
        for text in [
            "",
            "5",
            "m",
            "-5m",
            "5 m",
            "1m1h",
            "5m5m",
            "99999999999s",
            "60000d",
            "yesterday",
            "0s",
            "2026-01-31",
        ] {
            assert!(since(text).is_err(), "{text}");
        }
    }
}
