//! Every tool on a real API server with real controllers, nodes' logs and metrics, and a real helm: for somebody who may,
//! for somebody who may not, and with arguments that make no sense.
//!
//! All stories share one world: each looks only at objects and people of its own.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that meets something unexpected fails"
)]

mod bad_arguments;
mod cancellation;
mod case;
mod changes;
mod charts_elsewhere;
mod conformance;
mod copied;
mod helm;
mod huge;
mod impersonation;
mod injection;
mod inspector;
mod made_before;
mod rollouts;
mod rows;
mod secrets;
mod stdio;
mod table;
mod traces;
mod turned_away;
mod world;
