#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should say so loudly"
)]
//! The STS's whole HTTP surface over TLS, in front of an identity provider that does what a real one cannot be made to
//! do: answer with somebody else's token, lie, hang, publish private keys. What a real Keycloak can show is shown with
//! one, in `tests/tests/sts_keycloak`.
//!
//! Every refusal has its control beside it: the same request with an honest answer goes through.

mod answers;
mod bad_input;
mod circuits;
mod collector;
mod connections;
mod credentials;
mod echoes;
mod ending;
mod grants;
mod guesses;
mod idp;
mod idp_lines;
mod keys;
mod lines;
mod many_tenants;
mod memory;
mod poison;
mod program;
mod reloads;
mod retries;
mod sharing;
mod tenants;
mod world;
