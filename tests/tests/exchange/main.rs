//! Every refusal of an identity provider, as a client behind Envoy sees it, and how it ends.
//!
//! Each row of the tables has a name: what the provider said (the STS's log has it), what the client was told, and that
//! the same person's call goes through once the cause is mended. Keycloak's rows are a real Keycloak's, Entra ID's the
//! emulator's. One world serves all rows; what cannot be caused by a person or an administrator, such as a
//! request that the STS never sends, is caused on the way between the STS and Keycloak.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a story that meets something unexpected ends there"
)]

mod assertion;
mod doors;
mod entra;
mod entra_rows;
mod keycloak;
mod keycloak_rows;
mod replay;
mod table;
mod tampering;
mod told;
mod world;
