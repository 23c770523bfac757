//! Label and field selectors, held against the patterns that the tools advertise.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

const LABEL_PATTERN: &str = r"^([/_.\-A-Za-z0-9=, ()!])+$";
const FIELD_PATTERN: &str = r"^[.\-A-Za-z0-9]+([=!,]{1,2}[./\-A-Za-z0-9]+)+$";

/// A label selector, like `app=web,tier!=cache`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct LabelSelector(pub(crate) String);

/// A field selector, like `status.phase=Running`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct FieldSelector(pub(crate) String);

impl TryFrom<String> for LabelSelector {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = !text.is_empty()
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_.-=, ()!".contains(&b));
        if fits { Ok(Self(text)) } else { Err("labelSelector must be like app=web,tier!=cache") }
    }
}

impl TryFrom<String> for FieldSelector {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if is_field_selector(&text) {
            Ok(Self(text))
        } else {
            Err("fieldSelector must be like status.phase=Running")
        }
    }
}

/// [`FIELD_PATTERN`] by hand: runs of names, between which stand one or two of `=!,`.
fn is_field_selector(text: &str) -> bool {
    let operator = |c: char| "=!,".contains(c);
    let mut rest = text;
    let mut runs = 0_usize;
    loop {
        let end = rest.find(operator).unwrap_or(rest.len());
        let (run, tail) = rest.split_at(end);
        let slash_allowed = runs > 0;
        let well_formed = !run.is_empty()
            && run.bytes().all(|b| {
                b.is_ascii_alphanumeric() || b".-".contains(&b) || (slash_allowed && b == b'/')
            });
        if !well_formed {
            return false;
        }
        runs += 1;
        if tail.is_empty() {
            return runs > 1;
        }
        let operators = tail.find(|c| !operator(c)).unwrap_or(tail.len());
        if operators > 2 {
            return false;
        }
        rest = tail.split_at(operators).1;
    }
}

macro_rules! pattern_schema {
    ($type:ident, $pattern:ident) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern })
            }

            fn inline_schema() -> bool {
                true
            }
        }
    };
}

pattern_schema!(LabelSelector, LABEL_PATTERN);
pattern_schema!(FieldSelector, FIELD_PATTERN);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_follow_the_advertised_patterns() {
        for good in [
            "a=b",
            "a==b",
            "a!=b",
            "metadata.name=x,status.phase!=Running",
            "spec.nodeName=a/b",
            "a,b",
            "a=b,,c",
        ] {
            assert!(is_field_selector(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "=b",
            "a=",
            "a===b",
            "a/b=c",
            "a=b&limit=1",
            "a=b c",
            "a=b#",
            "a=%2e",
            "a=b\n",
        ] {
            assert!(!is_field_selector(bad), "{bad}");
        }
        for good in ["a", "app=web,tier in (a, b)", "!x", "a.b/c=d"] {
            assert!(LabelSelector::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["", "a&b=c", "a=b?x", "a=b#", "a%3d", "a=b\n", "é=1"] {
            assert!(LabelSelector::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
