//! What expressions come to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Number;

use super::outcomes::Outcomes;

/// The name of an entity, such as `Group::"developers"`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Uid {
    pub(super) kind: Arc<str>,
    pub(super) id: Arc<str>,
}

impl Uid {
    pub(super) fn new(kind: &str, id: &str) -> Self {
        Self { kind: kind.into(), id: id.into() }
    }
}

/// A value of Cedar, or the place of one that nobody can read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Value {
    Bool(bool),
    Long(i64),
    Text(Arc<str>),
    Entity(Uid),
    Set(Arc<BTreeSet<Value>>),
    Record(Arc<BTreeMap<Arc<str>, Value>>),
    Hole(Hole),
}

/// Why there is nothing to read in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hole {
    /// A claim that the token does not have.
    Absent,
    /// A claim that the token has elsewhere.
    Unresolved,
    /// An argument of a call that has not been made.
    Unknown,
}

impl Hole {
    /// What comes of reading it.
    pub(super) fn read(self) -> Outcomes {
        match self {
            Self::Absent | Self::Unresolved => Outcomes::UNTOLD,
            Self::Unknown => Outcomes::EITHER,
        }
    }
}

impl Value {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn texts<'a>(texts: impl IntoIterator<Item = &'a String>) -> Self {
        Self::Set(Arc::new(texts.into_iter().map(|text| Self::text(text)).collect()))
    }

    pub(super) fn record<const N: usize>(members: [(&str, Self); N]) -> Self {
        Self::Record(Arc::new(members.map(|(name, value)| (name.into(), value)).into()))
    }

    /// What an error message calls it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Bool(_) => "a Bool",
            Self::Long(_) => "a Long",
            Self::Text(_) => "a String",
            Self::Entity(_) => "an entity",
            Self::Set(_) => "a Set",
            Self::Record(_) => "a record",
            Self::Hole(_) => "nothing that can be read",
        }
    }

    /// What comes of reading this value whole, where that is no value: a record may have a hole at any depth. No set
    /// has one.
    pub(super) fn holes(&self) -> Option<Outcomes> {
        match self {
            Self::Hole(hole) => Some(hole.read()),
            Self::Record(members) => {
                members.values().filter_map(Self::holes).reduce(Outcomes::and_then)
            }
            _ => None,
        }
    }
}

/// JSON Schema's `integer` takes `1.0` as well, and so do servers.
pub(super) fn whole(number: &Number) -> Option<i64> {
    // 2^53: up to here every whole number is a double of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked, and it is whole")]
    let of_double =
        |double: f64| (double.fract() == 0.0 && double.abs() < EXACT).then_some(double as i64);
    match number.as_i64() {
        None if number.is_f64() => number.as_f64().and_then(of_double),
        whole => whole,
    }
}
