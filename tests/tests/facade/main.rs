#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a story that cannot go on should say so loudly"
)]
//! The real login façade before an Entra ID that refuses any `resource`: who gets in and by what, and what is refused
//! without anybody being sent anywhere.
//!
//! What this does not show: that the real service behaves as the emulator does, and what a gateway before the façade adds
//! or takes away.

mod attacks;
mod canaries;
mod documented;
mod faults;
mod limits;
mod login;
mod metadata;
mod pages;
mod start;
mod world;
