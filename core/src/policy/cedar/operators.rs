//! Operators on two values that are both there.

use std::collections::BTreeSet;

use super::outcomes::{Fault, Open};
use super::value::{Uid, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Binary {
    Equal,
    Less,
    LessOrEqual,
    Add,
    Subtract,
    Multiply,
    In,
    Contains,
    ContainsAll,
    ContainsAny,
}

impl Binary {
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "==" => Self::Equal,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            "+" => Self::Add,
            "-" => Self::Subtract,
            "*" => Self::Multiply,
            "in" => Self::In,
            "contains" => Self::Contains,
            "containsAll" => Self::ContainsAll,
            "containsAny" => Self::ContainsAny,
            _ => return None,
        })
    }

    /// Values of two types are not equal, and that is no error; everything else wants its types.
    pub(super) fn apply(
        self,
        left: &Value,
        right: &Value,
        is_in: impl Fn(&Uid, &Value) -> Result<Value, Open>,
    ) -> Result<Value, Open> {
        // A comparison would have to read what cannot be read, wherever in the values that is.
        if let Some(holes) = left
            .holes()
            .into_iter()
            .chain(right.holes())
            .reduce(super::outcomes::Outcomes::and_then)
        {
            return Err(holes.into());
        }
        Ok(match self {
            Self::Equal => Value::Bool(left == right),
            Self::Less => Value::Bool(left.long()? < right.long()?),
            Self::LessOrEqual => Value::Bool(left.long()? <= right.long()?),
            Self::Add => long(left.long()?.checked_add(right.long()?))?,
            Self::Subtract => long(left.long()?.checked_sub(right.long()?))?,
            Self::Multiply => long(left.long()?.checked_mul(right.long()?))?,
            Self::In => is_in(left.entity()?, right)?,
            Self::Contains => Value::Bool(left.set()?.contains(right)),
            Self::ContainsAll => Value::Bool(right.set()?.is_subset(left.set()?)),
            Self::ContainsAny => Value::Bool(!right.set()?.is_disjoint(left.set()?)),
        })
    }
}

pub(super) fn long(value: Option<i64>) -> Result<Value, Open> {
    value.map(Value::Long).ok_or_else(|| Fault::Overflow.into())
}

impl Value {
    pub(super) fn wanted(&self, wanted: &'static str) -> Open {
        match self {
            Self::Hole(hole) => hole.read().into(),
            _ => Fault::Type { wanted, found: self.kind() }.into(),
        }
    }

    pub(super) fn long(&self) -> Result<i64, Open> {
        if let Self::Long(long) = self { Ok(*long) } else { Err(self.wanted("a Long")) }
    }

    pub(super) fn string(&self) -> Result<&str, Open> {
        if let Self::Text(text) = self { Ok(text) } else { Err(self.wanted("a String")) }
    }

    pub(super) fn set(&self) -> Result<&BTreeSet<Self>, Open> {
        if let Self::Set(set) = self { Ok(set) } else { Err(self.wanted("a Set")) }
    }

    pub(super) fn entity(&self) -> Result<&Uid, Open> {
        if let Self::Entity(uid) = self { Ok(uid) } else { Err(self.wanted("an entity")) }
    }
}

/// Whether a text is these parts in their order, with anything in between.
pub(super) fn is_like(text: &str, parts: &[String]) -> bool {
    let Some((first, rest)) = parts.split_first() else { return false };
    let Some((last, between)) = rest.split_last() else { return text == first };
    let inner = text.strip_prefix(first.as_str()).and_then(|text| text.strip_suffix(last.as_str()));
    let Some(mut inner) = inner else { return false };
    for part in between {
        // The first place is as good as any: it leaves the most for the parts behind.
        let Some((_, behind)) = inner.split_once(part.as_str()) else { return false };
        inner = behind;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::is_like;

    #[test]
    fn a_wildcard_stands_for_any_text_and_for_none() {
        for (text, parts, expected) in [
            ("pods_list", &["pods_", ""][..], true),
            ("pods", &["pods_", ""], false),
            ("a", &["a"], true),
            ("ab", &["a"], false),
            ("", &["", ""], true),
            ("", &[""], true),
            ("aba", &["ab", "ba"], false),
            ("abba", &["ab", "ba"], true),
            ("xayaz", &["", "a", "a", ""], true),
            ("xaz", &["", "a", "a", ""], false),
            ("aXbXc", &["a", "X", "", "c"], true),
            ("ä*ö", &["ä", "ö"], true),
        ] {
            let parts: Vec<_> = parts.iter().map(ToString::to_string).collect();
            assert_eq!(is_like(text, &parts), expected, "{text} {parts:?}");
        }
    }
}
