//! Confirmation of what an operator wants people to be asked about: `[[confirmation_rules]]`.
//!
//! [`rules`] decide, [`gate`] is where a call waits, [`sealed`] is what a client carries from the question to the
//! answer. None of it is authorization: RBAC decides what a person may do, and a person's yes adds nothing to that.

mod about;
mod gate;
mod round;
mod rules;
mod sealed;
mod used;

pub(crate) use crate::clock::UnixSeconds;
pub(crate) use about::about;
pub(crate) use gate::{Gate, Way};
pub(crate) use round::Returned;
pub(crate) use rules::{Fallback, RequestScope, Rule, Rules, Scope};
pub(crate) use rules::{Question, Touched};
pub(crate) use sealed::KeyError;
pub(crate) use sealed::{Bound, Seal};
