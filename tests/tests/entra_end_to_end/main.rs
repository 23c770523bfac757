//! A person's token from an Entra ID as strict as the service enters a real Envoy, and a real API server sees that
//! person; or does not, and the person is told why.
//!
//! One stack with a real Keycloak and the emulator of Entra ID serves all stories of this binary, as starting it takes
//! longest. Beside it stands a second gateway to the same STS with many doors, see [`world`]. Stories change what they
//! share (keys, credentials, faults), so they take turns.
//!
//! What this does not show: that the emulator is right. That is `entra_rules` and `entra_msal`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a story that meets something unexpected ends there"
)]

mod answers;
mod both;
mod credentials;
mod doors;
mod foreign_keys;
mod keys;
mod namesake;
mod refusals;
mod styles;
mod tokens;
mod troubles;
mod world;
