//! People log in with clients that others wrote, at the pages that identity providers show, and the API server sees them.
//!
//! One stack serves all stories. What this does not prove: Entra ID is an emulator, as strict as the service is known to
//! be; and clients with a window (VS Code, Claude, Cursor) are not run here.

#![expect(
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a story that meets something unexpected ends there"
)]

mod client;
mod clients;
mod direct;
mod matrix;
mod page;
mod pages;
mod proof;
mod refused;
mod world;
