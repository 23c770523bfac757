//! How an identity provider is treated that does not answer, or asks us to come later: one gate per token endpoint, that
//! is per issuer, or per tenant.
//!
//! Nobody gets here whose token is not verified and whose caller is not known: a stranger neither opens a circuit nor
//! takes a place.

mod circuit;
mod gate;
mod holds;
mod places;
mod probes;
mod retry;
mod retry_after;

pub(crate) use gate::{Again, Closed, Errand, Gate, Passage, Visit};
pub(crate) use holds::Kind;
pub(crate) use places::Places;
pub(crate) use retry::{PAUSE, patience};
pub(crate) use retry_after::retry_after;

/// What an attempt says of the identity provider, whatever it says of the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// It was not asked, or the attempt broke off on our side.
    Unasked,
    /// It has answered.
    Answered,
    /// It has answered that it cannot just now.
    Busy,
    /// No connection could be had, which is nobody's doing.
    Unreachable,
    /// No answer to this request, or one of a broken service. Perhaps to this request only.
    Silent,
    /// Something else answers in its place.
    Strange,
}

impl Sign {
    /// Whether it is worth asking once more.
    pub(crate) fn may_pass(self) -> bool {
        matches!(self, Self::Busy | Self::Unreachable | Self::Silent)
    }

    /// Whether the identity provider is there.
    pub(crate) fn is_answer(self) -> bool {
        matches!(self, Self::Answered | Self::Busy)
    }
}
