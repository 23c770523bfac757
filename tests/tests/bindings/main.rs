//! What is bound to what, on the real filter in a real Envoy with the real STS.
//!
//! Between a provider that signs anything and an upstream that records everything: outages, keys
//! that come and go, clients that go away, tokens of somebody else, routes that move, a module that
//! fails, and every other way to an exchange or to the upstream that we could think of.
//!
//! Each "nothing arrived" has a request in the same window that did arrive.

#![expect(clippy::indexing_slicing, reason = "a JSON value answers null for what it does not have")]
#![expect(clippy::unwrap_used, reason = "in a story, what fails ends it")]

mod ahead;
mod answer;
mod audiences;
mod details;
mod disconnects;
mod echo;
mod groups;
mod identity;
mod module;
mod moved;
mod outages;
mod raw;
mod reaching_the_sts;
mod removal;
mod rotation;
mod spellings;
mod spellings_h2;
mod sts_stand_in;
mod targets;
mod traces;
