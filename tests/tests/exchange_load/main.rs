//! The exchange under load and under every fault: who is warm notices nothing, who is cold is told when to come back, and
//! the identity provider is asked as seldom as can be.
//!
//! Errors are counted, not milliseconds: these stories hold on a slow machine.

#![expect(clippy::indexing_slicing, reason = "a JSON value answers null for what it does not have")]
#![expect(clippy::unwrap_used, reason = "in a story, what fails ends it")]

mod crowd;
mod outages;
mod phase;
mod rolled;
mod swaps;
mod town;
