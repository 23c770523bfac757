#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a rule that cannot be shown should say so loudly"
)]
//! The emulator of Entra ID refuses what the service refuses, and allows what it allows: 27 rules, and the table of errors.
//!
//! Each rule is one test that sees both sides, over HTTPS, with a client that is written here and shares nothing with the
//! emulator. These tests say that the emulator does what is known of the service; they cannot say that all is known.

mod answer;
mod assertion;
mod certificate;
mod certificates;
mod client;
mod code_flow;
mod discovery;
mod errors;
mod federated;
mod form;
mod graph;
mod issued;
mod policy;
mod records;
mod refusals;
mod resource;
mod sign_in;
mod signing;
mod table;
mod transport;
mod world;
