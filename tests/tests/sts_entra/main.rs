#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a story that cannot go on should say so loudly"
)]
//! The real STS in front of an Entra ID that is as strict as the service: who gets which token exchanged by which
//! proof, what every refusal comes to, and what of an answer is believed.
//!
//! What this does not show: that the emulator is right. That is `entra_rules` and `entra_msal`. One tenant whose keys
//! are away while another's are there is in `sts-service/tests`.

mod credentials;
mod filter_groups;
mod groups;
mod hostile;
mod issuers;
mod keys;
mod material;
mod outages;
mod records;
mod refusals;
mod reloading;
mod replaced;
mod tenants;
mod tokens;
mod traces;
mod world;
