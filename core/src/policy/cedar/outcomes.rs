//! What may come of evaluating an expression that has no single value.

use std::sync::Arc;

/// Why a policy could not be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// An operator met a value that it does not take.
    #[error("expected {wanted}, found {found}")]
    Type {
        /// What it takes.
        wanted: &'static str,
        /// What stood there.
        found: &'static str,
    },
    /// A record or an entity does not have what was read.
    #[error("no attribute {0}")]
    NoAttribute(Arc<str>),
    /// An attribute of an entity that nothing is known of.
    #[error("nothing is known of {0}")]
    NoEntity(Arc<str>),
    /// Beyond 64 bits.
    #[error("arithmetic overflow")]
    Overflow,
    /// More than one outcome where everything is known: of this evaluator's making.
    #[error("no single outcome")]
    Unsettled,
    /// An argument that is not what the tool's schema says.
    #[error("argument {0} is not what the tool's schema says")]
    Argument(Arc<str>),
}

/// A set of outcomes. Without unknown arguments there is exactly one in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcomes(u8);

impl Outcomes {
    pub(super) const TRUE: Self = Self(1);
    pub(super) const FALSE: Self = Self(2);
    /// A claim was read that the token does not tell.
    pub(super) const UNTOLD: Self = Self(4);
    pub(super) const ERROR: Self = Self(8);
    /// True or false; of what is no Bool: any value.
    pub(super) const EITHER: Self = Self(3);

    pub(super) fn of(bool: bool) -> Self {
        if bool { Self::TRUE } else { Self::FALSE }
    }

    pub(super) fn may_be(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Both are evaluated, one after the other, whatever the first one's value is.
    pub(super) fn and_then(self, next: Self) -> Self {
        if self.may_be(Self::EITHER) { self.without(Self::EITHER).or(next) } else { self }
    }

    pub(super) fn not(self) -> Self {
        let swapped = (self.0 & 1) << 1 | (self.0 & 2) >> 1;
        Self(self.0 & !3 | swapped)
    }
}

/// No single value: what may come of it, and an error that is among that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Open {
    pub(super) outcomes: Outcomes,
    pub(super) fault: Option<Fault>,
}

impl Open {
    pub(super) fn and_then(self, next: Self) -> Self {
        Self { outcomes: self.outcomes.and_then(next.outcomes), fault: self.fault.or(next.fault) }
    }
}

impl From<Outcomes> for Open {
    fn from(outcomes: Outcomes) -> Self {
        Self { outcomes, fault: None }
    }
}

impl From<Fault> for Open {
    fn from(fault: Fault) -> Self {
        Self { outcomes: Outcomes::ERROR, fault: Some(fault) }
    }
}
