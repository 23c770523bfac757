#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a story that cannot go on should say so loudly"
)]
//! Microsoft's own client library and our STS at the emulator: what both send is granted, and the same with one thing left
//! out is refused.
//!
//! MSAL was written against the service and not against the emulator: an emulator that refuses what MSAL sends is wrong. The
//! reverse does not follow from these tests; what the service refuses is in `entra_rules`.

mod left_out;
mod msal;
mod sts;
mod world;
