//! The server on the wire, in front of a stand-in for the API server.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets something unexpected fails"
)]

mod advice;
mod brought;
mod cancellation;
mod changes;
mod clusters;
mod confirmation;
mod confirmation_at_once;
mod encryption;
mod exec;
mod faults;
mod guide;
mod helm_relay;
mod identity;
mod kubeconfig_user;
mod logs;
mod nodes;
mod overload;
mod program;
mod prompts;
mod protocol;
mod reading;
mod reload;
mod resources;
mod sessions;
mod stdio;
mod support;
mod top;
