//! Who may call what, by policies that were written in Cedar and compiled by `obolus-policy`.
//!
//! The compiler (the crate `policy/`) parses and validates with Cedar itself; what reaches this module is a compact
//! JSON form of policies that have passed. Here is the evaluator, which follows Cedar's semantics except for three
//! rules of ours:
//!
//! * **A claim that the token does not tell.** A `forbid` that reads a claim that is absent or unresolved applies; a
//!   `permit` that reads one does not. Reading is what evaluation comes to: behind a `false &&` nothing is read.
//! * **Arguments that nobody knows yet.** Whether a tool is shown is decided before it is called: see
//!   [`Listing`].
//! * **An error denies the request.** Cedar skips a policy that errs. A `forbid` that was skipped would let pass what
//!   it was written to stop, and so would the `permit` beside it that leans on it; and whoever can provoke an error,
//!   with an argument of another type, could switch it off. So one error, in a `forbid` or a `permit`, is a denial.
//!
//! The tests of `policy/` hold this evaluator against Cedar's own.

mod arguments;
mod decision;
mod entities;
mod evaluate;
mod expression;
mod listing;
mod operators;
mod opinion;
mod outcomes;
mod program;
mod scan;
mod step_up;
mod tables;
mod value;

pub use arguments::Type;
pub use decision::{Decision, DeniedBy};
pub use entities::{Action, HINTS, Object, Told, User};
pub use expression::MAX_DEPTH;
pub use listing::Listing;
pub use opinion::{Opinion, Outcome, Untold};
pub use outcomes::Fault;
pub use program::{Program, Request};
